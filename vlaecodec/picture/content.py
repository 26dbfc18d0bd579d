"""Cheap tests of a picture: whether it looks drawn, and whether it is grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EQUAL_PART = 0.4
"""Few photos have so many pixels that equal their neighbour; drawings have more."""

FEW_COLOURS = 256
"""As many as a palette has: dithered pictures have no equal neighbours."""

REPEATED_PART = 0.1
"""No photo repeats more of itself pixel by pixel, unless it is of flat colours."""

FEW_GREYS = 64
"""In a grey picture, of which any photo has at most 256."""

_USES = 8
"""How often each of few colours is used on average, at least."""

_RUN_PX = 16
"""What repeats itself is found by runs of so many pixels in a row."""

_RUNS_PART = 1 / 16
_SAMPLE_RUNS = 2**16
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)

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


def repeats_itself(pixels: NDArray[np.uint8]) -> bool:
    """Whether parts of a picture come again elsewhere in it, pixel by pixel: uint8 [H, W, 3].

    Looks at the runs that begin with one of some colours: wherever they are, equal runs are seen.
    """
    part = min(_RUNS_PART, _SAMPLE_RUNS / pixels[..., 0].size)
    bands = range(0, len(pixels), _SAMPLE_ROWS)
    hashes = np.concatenate([_hash_runs(pixels[top : top + _SAMPLE_ROWS], part) for top in bands])
    return len(hashes) - len(np.unique(hashes)) > REPEATED_PART * len(hashes)


def _hash_runs(pixels: NDArray[np.uint8], part: float) -> NDArray[np.uint64]:
    """Hashes of runs of pixels that are not all of one colour, of about this part of all runs."""
    samples = pixels.astype(np.uint32)
    colours = samples[..., 0] << 16 | samples[..., 1] << 8 | samples[..., 2]
    begins = colours * np.uint32(_HASH_FACTOR >> np.uint64(32)) < np.uint32(2**32 * part)
    starts = np.flatnonzero(begins[:, : max(0, colours.shape[1] - _RUN_PX + 1)])
    row, column = np.divmod(starts, max(1, colours.shape[1] - _RUN_PX + 1))
    hashes, flat = np.zeros(len(starts), np.uint64), np.ones(len(starts), bool)
    for right in range(_RUN_PX):
        colour = colours[row, column + right]
        flat &= colour == colours[row, column]
        hashes = (hashes ^ colour) * _HASH_FACTOR
        hashes ^= hashes >> np.uint64(29)
    return hashes[~flat]


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
    few = FEW_GREYS if _all_grey(flat[None]) else FEW_COLOURS
    return colours <= min(few, len(flat) // _USES)
