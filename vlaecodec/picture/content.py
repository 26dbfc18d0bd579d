"""Cheap tests of a picture: whether it looks drawn, and whether it is grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EQUAL_PART = 0.4
"""Few photos have so many pixels that equal their neighbour; drawings have more."""

FEW_COLOURS = 256
"""As many as a palette has: dithered pictures have no equal neighbours."""

_USES = 8
"""How often each of few colours is used on average, at least."""

_SAMPLE_ROWS = 256
_SAMPLE_PIXELS = 2**14


def looks_drawn(pixels: NDArray[np.uint8]) -> bool:
    """Whether it may be text, a screen, pixel art, flat colour: uint8 [H, W, 3].

    Looks at some rows and columns only.
    """
    if sample_equal_part(pixels) >= EQUAL_PART:
        return True
    return _has_few_colours(pixels[:: max(1, pixels.shape[0] // _SAMPLE_ROWS)])


def sample_equal_part(pixels: NDArray[np.uint8]) -> float:
    """`equal_part` of some rows, or of some columns if that is more."""
    rows = pixels[:: max(1, pixels.shape[0] // _SAMPLE_ROWS)]
    columns = pixels[:, :: max(1, pixels.shape[1] // _SAMPLE_ROWS)].swapaxes(0, 1)
    return max(equal_part(rows), equal_part(columns))


def equal_part(pixels: NDArray[np.uint8]) -> float:
    """How many pixels, of all, equal the one on their left: 0..1; 1 for a single column."""
    if pixels.shape[1] < 2:
        return 1.0
    same = pixels[:, 1:] == pixels[:, :-1]
    return float((same[..., 0] & same[..., 1] & same[..., 2]).mean())


def is_grey(pixels: NDArray[np.uint8]) -> bool:
    """Whether R = G = B at every pixel. Looks at few of them if it is not so."""
    some = pixels[:: max(1, pixels.shape[0] // 16)]
    if not _all_grey(some):
        return False
    rows = range(0, len(pixels), _SAMPLE_ROWS)
    return all(_all_grey(pixels[row : row + _SAMPLE_ROWS]) for row in rows)


def _all_grey(pixels: NDArray[np.uint8]) -> bool:
    green = pixels[..., 1]
    return bool((pixels[..., 0] == green).all() and (pixels[..., 2] == green).all())


def _has_few_colours(pixels: NDArray[np.uint8]) -> bool:
    """Whether a sample of the pixels could have a palette, and each colour comes again."""
    flat = pixels.reshape(-1, 3)
    flat = flat[:: max(1, len(flat) // _SAMPLE_PIXELS)].astype(np.uint32)
    colours = len(np.unique(flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]))
    return colours <= min(FEW_COLOURS, len(flat) // _USES)
