"""Check a new file by decoding it in another way: what `encode --verify` does."""

from __future__ import annotations

import numpy as np

from vlaecodec.bitstream.container import read_container
from vlaecodec.bitstream.header import MAX_SIDE_PX
from vlaecodec.codec.kinds import codec_of
from vlaecodec.codec.options import DecodeOptions
from vlaecodec.codec.stored import decode_samples
from vlaecodec.errors import DamagedError, ReproductionError
from vlaecodec.model.threads import working_threads
from vlaecodec.picture.alpha import Alpha
from vlaecodec.picture.image import Picture
from vlaecodec.picture.overlay import lay_over
from vlaecodec.picture.sections import read_overlay, read_sections

OTHER_BLOCK_PX = 256
"""Smaller than usual: the networks run on other shapes."""


def check_file(data: bytes, picture: Picture, max_error: int | None, threads: int) -> None:
    """Raise ReproductionError unless a file decodes to what its encoder saw, and to the picture.

    With another number of threads than it was made with, and in other blocks: products of other
    shapes. max_error: how near its samples must be to the picture's; None for a lossy file.
    """
    try:
        container = read_container(data, MAX_SIDE_PX**2)
        alpha, _ = read_sections(container, keep_going=False)
        options = DecodeOptions(texture=None if container.pixels else 0, block_px=OTHER_BLOCK_PX)
        with working_threads(picture.pixels[..., 0].size, 2 if threads == 1 else 1):
            pixels = codec_of(container).decode(container, options, None)
        if container.header.webp_alpha:
            alpha = decode_samples(container)[..., 3]
        overlay = read_overlay(container, keep_going=False)
    except DamagedError as error:
        raise ReproductionError(f"the new file does not decode here: {error}") from error
    off = 0
    if max_error is not None:
        off = int(np.abs(picture.pixels.astype(np.int16) - pixels).max())
    if overlay is not None:  # what it covers is exact
        off = int(np.any(lay_over(picture.pixels, overlay) != picture.pixels))
    if off > (max_error or 0) or not _are_equal(alpha, picture.alpha):
        raise ReproductionError("the new file decodes to another picture")


def _are_equal(first: Alpha | None, second: Alpha | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)
