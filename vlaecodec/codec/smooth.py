"""Code smooth pictures nearer, and without the noise that coding them again would add.

Ramps, skies and flat colours come back a level or two off over wide areas, always the same way, and
further each time they are coded again. The mean image of what was coded shows that, so the picture
is analysed once more with the opposite added; and its latents are rounded by what they cost, for
few of them are more than noise. Photos are off by their detail, and are told by their bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.codec.interface import Draft
from vlaecodec.codec.searched import count_bytes
from vlaecodec.picture.image import Pixels

BLOCK_PX = 32
"""The side of the blocks whose averages are the error of wide areas."""

SMOOTH_BPP = 0.15
"""Most bits for a pixel of smooth pictures. Photos take as few only at low quality, where they
never come as near as NEAR_SQUARED_ERROR, and little of their error is wide."""

NEAR_SQUARED_ERROR = 8.0

WIDE_SHARE = 0.12
"""Of the squared error, that of wide areas: 0.2 to 0.5 for ramps, skies and flat colours, and at
most 0.05 for photos, at -q 10 to 95."""

GAIN = 0.8
STEPS = 2
MOST_GROWTH = 1.12

D = TypeVar("D", bound=Draft)
Plane = NDArray[np.float32]
"""A value for each pixel: [H, W]."""


def code_smooth(
    pixels: Pixels,
    draft: D,
    *,
    code: Callable[[Pixels], D],
    show: Callable[[D], Pixels],
) -> D:
    """The draft itself, or one whose mean image is nearer to the pixels, uint8 [H, W, 3].

    code: analyses and codes other pixels; show: a draft's mean image.
    """
    best, error = draft, _difference(pixels, show(draft))
    least, most_bytes = _mean_square(error), MOST_GROWTH * count_bytes(draft)
    correction = np.zeros(pixels.shape, np.float32)
    for _ in range(STEPS):
        for channel in range(pixels.shape[-1]):
            correction[..., channel] += GAIN * _blur(error[..., channel])
        draft = code(np.clip(np.rint(pixels + correction), 0, 255).astype(np.uint8))
        error = _difference(pixels, show(draft))
        if _mean_square(error) < least and count_bytes(draft) <= most_bytes:
            best, least = draft, _mean_square(error)
    return best


def is_smooth(pixels: Pixels, shown: Pixels, size_bytes: int) -> bool:
    """Whether a picture with this mean image in so many bytes has next to no detail."""
    if 8 * size_bytes > SMOOTH_BPP * pixels[..., 0].size:
        return False
    planes = [_difference(pixels[..., c], shown[..., c]) for c in range(pixels.shape[-1])]
    squared_error = np.mean([_mean_square(plane) for plane in planes])
    wide = np.mean([_mean_square(_average(plane)) for plane in planes])
    return bool(0 < squared_error < NEAR_SQUARED_ERROR or wide > WIDE_SHARE * squared_error)


def _difference(pixels: Pixels, shown: Pixels) -> NDArray[np.float32]:
    difference: NDArray[np.float32] = np.subtract(pixels, shown, dtype=np.float32)
    return difference


def _average(error: Plane) -> Plane:
    """Averages of blocks: [rows, columns]."""
    height, width = error.shape
    blocks = (-(-width // BLOCK_PX), -(-height // BLOCK_PX))
    return np.asarray(Image.fromarray(error).resize(blocks, Image.Resampling.BOX))


def _blur(error: Plane) -> Plane:
    """The error without detail: [H, W]."""
    height, width = error.shape
    return np.asarray(Image.fromarray(_average(error)).resize((width, height)))


def _mean_square(values: Plane) -> float:
    return float(np.mean(np.square(values)))
