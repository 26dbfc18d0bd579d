"""Pictures in and out: whatever Pillow reads, to RGB bytes and back."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vlaecodec.errors import ImageError, LossWarning

Pixels = NDArray[np.uint8]
"""uint8 [H, W, 3], RGB."""

MAX_SIDE_PX = 65536


def read_image(data: bytes) -> Image.Image:
    """Open and fully decode an image file, turned as its EXIF orientation says.

    Raises ImageError if it is none, is damaged, or is too large.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if getattr(image, "n_frames", 1) > 1:
                warnings.warn("only the first frame is kept", LossWarning, stacklevel=2)
            image.load()
            return ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise ImageError("not an image in a format that can be read here") from None
    except Image.DecompressionBombError as error:
        raise ImageError(str(error)) from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error) as error:
        raise ImageError(f"the image cannot be read: {error}") from error


def to_pixels(image: Image.Image | NDArray[Any]) -> Pixels:
    """RGB bytes [H, W, 3] of a PIL image, or of a uint8 array [H, W, 3] or [H, W].

    Transparency is flattened on white and 16-bit samples are rounded to 8, each with a LossWarning.
    Raises ImageError for anything else.
    """
    if isinstance(image, np.ndarray):
        pixels = _from_array(image)
    elif isinstance(image, Image.Image):
        pixels = _from_pillow(image)
    else:
        raise ImageError(f"expected a PIL image or a uint8 array, not {type(image).__name__}")
    height, width = pixels.shape[:2]
    if not 1 <= width <= MAX_SIDE_PX or not 1 <= height <= MAX_SIDE_PX:
        raise ImageError(f"{width} x {height} pixels: each side must be 1 to {MAX_SIDE_PX}")
    return np.ascontiguousarray(pixels)


def _from_array(array: NDArray[Any]) -> Pixels:
    if array.dtype != np.uint8:
        raise ImageError(f"the array must be uint8, not {array.dtype}")
    if array.ndim == 2:
        return np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim == 3 and array.shape[2] == 3:
        return array
    raise ImageError(f"the array must have shape [H, W, 3] or [H, W], not {list(array.shape)}")


def _from_pillow(image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):
        warnings.warn("16-bit samples are rounded to 8 bits", LossWarning, stacklevel=3)
        samples = np.asarray(image).astype(np.int64)
        if samples.min() < 0 or samples.max() > 65535:
            raise ImageError("samples of more than 16 bits cannot be encoded")
        return _from_array(((samples * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode == "F":
        raise ImageError("floating-point samples cannot be encoded")
    if image.has_transparency_data:
        warnings.warn("transparency is flattened on white", LossWarning, stacklevel=3)
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(ground, image)
    return np.asarray(image.convert("RGB"))
