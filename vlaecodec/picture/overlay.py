"""Drawn parts of a mixed picture, kept exactly: a WebP that lies over the decoded photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.bitstream.vp8l_head import Shape
from vlaecodec.errors import DamagedError
from vlaecodec.picture.image import Pixels
from vlaecodec.picture.vp8l import decode_vp8l, encode_vp8l

Mask = NDArray[np.bool_]
"""bool [H, W]."""

OPAQUE = 255


def encode_overlay(pixels: Pixels, drawn: Mask) -> bytes:
    """A WebP of the pixels, uint8 [H, W, 3], where they are drawn; elsewhere it is transparent."""
    samples = np.dstack([pixels * drawn[..., None], OPAQUE * drawn.astype(np.uint8)])
    return encode_vp8l(samples)


def decode_overlay(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Undo encode_overlay: uint8 [H, W, 4], alpha 0 or 255.

    Raises DamagedError unless it is one of this very size, before anything is allocated.
    """
    try:
        samples = decode_vp8l(data, Shape(width, height, alpha=True))
    except DamagedError as error:
        raise DamagedError(f"the overlay cannot be read: {error}") from error
    if np.any((samples[..., 3] != 0) & (samples[..., 3] != OPAQUE)):
        raise DamagedError("the overlay is neither opaque nor transparent somewhere")
    return samples


def lay_over(pixels: Pixels, overlay: NDArray[np.uint8]) -> Pixels:
    """The pixels, uint8 [H, W, 3], with the overlay, [H, W, 4], where that is opaque."""
    return np.where(overlay[..., 3:] == OPAQUE, overlay[..., :3], pixels)


def lay_over_thumbnail(image: Image.Image, overlay: NDArray[np.uint8]) -> Image.Image:
    """A small picture, RGB or L, with an overlay of the large one averaged over it."""
    small = Image.fromarray(overlay).resize(image.size, Image.Resampling.BOX)
    return Image.composite(small.convert(image.mode), image, small.getchannel("A"))
