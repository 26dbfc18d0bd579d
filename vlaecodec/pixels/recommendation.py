"""The texture map that a file recommends: where draws have as much detail as the photo.

The encoder draws as decoders will, and compares the energy of detail in the middle of each block
with the photo's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.synthesis import Features
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo.architecture import Grain
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels.grain import LUMA_QUARTERS, WEIGHT_UNITS, shape_fine
from vlaecodec.pixels.passes import Plane, to_plane
from vlaecodec.pixels.texture import draw_bands
from vlaecodec.pixels.texture_map import LEVEL_UNITS, LEVELS, TextureMap, block_side_px

SCALES = 2
"""On which detail is compared, each half as fine as the one before."""

ENERGY_FLOOR = 1.0
"""Grey levels squared; differences below are not seen."""

ERROR_FLOOR = 0.1
"""Grey levels squared, added to the mean image's error."""

PRICES = (0.0, *np.geomspace(0.01, 100, 41).tolist())
"""Of squared error, in units of what is compared, that are tried in turn."""

FLAT_PX, FLAT_VARIANCE = 8, 4.0
"""Squares of so many pixels a side are flat where the variance of luma, grey levels squared, is
less."""

FLAT_GRAIN = 0.08
"""Mean energy, grey levels squared, that draws in its flat squares may add to a block."""

FLAT_SQUARES = 16
"""So many flat squares of a block are looked at."""


Table = NDArray[np.float64]
"""[blocks, levels]."""


def recommend_map(
    model: PhotoModel,
    pixels: Pixels,
    mean: Pixels,
    trunk: Features,
    seed: int,
    *,
    most_error: float,
    colours: int = 3,
) -> TextureMap | None:
    """The levels whose detail is most like the photo's; None if there is none.

    What is compared is the mean absolute logarithm of the ratio of energies of detail. most_error:
    how many times as large as the mean image's the squared error may become. Other arguments are
    as for `draw_residual`.
    """
    height, width = mean.shape[:2]
    side = block_side_px(height, width)
    gaps, errors = [], []
    for top, fine in draw_bands(model, mean, trunk, seed, colours=colours):
        for y in range(0, fine.shape[2], side):
            drawn = fine[:, :, y : y + side]
            rows = slice(top + y, top + y + drawn.shape[2])
            planes = to_plane(pixels[rows]), to_plane(mean[rows]), drawn
            gap, error = _compare(*_middles(planes, side), grain=model.arch.grain)
            for number, x in enumerate(range(0, width, side)):
                block = (slice(None), slice(None), slice(None), slice(x, x + side))
                most = most_in_flat_places(planes[0][block], drawn[block], model.arch.grain)
                gap[number, most + 1 :] = np.inf
            gaps.append(gap)
            errors.append(error)
    levels = _choose_levels(np.concatenate(gaps), np.concatenate(errors), most_error)
    found = TextureMap(levels.astype(np.uint8).reshape(len(gaps), -1), height, width)
    return found if found.levels.any() else None


def _choose_levels(gaps: Table, errors: Table, most_error: float) -> NDArray[np.intp]:
    """The lowest of those of least gap, at the lowest price at which all are within most_error."""
    unit = errors[:, 0].mean() + ERROR_FLOOR
    for price in PRICES:
        levels = np.argmin(gaps + price * errors / unit, axis=1)
        if errors[np.arange(len(levels)), levels].mean() <= most_error * unit:
            break
    return levels


def _middles(planes: tuple[Plane, Plane, Plane], side: int) -> list[Plane]:
    """The middle of each block in a row of blocks, [3, 1, rows, W], as lanes."""
    rows, width = planes[0].shape[2:]
    lines = _middle(0, side, rows)
    columns = [_middle(start, side, width) for start in range(0, width, side)]
    return [np.concatenate([x[:, :, lines, some] for some in columns], axis=1) for x in planes]


def _middle(start: int, side: int, length: int) -> slice:
    """The middle half of a block; of one at an edge, the half next to it."""
    size = min(side // 2, length)
    first = max(0, min(start + side // 4, length - size))
    return slice(first, first + size)


def most_in_flat_places(photo: Plane, fine: Plane, grain: Grain) -> int:
    """The highest level at which a block, [3, 1, rows, columns], stays flat where its photo is.

    Squares that the picture's edge cuts do not count.
    """
    squares = _squares(photo)
    flat = np.flatnonzero(_luma_of(squares).var((1, 2)) < FLAT_VARIANCE)
    if not len(flat):
        return len(LEVELS) - 1
    share = len(flat) / squares.shape[1]
    drawn = _squares(fine)[:, flat[:: -(-len(flat) // FLAT_SQUARES)]]
    for level in range(len(LEVELS) - 1, 0, -1):
        shown = shape_fine(drawn, grain, LEVELS[level] * WEIGHT_UNITS // LEVEL_UNITS)
        if share * (_luma_of(shown) ** 2).mean() <= FLAT_GRAIN:
            return level
    return 0


def _squares(block: Plane) -> Plane:
    """Of FLAT_PX pixels a side, as lanes: [3, squares, FLAT_PX, FLAT_PX] of [3, 1, H, W]."""
    rows, columns = (side // FLAT_PX for side in block.shape[2:])
    whole = block[:, 0, : rows * FLAT_PX, : columns * FLAT_PX]
    parts = whole.reshape(3, rows, FLAT_PX, columns, FLAT_PX).swapaxes(2, 3)
    return parts.reshape(3, -1, FLAT_PX, FLAT_PX)


def _compare(photo: Plane, base: Plane, fine: Plane, *, grain: Grain) -> tuple[Table, Table]:
    """How unlike the detail of each lane is at each level, and its mean squared error."""
    aims, gaps, errors = _energies(photo), [], []
    for level in LEVELS:
        weight = level * WEIGHT_UNITS // LEVEL_UNITS
        shown = np.clip(base + shape_fine(fine, grain, weight), 0, 255)
        gap = np.zeros(photo.shape[1])  # a tiny picture has nothing to compare
        for energy, aim in zip(_energies(shown), aims, strict=True):
            gap += np.abs(np.log((energy + ENERGY_FLOOR) / (aim + ENERGY_FLOOR)))
        gaps.append(gap)
        errors.append(((shown - photo).astype(np.float64) ** 2).mean((0, 2, 3)))
    return np.stack(gaps, axis=1), np.stack(errors, axis=1)


def _energies(planes: Plane) -> list[NDArray[np.floating]]:
    """Of each lane's detail, the Laplacian of luma, on each scale; nothing of what is too small."""
    luma = _luma_of(planes)
    energies = []
    for _ in range(SCALES):
        detail = 4 * luma[:, 1:-1, 1:-1]
        detail -= luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1]
        detail -= luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
        if detail[0].size:
            energies.append((detail**2).mean((1, 2)))
        luma = luma[:, : luma.shape[1] // 2 * 2, : luma.shape[2] // 2 * 2]
        pairs = luma.reshape(len(luma), luma.shape[1] // 2, 2, luma.shape[2] // 2, 2)
        luma = pairs.mean((2, 4))
    return energies


def _luma_of(planes: Plane) -> NDArray[np.floating]:
    """[lanes, H, W] of [3, lanes, H, W]."""
    luma: NDArray[np.floating] = np.tensordot(
        np.array(LUMA_QUARTERS, np.float32) / 4, planes.astype(np.float32), 1
    )
    return luma
