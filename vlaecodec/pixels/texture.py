"""Texture: drawn by the local decoder around the mean image, and blended in at a strength.

Drawing is decoding from noise instead of from a file: p(x | z) is sampled pixel by pixel. The noise
is a whole-number hash of seed and place, so a file and a seed give one picture, everywhere and
however the work is cut up. One full draw serves every strength: mean + strength * its fine part.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.header import TEXTURE_UNIT
from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.entropy.tables import FREQUENCY_SUM
from vlaecodec.frozen.synthesis import Features
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo.distribution import DRAW_BITS, DRAWS, MEAN_REACH, TRIM
from vlaecodec.networks.photo.subgrids import SubGrid
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels.grain import WEIGHT_UNITS, Weights, shape_fine, take_means_off
from vlaecodec.pixels.kernel import Ints
from vlaecodec.pixels.lossless import from_residual
from vlaecodec.pixels.noise import noise_at
from vlaecodec.pixels.passes import (
    Conditioning,
    Passes,
    Plane,
    conditioning_of,
    from_plane,
    rows_of,
)
from vlaecodec.pixels.residual import ResidualGrid
from vlaecodec.pixels.texture_map import TextureMap

_TRIM = round(TRIM * FREQUENCY_SUM)
_KEPT = FREQUENCY_SUM - 2 * _TRIM

BAND_ROWS = 1024
"""Rows drawn in one go, beside a margin; any number gives the same picture."""

Residual = NDArray[np.int16]
"""Differences to the mean image, grey levels, [H, W, 3]."""


def draw_residual(
    model: PhotoModel,
    mean: Pixels,
    trunk: Features,
    seed: int,
    *,
    colours: int = 3,
    strengths: TextureMap | None = None,
    corner: tuple[int, int] = (0, 0),
    band_rows: int = BAND_ROWS,
) -> Residual:
    """The grain of one full draw, which is added to the mean image: int16 [H, W, 3].

    mean: uint8 [H, W, 3]. trunk: int16 [channels, >= H / 8, >= W / 8]. colours: 1 for a grey
    picture, whose channels are all equal. strengths: the picture's map; by default 1 everywhere.
    corner: the row and column of the picture, multiples of FOLD, that the first pixel of `mean` is
    at; what is nearer than `margin_px` to an edge that is none of the picture's is not what is
    drawn there. band_rows: a multiple of FOLD; any draws the same.
    """
    shown = np.empty(mean.shape, np.int16)
    bands = draw_bands(
        model, mean, trunk, seed, colours=colours, corner=corner, band_rows=band_rows
    )
    for top, fine in bands:
        rows, columns = fine.shape[2:]
        weights: Weights | int = WEIGHT_UNITS
        if strengths is not None:
            weights = strengths.weights_at(corner[0] + top, corner[1], rows, columns)
        shown[top : top + rows] = from_plane(shape_fine(fine, model.arch.grain, weights))
    return shown


def draw_bands(
    model: PhotoModel,
    mean: Pixels,
    trunk: Features,
    seed: int,
    *,
    colours: int = 3,
    corner: tuple[int, int] = (0, 0),
    band_rows: int = BAND_ROWS,
) -> Iterator[tuple[int, Plane]]:
    """One full draw without local means, in bands: the first row of each, and [3, 1, rows, W].

    Arguments are as for `draw_residual`.
    """
    height, width = mean.shape[:2]
    margin = margin_px(model)
    for top in range(0, height, band_rows):
        end = min(top + band_rows, height)
        first, last = max(0, top - margin), min(end + margin, height)
        conditioning = conditioning_of(model.texture, mean[first:last], trunk[:, first // FOLD :])
        noise = noise_at(seed, corner[0] + first, corner[1], last - first, width)
        fine = take_means_off(_draw(model, conditioning, noise[:, None], colours))
        yield top, fine[:, :, top - first : end - first]


def margin_px(model: PhotoModel) -> int:
    """How far from a pixel its texture depends on anything; a multiple of FOLD."""
    reach = sum(grid.reach for grid in model.texture.subgrids)
    return -(-(reach + MEAN_REACH) // FOLD) * FOLD


def blend(mean: Pixels, residual: Residual, strength_code: int) -> Pixels:
    """The mean image with texture: uint8 [H, W, 3]. strength_code: 0..TEXTURE_UNIT."""
    scaled = (residual.astype(np.int32) * strength_code + TEXTURE_UNIT // 2) // TEXTURE_UNIT
    return from_residual(scaled.astype(np.int16), mean)


def _draw(
    model: PhotoModel, conditioning: Conditioning, noise: NDArray[np.uint32], colours: int
) -> Plane:
    """Draw lanes side by side. noise: [3, lanes, H, W]. Returns residuals likewise."""
    grid, entries = ResidualGrid(model.residual_rows), _entries(model)

    def choose(colour: int, subgrid: SubGrid, rows: slice, *outputs: Ints) -> Ints:
        index = grid.select_tables(*outputs)
        random = rows_of(noise[colour], subgrid, rows).ravel()
        symbols = entries.take(index.table * DRAWS + (random >> (32 - DRAW_BITS)).astype(np.int32))
        values = np.left_shift(index.base + symbols, index.bits)
        values += random.astype(np.int32) & (np.left_shift(1, index.bits) - 1)
        expected = rows_of(conditioning.mean[colour], subgrid, rows).ravel()
        return np.clip(expected + values, 0, 255) - expected

    passes = Passes(model.texture, conditioning)
    passes.run(choose, whole=False, colours=colours)
    return passes.residual


@lru_cache(maxsize=4)
def _entries(model: PhotoModel) -> NDArray[np.int16]:
    """What each table draws for each of DRAWS numbers: the symbols at evenly spread quantiles.

    All tables in one row: number n of table t at t * DRAWS + n.
    """
    tables = model.tables["residual"]
    quantiles = _TRIM + (np.arange(DRAWS, dtype=np.int64) * _KEPT + _KEPT // 2 >> DRAW_BITS)
    ends = np.cumsum(tables.frequencies.reshape(len(tables), -1), axis=1, dtype=np.int64)
    found = np.stack([np.searchsorted(row, quantiles, side="right") for row in ends])
    # The last entry stands for what is outside the table.
    found = np.minimum(found, ends.shape[1] - 2) + tables.lows[:, None]
    return found.astype(np.int16).ravel()
