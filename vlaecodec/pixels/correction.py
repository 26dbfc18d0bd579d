"""A picture's own correction of the local decoder's distributions, sent along with exact pixels.

The local decoder predicts all photos with one set of weights. How a sample leans on its neighbours
differs with camera, sharpness and noise; some 1,400 whole numbers per tile, fitted by the encoder,
tell the decoder: linear corrections of the means and shifts of the scales, for each colour and each
class of predicted scale. Whole-number arithmetic, as everything that a decoder does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlaecodec.entropy.scales import MEAN_UNITS, SCALE_UNITS, residual_scale
from vlaecodec.networks.photo.distribution import CLASSES, RESIDUAL_UNITS
from vlaecodec.pixels.kernel import Floats, Ints, KernelCorrection, classes_of

COEFFICIENT_UNIT = 128
"""Coefficients are whole numbers of 1 / COEFFICIENT_UNIT grey levels per grey level."""

COEFFICIENT_LIMIT = 128
"""They, and the shifts of scales, lie in -COEFFICIENT_LIMIT..COEFFICIENT_LIMIT - 1."""

MIN_PIXELS = 2**14
"""Smaller tiles gain less than the coefficients cost."""

MIN_SAMPLES = 1000
"""A class with fewer samples is left as it is."""

_RIDGE = 1e-5
_OUTLIER_SCALES = 3.0


@dataclass(frozen=True)
class Correction:
    """What is added to means and scales, by class and colour in coding order."""

    seen: Ints
    """[CLASSES, inputs, 3]: for each residual in the causal window and each contrast."""
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
        """As matrices on inputs in units of 1 / RESIDUAL_UNITS grey levels, results in MEAN_UNITS.

        Every sum is a whole number of 2**-6 below 2**18: exact in float32.
        """
        unit = np.float32(MEAN_UNITS / COEFFICIENT_UNIT)
        seen, known = (
            x.astype(np.float32) * (unit / RESIDUAL_UNITS) for x in (self.seen, self.known)
        )
        return KernelCorrection(
            seen=np.concatenate(list(seen), axis=1),
            known=known,
            # The half makes rounding down rounding to nearest.
            bias=(self.bias.astype(np.float32) * unit + np.float32(0.5)).ravel(),
            shift=self.shift.astype(np.float32),
        )


def fit_means(seen: Floats, own: Floats, mean: Ints, scale: Ints) -> Correction:
    """The weighted least squares of what the means miss; scales are left as they are.

    seen [n, inputs], own [n, 3]: the residuals around each pixel and contrasts, and its own
    residuals, times RESIDUAL_UNITS.
    mean, scale: what was predicted, [n, 3] in coding order, in MEAN_UNITS and SCALE_UNITS.
    """
    inputs = seen.shape[1]
    fitted = np.zeros((CLASSES, 1 + inputs + 2, 3), np.int32)
    ones = np.full((len(seen), 1), RESIDUAL_UNITS, np.float32)
    regressors = np.concatenate([ones, seen, own[:, :2]], axis=1) / np.float32(RESIDUAL_UNITS)
    for number in range(3):
        used = 1 + inputs + number
        missed = own[:, number] / RESIDUAL_UNITS - mean[:, number] / MEAN_UNITS
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
            rows = regressors[chosen, :used] * weight[chosen, None]
            normal = rows.T @ rows + np.eye(used) * len(rows) * _RIDGE
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
    total = (seen @ matrices.seen + matrices.bias).reshape(len(seen), CLASSES, 3)
    means, scales = mean.copy(), scale.copy()
    for number in range(3):
        classes = classes_of(scale[:, number])
        added = total[np.arange(len(seen)), classes, number]
        if number:
            weights = matrices.known[:, :number, number]
            added = added + (own[:, :number] * weights[classes]).sum(1)
        means[:, number] += np.floor(added).astype(np.int32)
        scales[:, number] = matrices.shifted(scale[:, number], classes, number)
    return means, scales
