"""A tile's own corrections of the local decoder's distributions, sent along with exact pixels.

The local decoder predicts all photos with one set of weights. How a sample leans on its neighbours
differs with camera, sharpness and noise; whole numbers fitted by the encoder tell the decoder: for
the sub-grids that hold most pixels linear corrections of the means and shifts of the scales, for
each colour and each class of predicted scale. Whole-number arithmetic, as all that a decoder does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlaecodec.entropy.scales import MEAN_UNITS, SCALE_UNITS, residual_scale
from vlaecodec.frozen.layers import Floats
from vlaecodec.networks.photo.distribution import CLASSES, DISTRIBUTION
from vlaecodec.pixels.kernel import Ints, KernelCorrection, classes_of

COEFFICIENT_UNIT = 128
"""Coefficients are whole numbers of 1 / COEFFICIENT_UNIT grey levels per grey level."""

COEFFICIENT_LIMIT = 128
"""They, and the shifts of scales, lie in -COEFFICIENT_LIMIT..COEFFICIENT_LIMIT - 1."""

MIN_PIXELS = 2**14
"""Smaller tiles gain less than the coefficients cost."""

MIN_SAMPLES = 1000
"""A class with fewer samples is left as it is."""

CORRECTED_GRIDS = 3
"""So many sub-grids, the last ones, have corrections: three quarters of all pixels."""

_RIDGE = 1e-4
_OUTLIER_SCALES = 3.0


@dataclass(frozen=True)
class Correction:
    """What is added to one sub-grid's means and scales, by class and colour in coding order."""

    seen: Ints
    """[CLASSES, inputs, 3]: for each residual, contrast and the mean that pixels see."""
    known: Ints
    """[CLASSES, 2, 3]: for the pixel's own residuals of the colours before; else without effect."""
    bias: Ints
    """[CLASSES, 3]."""
    shift: Ints
    """[CLASSES, 3]: of the scales, in SCALE_UNITS."""

    def to_rows(self) -> Ints:
        """All numbers, [CLASSES, 3 * (inputs + 4)]."""
        parts = (self.seen, self.known, self.bias[:, None], self.shift[:, None])
        return np.concatenate(parts, axis=1).reshape(CLASSES, -1)

    @classmethod
    def from_rows(cls, rows: Ints) -> Correction:
        """The inverse of to_rows; numbers beyond the limits are clipped."""
        rows = np.clip(rows, -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT - 1).reshape(CLASSES, -1, 3)
        return cls(rows[:, :-4], rows[:, -4:-2], rows[:, -2], rows[:, -1])

    def for_kernel(self) -> KernelCorrection:
        """As matrices on inputs in grey levels, results in MEAN_UNITS.

        Every sum is a whole number of 2**-4 below 2**20: exact in float32.
        """
        unit = np.float32(MEAN_UNITS / COEFFICIENT_UNIT)
        seen = self.seen.transpose(0, 2, 1).reshape(3 * CLASSES, -1)
        return KernelCorrection(
            seen=seen.astype(np.float32) * unit,
            known=self.known.transpose(0, 2, 1).astype(np.float32) * unit,
            # The half makes rounding down rounding to nearest.
            bias=(self.bias.astype(np.float32) * unit + np.float32(0.5)).ravel(),
            shift=self.shift,
        )


def fit_means(seen: Floats, own: Floats, mean: Ints, scale: Ints) -> Correction:
    """The weighted least squares of what the means miss; scales are left as they are.

    seen [n, inputs], own [n, 3]: what pixels see and their own residuals, grey levels. mean, scale:
    what was predicted, [n, 3] in coding order, in MEAN_UNITS and SCALE_UNITS.
    """
    inputs = seen.shape[1]
    fitted = np.zeros((CLASSES, 1 + inputs + 2, 3), np.int32)
    ones = np.ones((len(seen), 1), np.float32)
    regressors = np.concatenate([ones, seen, own[:, :2]], axis=1)
    for number in range(3):
        used = 1 + inputs + number
        missed = own[:, number] - mean[:, number] / MEAN_UNITS
        spread = residual_scale(scale[:, number] / SCALE_UNITS)
        # Outliers count with their root.
        trust = np.sqrt(np.minimum(1, _OUTLIER_SCALES * spread / (np.abs(missed) + 1e-9)))
        weight = trust / (spread + 0.3)
        classes = classes_of(scale[:, number])
        for of_class in range(CLASSES):
            chosen = np.flatnonzero(classes == of_class)
            if len(chosen) < MIN_SAMPLES:
                continue
            # In float64: what is fitted must not depend on the order in which sums are formed.
            rows = (regressors[chosen, :used] * weight[chosen, None]).astype(np.float64)
            normal = rows.T @ rows
            normal += np.eye(used) * (len(rows) * _RIDGE + np.diagonal(normal) * _RIDGE)
            solution = np.linalg.solve(normal, rows.T @ (missed * weight)[chosen])
            fitted[of_class, :used, number] = np.clip(
                np.floor(solution * COEFFICIENT_UNIT + 0.5),
                -COEFFICIENT_LIMIT,
                COEFFICIENT_LIMIT - 1,
            )
    shift = np.zeros((CLASSES, 3), np.int32)
    return Correction(fitted[:, 1 : 1 + inputs], fitted[:, 1 + inputs :], fitted[:, 0], shift)


def correct(
    correction: Correction, seen: Floats, own: Floats, mean: Ints, scale: Ints
) -> tuple[Ints, Ints]:
    """Means and scales [n, 3] as the decoder's kernel corrects them; inputs as in `fit_means`."""
    matrices = correction.for_kernel()
    total = (seen @ matrices.seen.T + matrices.bias).reshape(len(seen), CLASSES, 3)
    means, scales = mean.copy(), scale.copy()
    for number in range(3):
        classes = classes_of(scale[:, number])
        added = total[np.arange(len(seen)), classes, number]
        if number:
            weights = matrices.known[classes, number, :number]
            added = added + (own[:, :number] * weights).sum(1)
        means[:, number] += np.floor(added).astype(np.int32)
        shifted = scale[:, number] + correction.shift[classes, number]
        scales[:, number] = np.clip(shifted, DISTRIBUTION.low, DISTRIBUTION.high)
    return means, scales
