"""Convert between Pillow images and Picture: RGB samples, alpha and metadata."""

from __future__ import annotations

import io
import threading
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps

from vlaecodec.bitstream.header import MAX_PIXELS, MAX_SIDE_PX
from vlaecodec.errors import ImageError, LossWarning
from vlaecodec.picture.alpha import Alpha, fill_hidden_in_place
from vlaecodec.picture.colour_tags import choose_profile
from vlaecodec.picture.content import is_grey
from vlaecodec.picture.density import Density
from vlaecodec.picture.metadata import Metadata, metadata_of
from vlaecodec.picture.opening import choose_frame, load_image, open_image
from vlaecodec.picture.sample_depth import is_cut, mode_of_cut, restore_mode
from vlaecodec.picture.samples import take_samples

Pixels = NDArray[np.uint8]
"""uint8 [H, W, 3], RGB."""

EXACT_MODES = {"RGB", "RGBX", "L", "P", "1", "RGBA", "LA", "PA"}
"""Pillow modes that a file can hold exactly."""

_GREY_MODES = {"1", "L", "LA", "La"}
_TIFF_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
"""Those tags of a TIFF that tell about the picture, not about the file: description, camera, ..."""
_TIFF_FOLDERS = (0x8769, 0x8825)
"""EXIF and GPS."""

_ON_THE_SIDE = range(5, 9)
"""EXIF orientations that swap width and height."""


@dataclass(frozen=True)
class Picture:
    """A picture as a file holds it."""

    pixels: Pixels
    """R = G = B where it is grey."""
    grey: bool = False
    """Whether it is coded as one channel."""
    alpha: Alpha | None = None
    """None where all is opaque."""
    metadata: Metadata = field(default_factory=Metadata)
    as_rgb: bool = False
    """Of a grey picture: whether it came, and is shown, with three channels."""


def read_image(
    data: bytes,
    *,
    to_8_bit: bool = False,
    max_pixels: int = MAX_PIXELS,
    frame: int | None = None,
    accept_truncated: bool = False,
) -> Image.Image:
    """Open and fully decode an image file.

    frame: which frame or page of several, counted from 1. accept_truncated: take a file that breaks
    off, with a LossWarning. A LossWarning also names what the file holds and a .vlae file does not.
    Raises ImageError if it is none, is damaged, is larger than max_pixels, is an animation or has
    several pages and `frame` names none, or has samples of more than 8 bits that Pillow would cut,
    unless `to_8_bit`.
    """
    try:
        with _our_limits:
            image = open_image(data)
            _check_pixels(*image.size, max_pixels)
            choose_frame(image, frame)
            _check_pixels(*image.size, max_pixels)
            if is_cut(image, data) and not to_8_bit:
                raise _sixteen_bits()
            cut_mode = mode_of_cut(image)
            image = load_image(image, data, accept_truncated=accept_truncated)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise whatever they meet
        raise ImageError(f"the image cannot be read: {error}") from error
    return restore_mode(image, cut_mode)


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    _check_size(width, height)
    if width * height > max_pixels:
        raise ImageError(f"{width} x {height} pixels, more than the limit of {max_pixels}")


class _OurLimits:
    """Pillow has a limit of its own on pixels, below ours; sizes are checked here.

    The first thread in lifts it and the last one out puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._theirs: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._theirs, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                Image.MAX_IMAGE_PIXELS = self._theirs


_our_limits = _OurLimits()


def to_picture(
    image: Image.Image | NDArray[Any],
    *,
    exact: bool = False,
    to_8_bit: bool = False,
    close: bool = False,
) -> Picture:
    """A PIL image or an array as a file will hold it.

    Arrays are [H, W] or [H, W, 1] for grey, [H, W, 3], or [H, W, 4] with alpha; uint8, or floats
    from 0 to 1, which `exact` refuses. A PIL image is turned as its EXIF orientation says. `exact`
    refuses what a file cannot hold exactly, and keeps colours that do not show. Samples of 16 bits
    are refused, or reduced to 8 with `to_8_bit`. close: a PIL image, as soon as its samples are
    taken, for it is as large as they are. Raises ImageError.
    """
    if isinstance(image, np.ndarray):
        return _from_array(image, exact=exact)
    if not isinstance(image, Image.Image):
        raise ImageError(f"expected a PIL image or an array, not {type(image).__name__}")
    _check_size(*image.size)
    try:
        return _from_pillow(image, exact=exact, to_8_bit=to_8_bit, close=close)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # Pillow raises whatever it meets in a file it reads lazily
        raise ImageError(f"the image cannot be read: {error}") from error


def to_image(picture: Picture) -> Image.Image:
    """The inverse of to_picture: mode RGB, RGBA, L or LA, with the metadata in `info`."""
    one_channel = picture.grey and not picture.as_rgb
    samples = picture.pixels[..., 0] if one_channel else picture.pixels
    image = Image.fromarray(np.ascontiguousarray(samples))
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    image.info.update(picture.metadata.as_info())
    return image


def to_grey(pixels: Pixels) -> Pixels:
    """(R + 2 G + B) / 4, rounded, in all three channels. Leaves what is grey as it is."""
    red, green, blue = (pixels[..., channel].astype(np.uint16) for channel in range(3))
    return _repeat(((red + 2 * green + blue + 2) >> 2).astype(np.uint8))


def _repeat(grey: NDArray[np.uint8]) -> Pixels:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _check_size(width: int, height: int) -> None:
    if not 1 <= width <= MAX_SIDE_PX or not 1 <= height <= MAX_SIDE_PX:
        raise ImageError(f"{width} x {height} pixels: each side must be 1 to {MAX_SIDE_PX}")


def _sixteen_bits() -> ImageError:
    return ImageError("samples of more than 8 bits cannot be kept; to_8_bit reduces them")


def _from_array(array: NDArray[Any], *, exact: bool) -> Picture:
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,), (4,)):
        shape = list(array.shape)
        raise ImageError(f"the array must have shape [H, W] or [H, W, 1, 3 or 4], not {shape}")
    _check_size(array.shape[1], array.shape[0])
    array = _to_bytes(array, exact=exact)
    if array.shape[2:] in ((), (1,)):
        return Picture(_repeat(array.reshape(array.shape[:2])), grey=True)
    if array.shape[2] == 4:
        return _from_pillow(Image.fromarray(array), exact=exact, to_8_bit=False, close=True)
    grey = is_grey(array)
    return Picture(np.ascontiguousarray(array), grey, as_rgb=grey)


def _to_bytes(array: NDArray[Any], *, exact: bool) -> NDArray[np.uint8]:
    """uint8 as it is, floats from 0 to 1 rounded to 0..255."""
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"the array must be uint8, or floats from 0 to 1, not {array.dtype}")
    if exact:
        raise ImageError("floats cannot be kept exactly: round them to uint8")
    if not (array.min() >= 0 and array.max() <= 1):  # so not a number is refused too
        raise ImageError("floats must be from 0 to 1")
    return np.rint(array * 255).astype(np.uint8)


def _from_pillow(source: Image.Image, *, exact: bool, to_8_bit: bool, close: bool) -> Picture:
    image = source
    image.load()
    info = dict(image.info)
    if image.format == "TIFF" and "exif" not in info:
        info["exif"] = _tiff_exif(image)
    format_name = image.format
    image, orientation = _upright(image, info)
    if image.mode == "F":
        raise ImageError("floating-point samples cannot be encoded")
    if exact and image.mode not in EXACT_MODES and not image.mode.startswith("I"):
        raise ImageError(f"pixels of mode {image.mode} cannot be encoded exactly; convert to RGB")
    if image.mode.startswith("I"):
        image = _from_sixteen_bits(image, to_8_bit=to_8_bit)
    elif image.mode in ("CMYK", "LAB"):
        image = _convert_colours(image, info.pop("icc_profile", None))
    elif image.mode in ("YCbCr", "HSV"):
        info.pop("icc_profile", None)
    grey = image.mode in _GREY_MODES
    alpha = None
    if image.has_transparency_data:
        mode = "LA" if grey else "RGBA"
        image = image if image.mode == mode else image.convert(mode)
        if image.getchannel("A").getextrema() != (255, 255):
            alpha = take_samples(image.getchannel("A"), 1)[..., 0]
    image = _without_alpha(image, grey=grey)
    if close and image is not source:
        source.close()
    samples = take_samples(image, 1 if grey else 3, close=close or image is not source)
    pixels = _repeat(samples[..., 0]) if grey else samples
    if alpha is not None and not exact:
        fill_hidden_in_place(pixels, alpha)
    as_rgb = not grey and is_grey(pixels)
    metadata = _metadata(image, info, format_name, orientation, grey=grey)
    return Picture(pixels, grey or as_rgb, alpha, metadata, as_rgb)


def _without_alpha(image: Image.Image, *, grey: bool) -> Image.Image:
    """Mode L, RGB, or RGBA as it is: converting that would do arithmetic on hidden colours."""
    if grey:
        return image.convert("L") if image.mode == "1" else image.getchannel(0)
    return image if image.mode == "RGBA" else image.convert("RGB")


def _metadata(
    image: Image.Image,
    info: dict[Any, Any],
    format_name: str | None,
    orientation: int,
    *,
    grey: bool,
) -> Metadata:
    """The metadata of an upright picture. info: of the image as it was stored."""
    info["icc_profile"] = choose_profile(info, grey=grey)
    density = Density.of_image(info, format_name)
    if density is not None and orientation in _ON_THE_SIDE:
        density = density.turned()
    return metadata_of(info, image.size, turned=orientation != 1, density=density)


def _upright(image: Image.Image, info: dict[Any, Any]) -> tuple[Image.Image, int]:
    """Turned as its EXIF says, and what that was; unreadable EXIF is taken out of `info`."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation not in range(2, 9):
            return image, 1
        return ImageOps.exif_transpose(image), orientation
    except MemoryError:
        raise
    except Exception:  # Pillow's EXIF reader raises whatever it meets
        warnings.warn("the EXIF cannot be read: left out", LossWarning, stacklevel=5)
        info.pop("exif", None)
        return image, 1


def _from_sixteen_bits(image: Image.Image, *, to_8_bit: bool) -> Image.Image:
    """Mode L, or LA where one value is told to be transparent."""
    samples = np.asarray(image)
    if samples.min() < 0 or samples.max() > 65535:
        raise ImageError("samples of more than 16 bits cannot be encoded")
    if not to_8_bit:
        raise _sixteen_bits()
    reduced = Image.fromarray(((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))
    hidden = image.info.get("transparency")
    if isinstance(hidden, int):
        reduced.putalpha(Image.fromarray(np.where(samples == hidden, 0, 255).astype(np.uint8)))
    return reduced


def _convert_colours(image: Image.Image, profile: bytes | None) -> Image.Image:
    """CMYK or LAB to sRGB: as the profile says, or as well as can be without one."""
    try:
        if image.mode == "LAB":
            source: Any = ImageCms.createProfile("LAB")
        elif profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        else:
            return image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        converted = None
    if converted is None:
        warnings.warn("the ICC profile cannot be used: left out", LossWarning, stacklevel=5)
        return image.convert("RGB")
    return converted


def _tiff_exif(image: Image.Image) -> bytes | None:
    """A TIFF's own tags, in as far as they are about the picture, as an EXIF block."""
    source, kept = image.getexif(), Image.Exif()
    for tag in _TIFF_TAGS:
        if tag in source:
            kept[tag] = source[tag]
    for folder in _TIFF_FOLDERS:
        kept.get_ifd(folder).update(source.get_ifd(folder))
    return kept.tobytes() if len(kept) or any(kept.get_ifd(f) for f in _TIFF_FOLDERS) else None
