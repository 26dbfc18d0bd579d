"""Samples as one lossless WebP: the file format's simple form, a single VP8L chunk."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, WebPImagePlugin

from vlaecodec.bitstream.vp8l_head import Shape, read_shape
from vlaecodec.errors import DamagedError

SIDE_MAX_PX = 16383
"""WebP has no larger pictures."""

LIGHT_PX = 100_000_000
"""Up to here libwebp's memory is bearable: beside the samples, 8 bytes or more for each pixel."""

_SETTINGS = ((100, 5), (80, 4), (75, 2))
"""Quality (effort, for lossless files) and method, of which the smallest file is taken."""

_BAND_ROWS = 16


def fits_vp8l(height: int, width: int, *, lightly: bool) -> bool:
    """Whether a WebP can hold a picture, and, if it must be so, be made in bearable memory."""
    return max(height, width) <= SIDE_MAX_PX and not (lightly and height * width > LIGHT_PX)


def encode_vp8l(samples: NDArray[np.uint8], *, quick: bool = False) -> bytes:
    """A WebP file of uint8 [H, W, 3] or [H, W, 4], sides of at most SIDE_MAX_PX.

    quick: try one setting alone.
    """
    image = Image.fromarray(samples)
    files = []
    for quality, method in _SETTINGS[-1:] if quick else _SETTINGS:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", lossless=True, exact=True, quality=quality, method=method)
        files.append(buffer.getvalue())
    return min(files, key=len)


def estimate_vp8l(pixels: NDArray[np.uint8]) -> float:
    """About how many bytes encode_vp8l would make of uint8 [H, W, 3], from a few rows."""
    height, width = pixels.shape[:2]
    bands = [
        pixels[row : row + _BAND_ROWS] for row in range(0, height, max(_BAND_ROWS, height // 3))
    ]
    quality, method = _SETTINGS[-1]
    sizes = []
    for band in bands:
        buffer = io.BytesIO()
        image = Image.fromarray(np.ascontiguousarray(band[:, :SIDE_MAX_PX]))
        image.save(buffer, "WEBP", lossless=True, quality=quality, method=method)
        sizes.append(buffer.tell())
    seen = sum(band.shape[0] * min(width, SIDE_MAX_PX) for band in bands)
    return sum(sizes) * height * width / seen


def decode_vp8l(data: bytes, shape: Shape) -> NDArray[np.uint8]:
    """Undo encode_vp8l: uint8 [H, W, 3], or [H, W, 4] with alpha.

    Raises DamagedError unless the file is of this very shape, before anything is allocated.
    """
    if read_shape(data) != shape:
        raise DamagedError("the WebP is not of the picture's size and channels")
    try:
        # Pillow's reader itself, without the limit of Image.open: the size is known to be right.
        with WebPImagePlugin.WebPImageFile(io.BytesIO(data)) as image:
            samples = np.asarray(image.convert("RGBA" if shape.alpha else "RGB"))
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise whatever they meet
        raise DamagedError(f"the WebP cannot be read: {error}") from error
    if samples.shape != (shape.height, shape.width, 3 + shape.alpha):
        raise DamagedError("the WebP is not of the picture's size and channels")
    return samples
