"""Texture: drawn by the local decoder around the mean image, and blended in at a strength.

Drawing is decoding from noise instead of from a file: p(x | z) is sampled pixel by pixel. The noise
is a whole-number hash of seed and place, so a file and a seed give one picture, everywhere and
however the work is cut up. One full draw serves every strength: mean + strength * its fine part.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.header import TEXTURE_UNIT
from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.entropy.scales import RESIDUAL_ENTRIES
from vlaecodec.entropy.tables import FREQUENCY_SUM
from vlaecodec.frozen.synthesis import Features
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo.architecture import TEXTURE_GAIN_UNITS
from vlaecodec.networks.photo.distribution import DRAW_BITS, DRAWS, MEAN_REACH, TRIM
from vlaecodec.networks.photo.subgrids import SubGrid
from vlaecodec.picture.image import Pixels
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

_TRIM = round(TRIM * FREQUENCY_SUM)
_KEPT = FREQUENCY_SUM - 2 * _TRIM

BAND_ROWS = 1024
"""Rows drawn in one go, beside a margin; any number gives the same picture."""

Residual = NDArray[np.int16]
"""Differences to the mean image, grey levels, [H, W, 3]."""

SCALES = 3
"""Scales on which a strength is judged, each half as fine as the one before."""

EXCESS_WEIGHT = 2.0
"""How much more too much detail counts than too little."""

PATCH_PX = 64
PATCHES_PER_SIDE = 5
BLOCK_PX = 16
"""Detail is compared in blocks of this size."""

ENERGY_FLOOR = 4.0
"""Grey levels squared; differences below are not seen."""

_ROOM = PATCH_PX // FOLD


def draw_residual(
    model: PhotoModel,
    mean: Pixels,
    trunk: Features,
    seed: int,
    *,
    colours: int = 3,
    corner: tuple[int, int] = (0, 0),
    band_rows: int = BAND_ROWS,
) -> Residual:
    """One full draw's residual to the mean image, int16 [H, W, 3]: no local means, amplified.

    mean: uint8 [H, W, 3]. trunk: int16 [channels, >= H / 8, >= W / 8]. colours: 1 for a grey
    picture, whose channels are all equal. corner: the row and column of the picture, multiples of
    FOLD, that the first pixel of `mean` is at; what is nearer than `margin_px` to an edge that is
    none of the picture's is not what is drawn there. band_rows: a multiple of FOLD; any draws the
    same.
    """
    height, width = mean.shape[:2]
    margin = margin_px(model)
    shown = np.empty((height, width, 3), np.int16)
    for top in range(0, height, band_rows):
        end = min(top + band_rows, height)
        first, last = max(0, top - margin), min(end + margin, height)
        conditioning = conditioning_of(model.texture, mean[first:last], trunk[:, first // FOLD :])
        noise = noise_at(seed, corner[0] + first, corner[1], last - first, width)
        drawn = _draw(model, conditioning, noise[:, None], colours)
        band = from_plane(amplify(take_means_off(drawn), model.arch.texture_gain))
        shown[top:end] = band[top - first : end - first]
    return shown


def margin_px(model: PhotoModel) -> int:
    """How far from a pixel its texture depends on anything; a multiple of FOLD."""
    reach = sum(grid.reach for grid in model.texture.subgrids)
    return -(-(reach + MEAN_REACH) // FOLD) * FOLD


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


def amplify(fine: Plane, gain: int) -> Plane:
    """Draws times gain / TEXTURE_GAIN_UNITS, rounded half up.

    Training weighs texture against what of it is in the wrong place, and so draws too faintly.
    """
    half = TEXTURE_GAIN_UNITS // 2
    return ((fine.astype(np.int32) * gain + half) // TEXTURE_GAIN_UNITS).astype(np.int16)


def _sum_around(values: Plane, axis: int) -> Plane:
    """Over MEAN_REACH values to either side along an axis, as far as there are any."""
    values = np.moveaxis(values, axis, 0)
    sums = values.copy()
    for away in range(1, min(MEAN_REACH, len(values) - 1) + 1):
        sums[away:] += values[:-away]
        sums[:-away] += values[away:]
    return np.moveaxis(sums, 0, axis)


def blend(mean: Pixels, residual: Residual, strength_code: int) -> Pixels:
    """The mean image with texture: uint8 [H, W, 3]. strength_code: 0..TEXTURE_UNIT."""
    scaled = (residual.astype(np.int32) * strength_code + TEXTURE_UNIT // 2) // TEXTURE_UNIT
    return from_residual(scaled.astype(np.int16), mean)


def recommend_strength(
    model: PhotoModel,
    pixels: Pixels,
    mean: Pixels,
    trunk: Features,
    seed: int,
    *,
    colours: int = 3,
) -> int:
    """The strength code whose picture has local statistics most like the photo's own.

    Draws in patches spread over the picture. In blocks of BLOCK_PX, and on SCALES scales, compares
    the energy of detail with the photo's; takes the strength of least mean absolute log ratio, too
    much detail counting more than too little: grain on a smooth wall is seen, missing grain is not.
    """
    height, width = (min(PATCH_PX, side) for side in mean.shape[:2])
    corners = [
        (top, left)
        for top in _spread(mean.shape[0] - height)
        for left in _spread(mean.shape[1] - width)
    ]

    def patches(picture: Pixels) -> Pixels:
        return np.stack([picture[y : y + height, x : x + width] for y, x in corners])

    means = patches(mean)
    trunks = [trunk[:, y // FOLD :, x // FOLD :][:, :_ROOM, :_ROOM] for y, x in corners]
    parts = [
        conditioning_of(model.texture, patch, part)
        for patch, part in zip(means, trunks, strict=True)
    ]
    conditioning = Conditioning(
        np.concatenate([part.mean for part in parts], axis=1),
        np.concatenate([part.features for part in parts], axis=1),
    )
    lanes = range(len(corners))
    noise = np.stack([noise_at(seed + lane, 0, 0, height, width) for lane in lanes], axis=1)
    fine = take_means_off(_draw(model, conditioning, noise, colours))
    fine = amplify(fine, model.arch.texture_gain)
    drawn = np.stack(
        [from_residual(from_plane(fine[:, lane, None]), means[lane]) for lane in lanes]
    )
    photo, base, draw = (p.astype(np.float64) for p in (patches(pixels), means, drawn))
    strengths = np.arange(0, TEXTURE_UNIT + 1, TEXTURE_UNIT // 32)
    gaps = np.zeros(len(strengths))
    for _ in range(SCALES):
        details = [_detail(p) for p in (photo, base, draw - base)]
        if details[0].size == 0:
            break
        target = _block_energy(details[0], details[0])
        still, cross, free = (
            _block_energy(details[a], details[b]) for a, b in ((1, 1), (1, 2), (2, 2))
        )
        for index, strength in enumerate(strengths / TEXTURE_UNIT):
            energy = still + 2 * strength * cross + strength**2 * free
            ratio = (energy + ENERGY_FLOOR) / (target + ENERGY_FLOOR)
            gap = np.log(ratio)
            gaps[index] += np.where(gap > 0, EXCESS_WEIGHT * gap, -gap).mean()
        photo, base, draw = (_halve(p) for p in (photo, base, draw))
    return int(strengths[np.argmin(gaps)])


def _spread(room: int) -> list[int]:
    """Up to PATCHES_PER_SIDE evenly spread places in 0..room, multiples of FOLD."""
    count = min(PATCHES_PER_SIDE, room // PATCH_PX + 1)
    return [
        round(room * (i + 0.5) / count / FOLD - 0.5) * FOLD if room else 0 for i in range(count)
    ]


def _detail(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """A Laplacian, without the margin that patches draw without context: [L, H - 10, W - 10, 3]."""
    inner = x[:, 8:-1, 8:-1] if min(x.shape[1:3]) > 9 else x[:, :0]
    if inner.shape[1] < 3 or inner.shape[2] < 3:
        return inner[:, :0]
    return (
        4 * inner[:, 1:-1, 1:-1]
        - inner[:, :-2, 1:-1]
        - inner[:, 2:, 1:-1]
        - inner[:, 1:-1, :-2]
        - inner[:, 1:-1, 2:]
    )


def _block_energy(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean products in blocks, colours together."""
    product = (a * b).mean(-1)
    rows, columns = (max(1, side // BLOCK_PX) for side in product.shape[1:])
    parts = (np.array_split(part, columns, 2) for part in np.array_split(product, rows, 1))
    return np.stack([block.mean((1, 2)) for part in parts for block in part])


def _halve(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Averages of 2 x 2 pixels."""
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def _draw(
    model: PhotoModel, conditioning: Conditioning, noise: NDArray[np.uint32], colours: int
) -> Plane:
    """Draw lanes side by side. noise: [3, lanes, H, W]. Returns residuals likewise."""
    grid, entries = ResidualGrid(), _entries(model)

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
def _entries(model: PhotoModel) -> NDArray[np.int32]:
    """What each table draws for each of DRAWS numbers: the symbols at evenly spread quantiles.

    All tables in one row: number n of table t at t * DRAWS + n.
    """
    tables = model.tables["residual"]
    quantiles = _TRIM + (np.arange(DRAWS, dtype=np.int64) * _KEPT + _KEPT // 2 >> DRAW_BITS)
    ends = np.cumsum(tables.frequencies.reshape(len(tables), -1), axis=1, dtype=np.int64)
    found = np.stack([np.searchsorted(row, quantiles, side="right") for row in ends])
    # The last entry stands for what is outside the table.
    found = np.minimum(found, RESIDUAL_ENTRIES - 2) + tables.lows[:, None]
    return found.astype(np.int32).ravel()
