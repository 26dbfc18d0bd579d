"""From a draw to the grain that is shown: no local means, less colour, nothing faint, amplified.

Training weighs texture against what of it is in the wrong place, and so draws too faintly where
there is texture; and it leaves single steps of a grey level where there is none.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.bands import do_all, split
from vlaecodec.networks.photo.architecture import GRAIN_FLOOR_UNITS, GRAIN_UNITS, Grain
from vlaecodec.networks.photo.distribution import MEAN_REACH
from vlaecodec.pixels.passes import Plane

LUMA_QUARTERS = (2, 1, 1)
"""Of green, red and blue, in the luma that stays where colour is taken off."""

BAND = 2**20
"""About so many numbers are worked on at once; any number shows the same."""

WEIGHT_UNITS = 64
"""Units of weights in 1."""

Weights = NDArray[np.int32]
"""How strong grain is at each pixel of a plane, [H, W]."""

_LIMIT = 2 * 255 * GRAIN_FLOOR_UNITS
"""Draws without local means are within twice the range of samples."""


def shape_fine(fine: Plane, grain: Grain, weights: Weights | int = WEIGHT_UNITS) -> Plane:
    """What draws without local means add to the mean image: [3, lanes, H, W], grey levels."""
    shown = np.empty(fine.shape, np.int16)
    curve = _curve(grain.gain, grain.floor)

    def work(rows: slice) -> None:
        strong = weights[rows] if isinstance(weights, np.ndarray) else weights
        places = _eighths(fine[:, :, rows], grain.chroma, strong)
        shown[:, :, rows] = curve.take(places + _LIMIT, mode="clip")

    do_all(work, _bands_of(fine))
    return shown


def take_means_off(drawn: Plane) -> Plane:
    """Draws less their means over the squares of side 2 MEAN_REACH + 1 around each pixel.

    Rounded to whole levels; squares end at the picture's borders. A draw's neighbours follow it, so
    draws wander away from the mean image and back over some ten pixels: mottle on a smooth wall.
    Low frequencies are in the latent already; only the high-pass part is kept.
    """
    height, width = drawn.shape[2:]
    high, wide = (_sum_around(np.ones(side, np.int16), 0) for side in (height, width))
    fine = np.empty(drawn.shape, np.int16)

    def work(rows: slice) -> None:
        first = max(0, rows.start - MEAN_REACH)
        around = drawn[:, :, first : rows.stop + MEAN_REACH]
        # Sums of 49 numbers within 255 fit int16.
        columns = _sum_around(around, 2)[:, :, rows.start - first :][:, :, : rows.stop - rows.start]
        sums = _sum_around(columns, 3)
        area = high[rows, None] * wide
        sums += area // 2
        sums //= area
        np.subtract(drawn[:, :, rows], sums, out=fine[:, :, rows])

    do_all(work, _bands_of(drawn))
    return fine


def _bands_of(plane: Plane) -> list[slice]:
    """Its rows, to be worked on side by side."""
    colours, lanes, height, width = plane.shape
    return split(height, BAND // (colours * lanes * width))


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
