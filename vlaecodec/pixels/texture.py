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
from vlaecodec.entropy.tables import FREQUENCY_BITS, FREQUENCY_SUM
from vlaecodec.frozen.synthesis import Features
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo.distribution import COLOURS, local_conditions
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels.coder import from_residual
from vlaecodec.pixels.kernel import Ints
from vlaecodec.pixels.noise import noise_at
from vlaecodec.pixels.residual import ResidualGrid
from vlaecodec.pixels.wavefront import Residuals, run_wavefronts

TRIM = 0.02
"""Draws leave out this much of each tail: one odd pixel leads to odder ones."""

_TRIM = round(TRIM * FREQUENCY_SUM)
_KEPT = FREQUENCY_SUM - 2 * _TRIM

BAND_ROWS = 512
"""Rows drawn in one go; any number gives the same picture."""

MEAN_REACH = 3
"""Texture has no mean over 7 x 7 pixels: of 3 x 3 to 33 x 33 this was nearest to photos."""

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
    band_rows: int = BAND_ROWS,
    *,
    colours: int = 3,
) -> Residuals:
    """One full draw's residual to the mean image, int16 [H, W, 3], colours in coding order.

    Less its own local means: see `take_means_off`.

    mean: uint8 [H, W, 3]. trunk: int16 [channels, >= H / 8, >= W / 8].
    band_rows: a multiple of FOLD. colours: 1 for a grey picture, whose channels are all equal.
    """
    height, width = mean.shape[:2]
    drawn = np.empty((height, width, 3), np.int16)
    context = np.zeros((model.texture.window.height, width, 3), np.int16)
    for top in range(0, height, band_rows):
        rows = min(band_rows, height - top)
        given = model.texture.given(mean, trunk, slice(top, top + rows))
        part = _draw(
            model,
            mean[None, top : top + rows],
            given[None],
            noise_at(seed, top, rows, width)[None],
            context[None],
            colours,
        )
        drawn[top : top + rows] = part[0]
        context = np.concatenate([context, part[0]])[-len(context) :]
    return take_means_off(drawn)


def take_means_off(drawn: Residuals) -> Residuals:
    """Draws [H, W, 3] less their means over the squares of side 2 MEAN_REACH + 1 around each pixel.

    Rounded to whole levels; squares end at the picture's borders. A draw's neighbours follow it, so
    draws wander away from the mean image and back over some ten pixels: mottle on a smooth wall.
    What is coarse the latent tells, and texture has no business with.
    """
    height, width = drawn.shape[:2]
    counts = [_sum_around(np.ones(side, np.int32)) for side in (height, width)]
    fine = np.empty_like(drawn)
    for top in range(0, height, BAND_ROWS):
        end = min(top + BAND_ROWS, height)
        first = max(0, top - MEAN_REACH)
        band = drawn[first : end + MEAN_REACH].astype(np.int32)
        sums = _sum_around(_sum_around(band).swapaxes(0, 1)).swapaxes(0, 1)[top - first :]
        area = (counts[0][top:end, None] * counts[1])[..., None]
        fine[top:end] = drawn[top:end] - (sums[: end - top] + area // 2) // area
    return fine


def _sum_around(values: Ints) -> Ints:
    """Over MEAN_REACH values to either side along the first axis, as far as there are any."""
    sums = values.copy()
    for away in range(1, min(MEAN_REACH, len(values) - 1) + 1):
        sums[away:] += values[:-away]
        sums[:-away] += values[away:]
    return sums


def blend(mean: Pixels, residual: Residuals, strength_code: int) -> Pixels:
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
    given = np.stack(
        [
            model.texture.given(picture, trunk[:, y // FOLD :, x // FOLD :][:, :_ROOM, :_ROOM])
            for picture, (y, x) in zip(means, corners, strict=True)
        ]
    )
    noise = np.stack([noise_at(seed + lane, 0, height, width) for lane in range(len(corners))])
    draws = _draw(model, means, given, noise, None, colours)
    drawn = from_residual(np.stack([take_means_off(each) for each in draws]), means)
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
    model: PhotoModel,
    mean: Pixels,
    given: NDArray[np.int16],
    noise: NDArray[np.uint32],
    above: Residuals | None,
    colours: int,
) -> Residuals:
    """Draw lanes side by side: all [L, H, W, ...]."""
    lanes = len(mean)
    means = mean.reshape(lanes, -1, 3)[..., COLOURS].astype(np.int32)
    noise = noise.reshape(lanes, -1, 3)
    grid, edges = ResidualGrid(), _edges(model)

    def choose(number: int, pixels: slice, *outputs: Ints) -> Ints:
        at = grid.place(*outputs)
        random = noise[:, pixels, number].ravel()
        quantile = _TRIM + ((random >> 8).astype(np.int64) * _KEPT >> FREQUENCY_BITS)
        key = at.table.astype(np.int64) * FREQUENCY_SUM + quantile
        entry = np.searchsorted(edges, key, side="right") - at.table * RESIDUAL_ENTRIES
        coarse = at.base + np.minimum(entry, RESIDUAL_ENTRIES - 2) - RESIDUAL_ENTRIES // 2
        low = random.astype(np.int32) & (np.left_shift(1, at.bits) - 1)
        expected = means[:, pixels, number].ravel()
        return np.clip(expected + np.left_shift(coarse, at.bits) + low, 0, 255) - expected

    conditions = local_conditions(drawing=True)
    return run_wavefronts(model.texture, given, conditions, choose, above, colours)


@lru_cache(maxsize=4)
def _edges(model: PhotoModel) -> NDArray[np.int64]:
    """Where each table's entries end, all tables in one row: table t begins at t * 2**24."""
    return np.cumsum(model.tables["residual"].frequencies, dtype=np.int64)
