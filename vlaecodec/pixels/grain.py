"""From a draw to the grain that is shown: no local means, less colour, nothing faint, amplified.

Training weighs texture against what of it is in the wrong place, and so draws too faintly where
there is texture; and it leaves single steps of a grey level where there is none.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlaecodec.networks.photo.architecture import GRAIN_FLOOR_UNITS, GRAIN_UNITS, Grain
from vlaecodec.networks.photo.distribution import MEAN_REACH
from vlaecodec.pixels.passes import Plane

LUMA_QUARTERS = (2, 1, 1)
"""Of green, red and blue, in the luma that stays where colour is taken off."""

WEIGHT_UNITS = 64
"""Units of weights in 1."""

Weights = NDArray[np.int32]
"""How strong grain is at each pixel of a plane, [H, W]."""

_LIMIT = 2 * 255 * GRAIN_FLOOR_UNITS
"""Draws without local means are within twice the range of samples."""


def shape_fine(fine: Plane, grain: Grain, weights: Weights | int = WEIGHT_UNITS) -> Plane:
    """What draws without local means add to the mean image: [3, lanes, H, W], grey levels."""
    places = _eighths(fine, grain.chroma, weights)
    return _curve(grain.gain, grain.floor).take(places + _LIMIT, mode="clip")


def take_means_off(drawn: Plane) -> Plane:
    """Draws less their means over the squares of side 2 MEAN_REACH + 1 around each pixel.

    Rounded to whole levels; squares end at the picture's borders. A draw's neighbours follow it, so
    draws wander away from the mean image and back over some ten pixels: mottle on a smooth wall.
    Low frequencies are in the latent already; only the high-pass part is kept.
    """
    height, width = drawn.shape[2:]
    counts = [_sum_around(np.ones(side, np.int16), 0) for side in (height, width)]
    area = counts[0][:, None] * counts[1]
    # Sums of 49 numbers within 255 fit int16.
    sums = _sum_around(_sum_around(drawn, 2), 3)
    sums += area // 2
    sums //= area
    return drawn - sums


def _sum_around(values: Plane, axis: int) -> Plane:
    """Over MEAN_REACH values to either side along an axis, as far as there are any."""
    values = np.moveaxis(values, axis, 0)
    sums = values.copy()
    for away in range(1, min(MEAN_REACH, len(values) - 1) + 1):
        sums[away:] += values[:-away]
        sums[:-away] += values[away:]
    return np.moveaxis(sums, 0, axis)


def _eighths(fine: Plane, chroma: int, weights: Weights | int) -> NDArray[np.int32]:
    """Draws with less colour, weighted, in 1 / GRAIN_FLOOR_UNITS grey levels, rounded half up."""
    luma = np.tensordot(np.array(LUMA_QUARTERS, np.int32), fine, 1)
    scaled = fine.astype(np.int32) * (4 * chroma)
    scaled += luma * (GRAIN_UNITS - chroma)
    scaled *= weights
    unit = 4 * GRAIN_UNITS * WEIGHT_UNITS // GRAIN_FLOOR_UNITS
    scaled += unit // 2
    scaled //= unit
    return scaled


@lru_cache(maxsize=8)
def _curve(gain: int, floor: int) -> NDArray[np.int16]:
    """What is shown of x, for all x: gain x**3 / (x**2 + floor**2), rounded half up.

    x in 1 / GRAIN_FLOOR_UNITS grey levels, from -_LIMIT on; shown in grey levels.
    """
    shown = []
    for x in range(-_LIMIT, _LIMIT + 1):
        denominator = GRAIN_UNITS * GRAIN_FLOOR_UNITS * (x * x + floor * floor)
        shown.append((2 * gain * x**3 + denominator) // (2 * denominator) if x else 0)
    return np.array(shown, np.int16)
