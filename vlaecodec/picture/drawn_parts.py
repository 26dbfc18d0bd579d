"""Which parts of a picture are drawn, like text around photos: cheap signs, block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlaecodec.picture.content import sample_equal_part
from vlaecodec.picture.overlay import Mask

BLOCK_PX = 16
"""As wide as a latent's place, so that the photo's latents see little of what is drawn."""

EQUAL_PART = 0.6
"""So many pixels of a drawn block equal the one on their left, or the one above, at least."""

GROUND_PART = 0.35
"""Or so many have its lightest colour, or its darkest: the ground that small letters stand on."""

BUSY_PART = 0.5
"""A line of pixels with fewer equal neighbours than this is the photo's, where it touches one."""

CALM_PART = 0.9
"""A line with more of them than this is none of the photo's at its edge."""

EDGE_LEVELS = 48
"""A step this high between neighbours, beside equal ones, is a letter's or a line's."""

EDGE_PART = 0.02
"""So many of all blocks must be drawn and have such a step: clear skies and borders have none."""

DRAWN_PART, PHOTO_PART = 0.15, 0.03
"""So many of all blocks must be drawn, and so many not: else nothing is mixed."""

SAMPLED_EQUAL_PART = 0.1
"""With fewer equal neighbours than this nothing more is looked at: most photos end here."""

Parts = NDArray[np.floating]


def find_drawn_parts(pixels: NDArray[np.uint8]) -> Mask | None:
    """Where a picture, uint8 [H, W, 3], is drawn; None unless some of it is and some is not.

    A part that counts as a photo holds two blocks by two, and reaches up to its edge, to the pixel.
    """
    if min(pixels.shape[:2]) < 2 * BLOCK_PX or sample_equal_part(pixels) < SAMPLED_EQUAL_PART:
        return None
    equal_left, equal_above, high = _signs(pixels)
    equal = np.maximum(_block_means(equal_left), _block_means(equal_above))
    photo = _open((equal < EQUAL_PART) & (_ground_parts(pixels) < GROUND_PART))
    edges = ~photo & (_block_means(high) > 0)
    if edges.mean() < EDGE_PART or not PHOTO_PART <= photo.mean() <= 1 - DRAWN_PART:
        return None
    inside = _to_pixels(photo, equal_left)
    by_rows, by_columns = _fit(inside, equal_left), _fit(inside.T, equal_above.T).T
    return ~np.where(inside, by_rows & by_columns, by_rows | by_columns)


def _signs(pixels: NDArray[np.uint8]) -> tuple[Mask, Mask, Mask]:
    """Which pixels equal the one on their left, and the one above, and step high from either."""
    shape = pixels.shape[:2]
    left, above, high = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    step = _largest_step(pixels[:, 1:], pixels[:, :-1])
    left[:, 1:] = step == 0
    high[:, 1:] = step >= EDGE_LEVELS
    step = _largest_step(pixels[1:], pixels[:-1])
    above[1:] = step == 0
    high[1:] |= step >= EDGE_LEVELS
    return left, above, high


def _largest_step(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of the three colours."""
    steps: NDArray[np.uint8] = (np.maximum(one, other) - np.minimum(one, other)).max(2)
    return steps


def _block_means(x: Mask) -> Parts:
    """Of blocks of BLOCK_PX; those at the edges are filled up with their last rows and columns."""
    return _line_means(_line_means(x).T).T


def _line_means(x: NDArray[np.generic]) -> Parts:
    """Of BLOCK_PX pixels in a row: [H, W] to [H, ceil(W / BLOCK_PX)]."""
    x = np.pad(x, ((0, 0), (0, -x.shape[1] % BLOCK_PX)), "edge")
    means: Parts = x.reshape(len(x), -1, BLOCK_PX).mean(2)
    return means


def _ground_parts(pixels: NDArray[np.uint8]) -> Parts:
    """For each block the part of its pixels as light as its lightest, or as dark as its darkest."""
    light = _in_blocks(pixels.sum(2, dtype=np.uint16))
    parts: Parts = np.maximum(
        (light == light.max(2, keepdims=True)).mean(2),
        (light == light.min(2, keepdims=True)).mean(2),
    )
    return parts


def _in_blocks(x: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """[H, W] to [rows of blocks, columns of blocks, pixels], filled up at the edges."""
    x = np.pad(x, [(0, -side % BLOCK_PX) for side in x.shape], "edge")
    rows, columns = (side // BLOCK_PX for side in x.shape)
    blocks = x.reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2)
    return blocks.reshape(rows, columns, BLOCK_PX**2)


def _open(photo: Mask) -> Mask:
    """What is left of blocks when those go that are in no square of two by two."""
    square = photo[1:, 1:] & photo[1:, :-1] & photo[:-1, 1:] & photo[:-1, :-1]
    kept = np.zeros_like(photo)
    kept[1:, 1:] |= square
    kept[1:, :-1] |= square
    kept[:-1, 1:] |= square
    kept[:-1, :-1] |= square
    return kept


def _to_pixels(blocks: Mask, like: Mask) -> Mask:
    """Blocks of BLOCK_PX as pixels, in the shape of another mask."""
    height, width = like.shape
    return blocks.repeat(BLOCK_PX, 0).repeat(BLOCK_PX, 1)[:height, :width]


def _fit(photo: Mask, equal: Mask) -> Mask:
    """Photos' blocks, as pixels [H, W], with their upper and lower edges moved to where they are.

    An edge lies anywhere in a block: rows of it that are busy are the photo's, as long as they
    follow on it, and rows that are calm are not.
    """
    parts = _line_means(equal)
    busy, calm = parts < BUSY_PART, parts >= CALM_PART
    lines = photo[:, ::BLOCK_PX].copy()
    for _ in range(BLOCK_PX - 1):
        lines[1:] |= lines[:-1] & busy[1:]
        lines[:-1] |= lines[1:] & busy[:-1]
    drawn = ~lines
    for _ in range(BLOCK_PX - 1):
        drawn[1:] |= drawn[:-1] & calm[1:]
        drawn[:-1] |= drawn[1:] & calm[:-1]
    return ~drawn.repeat(BLOCK_PX, 1)[:, : photo.shape[1]]
