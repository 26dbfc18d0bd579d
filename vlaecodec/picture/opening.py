"""Opening picture files: whatever Pillow reads, HEIF too, one frame of them, whole or cut off."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from typing import Any

from PIL import Image, ImageFile, UnidentifiedImageError

from vlaecodec.errors import ImageError, LossWarning
from vlaecodec.picture.colour_tags import CICP_KEY, find_code_points
from vlaecodec.picture.jpeg_end import close_jpeg
from vlaecodec.picture.losses import name_losses

_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_FIRST_OF_MANY = {"MPO", "HEIF"}
"""Formats whose other pictures are no frames of an animation and no pages."""

FORMATS = (
    *("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "DIB", "GIF"),
    *("JPEG2000", "PPM", "TGA", "ICO", "DDS", "PCX"),
)
"""What a picture may be, whatever its name. Pillow knows more: for one it runs Ghostscript."""

_REDUCED_TAG = 254
"""NewSubfileType of a TIFF's page; bit 0: a smaller copy of another page."""


def open_image(data: bytes) -> ImageFile.ImageFile:
    """Find out what it is; nothing is decoded. Raises ImageError."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
            return _open_heif(data)
        raise ImageError("not an image in a format that can be read here") from None


def _open_heif(data: bytes) -> ImageFile.ImageFile:
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError:
        raise ImageError(
            "a HEIC picture: pip install 'vlaecodec[heif]' for what reads them"
        ) from None
    try:
        image: ImageFile.ImageFile = HeifImageFile(io.BytesIO(data))
    except Exception as error:  # libheif's errors come as whatever it meets
        raise ImageError(f"a HEIC picture that cannot be read: {error}") from error
    return image


def choose_frame(image: ImageFile.ImageFile, frame: int | None) -> None:
    """Go to a frame or page, counted from 1; None: the only one, or the first of a phone's.

    Pages of a TIFF that are smaller copies of the first do not count as others.
    Raises ImageError where None leaves open which one is meant, or there are fewer.
    """
    frames = getattr(image, "n_frames", 1)
    if frame is not None:
        if not 1 <= frame <= frames:
            raise ImageError(f"there is no frame {frame}: the file has {frames}")
        if frames > 1:
            image.seek(frame - 1)
    elif frames > 1 and image.format not in _FIRST_OF_MANY and not _only_copies(image, frames):
        raise ImageError(
            f"an animation or several pages ({frames}): only still pictures can be encoded; "
            "choose one by its frame, counted from 1"
        )


def _only_copies(image: ImageFile.ImageFile, frames: int) -> bool:
    """Whether all pages but the first are smaller copies of it."""
    if image.format != "TIFF":
        return False
    size = image.size
    try:
        for page in range(1, frames):
            image.seek(page)
            tags: Any = getattr(image, "tag_v2", {})
            smaller = image.width < size[0] and image.height < size[1]
            if not (smaller and int(tags.get(_REDUCED_TAG, 0)) & 1):
                return False
        return True
    finally:
        image.seek(0)


def load_image(
    image: ImageFile.ImageFile, data: bytes, *, accept_truncated: bool = False
) -> ImageFile.ImageFile:
    """Decode it, and warn of what is not kept.

    A JPEG without its end is taken, with a LossWarning, if all samples are there; otherwise what
    breaks off only if `accept_truncated`. Raises ImageError, or what Pillow's readers raise.
    """
    codes = find_code_points(data)
    try:
        image.load()
    except OSError as error:
        if "truncated" not in str(error):
            raise
        image = _load_cut_off(image, data, accept_truncated=accept_truncated)
    if codes is not None:
        image.info[CICP_KEY] = tuple(codes)
    if names := name_losses(image, data):
        warnings.warn(f"not kept: {', '.join(names)}", LossWarning, stacklevel=3)
    return image


def _load_cut_off(
    image: ImageFile.ImageFile, data: bytes, *, accept_truncated: bool
) -> ImageFile.ImageFile:
    complete = False
    if image.format == "JPEG":
        closed, complete = close_jpeg(data)
        if complete or accept_truncated:
            image = Image.open(io.BytesIO(closed), formats=["JPEG"])
            image.load()
    if not complete and not accept_truncated:
        raise ImageError("the file breaks off; accept_truncated takes what is there")
    if complete:
        text = "the JPEG lacks its end; all samples are there"
    else:
        text = "the file breaks off: what is missing is grey or black"
        if image.format != "JPEG":
            _load_what_is_there(image)
    warnings.warn(text, LossWarning, stacklevel=4)
    return image


def _load_what_is_there(image: ImageFile.ImageFile) -> None:
    """Finish an image whose loading broke off: what was decoded until then is in it.

    Pillow's own way, LOAD_TRUNCATED_IMAGES, is a switch that every thread of a program sees.
    """
    image.tile = []
    with suppress(OSError):
        image.load_end()
    image.load()
