"""Pictures in and out: whatever Pillow reads, to RGB bytes and back."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vlaecodec.container import MAX_SIDE_PX
from vlaecodec.errors import ImageError, LossWarning

Pixels = NDArray[np.uint8]
"""uint8 [H, W, 3], RGB."""

EXACT_MODES = {"RGB", "RGBX", "L", "P", "1"}
"""Pillow modes that RGB bytes hold exactly."""


def read_image(data: bytes, *, exact: bool = False) -> Image.Image:
    """Open and fully decode an image file, turned as its EXIF orientation says.

    Raises ImageError if it is none, is damaged, or is too large. Warns with LossWarning of frames
    after the first and of samples that Pillow reduces from 16 bits to 8; `exact` refuses them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                animated = getattr(image, "n_frames", 1) > 1
                reduced = any(";16" in str(tile) for tile in image.tile)
                image.load()
                upright = ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise ImageError("not an image in a format that can be read here") from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise whatever they meet
        raise ImageError(f"the image cannot be read: {error}") from error
    if animated:
        _lose("only the first frame is kept", exact=exact)
    if reduced and not upright.mode.startswith("I"):
        _lose("16-bit samples are reduced to 8 bits", exact=exact)
    return upright


def to_pixels(image: Image.Image | NDArray[Any], *, exact: bool = False) -> Pixels:
    """RGB bytes [H, W, 3] of a PIL image, or of a uint8 array [H, W, 3] or [H, W].

    A PIL image is turned as its EXIF orientation says. Transparency is flattened on white and
    16-bit samples are rounded to 8, each with a LossWarning; with `exact`, what RGB bytes cannot
    hold is refused. Raises ImageError for anything else.
    """
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if not isinstance(image, Image.Image):
        raise ImageError(f"expected a PIL image or a uint8 array, not {type(image).__name__}")
    _check_size(*image.size)
    try:
        return _from_pillow(image, exact=exact)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # Pillow raises whatever it meets in a file it reads lazily
        raise ImageError(f"the image cannot be read: {error}") from error


def _lose(what: str, *, exact: bool) -> None:
    """Warn of a loss, or refuse it."""
    if exact:
        raise ImageError(f"cannot be encoded exactly: {what}")
    warnings.warn(what, LossWarning, stacklevel=5)


def _check_size(width: int, height: int) -> None:
    if not 1 <= width <= MAX_SIDE_PX or not 1 <= height <= MAX_SIDE_PX:
        raise ImageError(f"{width} x {height} pixels: each side must be 1 to {MAX_SIDE_PX}")


def _from_array(array: NDArray[Any]) -> Pixels:
    if array.dtype != np.uint8:
        raise ImageError(f"the array must be uint8, not {array.dtype}")
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)):
        raise ImageError(f"the array must have shape [H, W, 3] or [H, W], not {list(array.shape)}")
    _check_size(array.shape[1], array.shape[0])
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    return np.ascontiguousarray(array)


def _from_pillow(image: Image.Image, *, exact: bool) -> Pixels:
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        samples = np.asarray(image)
        if samples.min() < 0 or samples.max() > 65535:
            raise ImageError("samples of more than 16 bits cannot be encoded")
        _lose("16-bit samples are rounded to 8 bits", exact=exact)
        return _from_array(((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode == "F":
        raise ImageError("floating-point samples cannot be encoded")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            _lose("transparency is flattened on white", exact=exact)
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(ground, image)
    elif exact and image.mode not in EXACT_MODES:
        raise ImageError(f"pixels of mode {image.mode} cannot be encoded exactly; convert to RGB")
    return _from_array(np.asarray(image.convert("RGB")))
