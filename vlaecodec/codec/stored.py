"""Pictures that are stored as one lossless WebP: drawings, screens, flat colours."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.container import Container, Tile
from vlaecodec.bitstream.header import FINGERPRINT_BYTES, Header, Section
from vlaecodec.errors import DamagedError, ReproductionError
from vlaecodec.picture.alpha import Alpha
from vlaecodec.picture.image import Picture, Pixels
from vlaecodec.picture.vp8l import SIDE_MAX_PX, Shape, decode_vp8l, encode_vp8l

NO_MODEL = bytes(FINGERPRINT_BYTES)
"""In place of a model's fingerprint."""


def store_picture(
    picture: Picture, quality_code: int, max_error: int | None = 0
) -> tuple[Header, Tile] | None:
    """Header and WebP of a picture; None if it is larger than WebP can hold.

    The WebP holds the alpha channel too, so `picture.alpha` needs no section.
    max_error: how near the samples are to the original's; None promises nothing.
    """
    height, width = picture.pixels.shape[:2]
    if max(height, width) > SIDE_MAX_PX:
        return None
    has_alpha = picture.alpha is not None
    samples = picture.pixels
    if picture.alpha is not None:
        samples = np.dstack([picture.pixels, picture.alpha])
    header = Header(
        width,
        height,
        quality_code,
        NO_MODEL,
        max_error=max_error,
        grey=picture.grey,
        as_rgb=picture.as_rgb,
        webp=True,
        webp_alpha=has_alpha,
    )
    return header, Tile(encode_vp8l(samples), zlib.crc32(samples.tobytes()))


def decode_stored(container: Container) -> tuple[Pixels, Alpha | None]:
    """The picture of a file that holds a WebP, and its alpha channel if that is in it.

    Raises DamagedError unless the WebP is of the header's size, before anything is allocated, and
    ReproductionError if other samples come out than the encoder saw.
    """
    header, webp = container.header, container.webp
    if webp is None:
        raise DamagedError("the picture is missing")
    if header.webp_alpha and Section.ALPHA in container.sections:
        raise DamagedError("there are two alpha channels")
    shape = Shape(header.width, header.height, header.webp_alpha)
    samples = decode_vp8l(webp.payload, shape)
    if zlib.crc32(samples.tobytes()) != webp.pixel_crc:
        raise ReproductionError("the picture is intact but does not decode here to what it was")
    return _split(samples)


def _split(samples: NDArray[np.uint8]) -> tuple[Pixels, Alpha | None]:
    pixels = np.ascontiguousarray(samples[..., :3])
    return pixels, np.ascontiguousarray(samples[..., 3]) if samples.shape[2] == 4 else None
