"""The texture map that a file recommends: where draws have as much detail as the photo.

The encoder draws a patch of each block and compares the energy of its detail with the photo's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.frozen.synthesis import Features
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo.architecture import Grain
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels.grain import LUMA_QUARTERS, WEIGHT_UNITS, shape_fine, take_means_off
from vlaecodec.pixels.noise import noise_at
from vlaecodec.pixels.passes import Conditioning, Plane, conditioning_of, to_plane
from vlaecodec.pixels.texture import draw_lanes
from vlaecodec.pixels.texture_map import LEVEL_UNITS, LEVELS, TextureMap, block_side_px

PATCH_PX = 32
"""Side of what is drawn of a block."""

ALONE_PX = 6
"""What is nearer to a patch's edge is drawn without neighbours, and is not compared."""

LANES = 128
"""Patches drawn side by side."""

SCALES = 2
"""On which detail is compared, each half as fine as the one before."""

EXCESS_WEIGHT = 1.2
"""How much more too much detail counts than too little: grain on a smooth wall is seen, missing
grain is not."""

ENERGY_FLOOR = 1.0
"""Grey levels squared; differences below are not seen."""

MOST_ERROR, ERROR_FLOOR = 1.5, 2.0
"""Draws may enlarge a patch's squared error so many times; grey levels squared are added to the
mean image's."""

FLAT_PX, FLAT_VARIANCE = 8, 4.0
"""Squares of so many pixels a side are flat where the variance of luma, grey levels squared, is
less. A block's patch says nothing of what is flat beside it."""

FLAT_SHARE = 0.3
"""A block of which more is flat is shown at most as it is drawn."""

Window = tuple[slice, slice]


def recommend_map(
    model: PhotoModel,
    pixels: Pixels,
    mean: Pixels,
    trunk: Features,
    seed: int,
    *,
    colours: int = 3,
) -> TextureMap | None:
    """The levels whose detail is most like the photo's, in every block; None if there is none.

    What is compared is the mean logarithm of the ratio of energies of detail. Arguments are as for
    `draw_residual`.
    """
    height, width = mean.shape[:2]
    found = TextureMap.filled(0, height, width)
    side = block_side_px(height, width)
    blocks = [(side * row, side * column) for row, column in np.ndindex(found.levels.shape)]
    corners = [(_middle(top, side, height), _middle(left, side, width)) for top, left in blocks]
    chosen = []
    for first in range(0, len(corners), LANES):
        windows = [
            (slice(top, top + PATCH_PX), slice(left, left + PATCH_PX))
            for top, left in corners[first : first + LANES]
        ]
        fine = _draw_patches(model, mean, trunk, seed, windows, colours)
        photo, base = (_patches(picture, windows) for picture in (pixels, mean))
        chosen.append(_choose_levels(photo, base, fine, model.arch.grain))
    levels = np.concatenate(chosen)
    flat = [_is_flat(pixels[top : top + side, left : left + side]) for top, left in blocks]
    levels[flat] = np.minimum(levels[flat], LEVELS.index(LEVEL_UNITS))
    found.levels[:] = levels.reshape(found.levels.shape)
    return found if levels.any() else None


def _is_flat(block: Pixels) -> bool:
    """Whether much of a block is; squares that the picture's edge cuts do not count."""
    height, width = (length // FLAT_PX * FLAT_PX for length in block.shape[:2])
    luma = _luma_of(to_plane(block[:height, :width]))
    squares = luma.reshape(height // FLAT_PX, FLAT_PX, width // FLAT_PX, FLAT_PX)
    if not squares.size:
        return False
    return bool((squares.var((1, 3)) < FLAT_VARIANCE).mean() > FLAT_SHARE)


def _middle(start: int, side: int, length: int) -> int:
    """Where the patch in the middle of a block begins, a multiple of FOLD within a picture."""
    wanted = start + (side - PATCH_PX) // 2
    return max(0, min(wanted, length - PATCH_PX)) // FOLD * FOLD


def _patches(picture: Pixels, windows: list[Window]) -> Plane:
    """Of a picture, as lanes: [3, lanes, rows, columns]."""
    return np.concatenate([to_plane(picture[window]) for window in windows], axis=1)


def _draw_patches(
    model: PhotoModel,
    mean: Pixels,
    trunk: Features,
    seed: int,
    windows: list[Window],
    colours: int,
) -> Plane:
    """Draws without local means, patches as lanes."""
    parts, noise = [], []
    for rows, columns in windows:
        part = mean[rows, columns]
        own = trunk[:, rows.start // FOLD :, columns.start // FOLD :]
        own = own[:, : -(-part.shape[0] // FOLD), : -(-part.shape[1] // FOLD)]
        parts.append(conditioning_of(model.texture, part, own))
        noise.append(noise_at(seed, rows.start, columns.start, *part.shape[:2]))
    conditioning = Conditioning(
        np.concatenate([part.mean for part in parts], axis=1),
        np.concatenate([part.features for part in parts], axis=1),
    )
    return take_means_off(draw_lanes(model, conditioning, np.stack(noise, axis=1), colours))


def _choose_levels(photo: Plane, base: Plane, fine: Plane, grain: Grain) -> NDArray[np.intp]:
    """The best level of each lane; of equal ones the lowest."""
    aims, most = _energies(photo), MOST_ERROR * (_errors(base, photo) + ERROR_FLOOR)
    gaps = []
    for level in LEVELS:
        weight = level * WEIGHT_UNITS // LEVEL_UNITS
        shown = np.clip(base + shape_fine(fine, grain, weight), 0, 255)
        gap = np.zeros(len(most))  # a tiny picture has nothing to compare
        for energy, aim in zip(_energies(shown), aims, strict=True):
            ratio = np.log((energy + ENERGY_FLOOR) / (aim + ENERGY_FLOOR))
            gap += np.where(ratio > 0, EXCESS_WEIGHT * ratio, -ratio)
        gap[_errors(shown, photo) > most] = np.inf
        gaps.append(gap)
    return np.argmin(gaps, axis=0)


def _errors(shown: Plane, photo: Plane) -> NDArray[np.float64]:
    """Mean squared errors of lanes, grey levels squared."""
    return ((shown - photo).astype(np.float64) ** 2).mean((0, 2, 3))


def _energies(planes: Plane) -> list[NDArray[np.floating]]:
    """Of each lane's detail, the Laplacian of luma, on each scale; nothing of what is too small."""
    luma = _luma_of(planes)
    energies = []
    for scale in range(SCALES):
        detail = 4 * luma[:, 1:-1, 1:-1]
        detail -= luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1]
        detail -= luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
        alone = ALONE_PX >> scale
        if min(detail.shape[1:]) > 2 * alone:
            detail = detail[:, alone:-alone, alone:-alone]
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
