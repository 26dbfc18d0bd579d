"""A tile's own corrections of the local decoder's distributions, sent along with exact pixels.

The local decoder predicts all photos with one set of weights. How a sample leans on its neighbours
differs with camera, sharpness and noise; whole numbers fitted by the encoder tell the decoder: for
the sub-grids that hold most pixels linear corrections of the means and shifts of the scales, for
each colour and each class of predicted scale. Whole-number arithmetic, as all that a decoder does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlaecodec.entropy.scales import MEAN_UNITS
from vlaecodec.frozen.layers import Floats
from vlaecodec.networks.photo.distribution import CLASSES, DISTRIBUTION
from vlaecodec.pixels.kernel import Ints, KernelCorrection, classes_of

COEFFICIENT_UNIT = 128
"""Coefficients are whole numbers of 1 / COEFFICIENT_UNIT grey levels per grey level."""

COEFFICIENT_LIMIT = 128
"""They, and the shifts of scales, lie in -COEFFICIENT_LIMIT..COEFFICIENT_LIMIT - 1."""

CORRECTED_GRIDS = 3
"""So many sub-grids, the last ones, have corrections: three quarters of all pixels."""


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


def corrected_grids(count: int) -> range:
    """The numbers of the sub-grids, of so many, that have corrections."""
    return range(count - CORRECTED_GRIDS, count)


def correct(
    correction: Correction, seen: Floats, own: Floats, mean: Ints, scale: Ints
) -> tuple[Ints, Ints]:
    """Means and scales [3, n] as the decoder's kernel corrects them.

    seen [inputs, n], own [3, n]: what pixels see and their own residuals, grey levels. mean, scale:
    what was predicted, [3, n] in coding order, in MEAN_UNITS and SCALE_UNITS.
    """
    matrices, pixels = correction.for_kernel(), np.arange(seen.shape[1], dtype=np.int32)
    total = (matrices.seen @ seen + matrices.bias[:, None]).ravel()
    means, scales = mean.copy(), scale.copy()
    for number in range(3):
        classes = classes_of(scale[number])
        added = total.take((3 * classes + number) * len(pixels) + pixels)
        for before in range(number):
            added += matrices.known[:, number, before].take(classes) * own[before]
        means[number] += np.floor(added).astype(np.int32)
        shifted = scale[number] + correction.shift[:, number].take(classes)
        scales[number] = np.clip(shifted, DISTRIBUTION.low, DISTRIBUTION.high)
    return means, scales
