"""Samples as one lossless WebP: the file format's simple form, a single VP8L chunk."""

from __future__ import annotations

import io
import math

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

_GOOD = _SETTINGS[1]

_BLOCKS = 16
_BLOCK_PX = (16, 192)
"""Rows and columns of what a size is estimated from, so many times: 49,152 pixels."""

_DETAIL_PX = 2**18
_DETAIL_LEAST = 0.01


def fits_vp8l(height: int, width: int, *, lightly: bool) -> bool:
    """Whether a WebP can hold a picture, and, if it must be so, be made in bearable memory."""
    return max(height, width) <= SIDE_MAX_PX and not (lightly and height * width > LIGHT_PX)


def encode_vp8l(samples: NDArray[np.uint8], *, quick: bool = False) -> bytes:
    """A WebP file of uint8 [H, W, 3] or [H, W, 4], sides of at most SIDE_MAX_PX.

    quick: try one setting alone.
    """
    settings = _SETTINGS[-1:] if quick else _SETTINGS
    return min((_encode(samples, *setting) for setting in settings), key=len)


def _encode(samples: NDArray[np.uint8], quality: int, method: int) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(samples)
    image.save(buffer, "WEBP", lossless=True, exact=True, quality=quality, method=method)
    return buffer.getvalue()


def estimate_vp8l(pixels: NDArray[np.uint8]) -> float:
    """About how many bytes a good WebP of uint8 [H, W, 3] takes, from a sample of its pixels.

    A lossless WebP of blocks from all over the picture; detail there and everywhere else tells how
    much dearer the rest is. What repeats itself far away is missed. Sides are at most SIDE_MAX_PX.
    """
    height, width = pixels.shape[:2]
    if height * width <= _BLOCKS * math.prod(_BLOCK_PX) or min(height, width) < 2:
        return good_vp8l_size(pixels)
    blocks = _sample_blocks(pixels)
    sample = np.concatenate([np.concatenate(blocks[row::4], axis=1) for row in range(4)])
    tops = np.arange(0, height - 1, max(2, 2 * (height * width // _DETAIL_PX)))
    pairs = np.stack([pixels[tops], pixels[tops + 1]], axis=1)
    rest = _detail(pairs) / max(_detail(np.stack(blocks)), _DETAIL_LEAST)
    return good_vp8l_size(sample) * rest * height * width / (sample.shape[0] * sample.shape[1])


def good_vp8l_size(pixels: NDArray[np.uint8]) -> int:
    """The bytes of a good WebP, though not the best, of uint8 [H, W, 3]."""
    return len(_encode(np.ascontiguousarray(pixels), *_GOOD))


def _sample_blocks(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """_BLOCKS parts of one size, evenly spread over rows and over columns."""
    spare = [side - min(side, most) for side, most in zip(pixels.shape, _BLOCK_PX, strict=False)]
    height, width = (side - left for side, left in zip(pixels.shape, spare, strict=False))
    places = [
        (spare[0] * index // (_BLOCKS - 1), spare[1] * (5 * index % _BLOCKS) // (_BLOCKS - 1))
        for index in range(_BLOCKS)
    ]
    return [pixels[row : row + height, column : column + width] for row, column in places]


def _detail(blocks: NDArray[np.uint8]) -> float:
    """Bits, in a sense, of what a sample is off from its neighbours: of [n, H, W, 3], a mean."""
    x = blocks.astype(np.int16)
    x[..., 0] -= x[..., 1]
    x[..., 2] -= x[..., 1]
    off = 2 * x[:, 1:, 1:] - x[:, 1:, :-1] - x[:, :-1, 1:]
    return float(np.log2(1 + np.abs(off)).mean())


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
