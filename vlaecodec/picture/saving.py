"""Save images as PNG, TIFF, WebP, BMP, PPM or JPEG, with metadata where possible."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import IO, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vlaecodec.errors import LossWarning
from vlaecodec.picture.metadata import XMP_KEY

SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 4},  # a third of the time of Pillow's 6, one percent larger
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"lossless": True, "exact": True},
    "BMP": {},
    "PPM": {},
    "JPEG": {"quality": 95, "subsampling": 0},
}
"""Formats to decode to. All but JPEG keep every sample."""

_WITH_ALPHA = {"PNG", "TIFF", "WEBP"}
_WITH_METADATA = {"PNG", "TIFF", "WEBP", "JPEG"}
_WITH_DENSITY = {"PNG", "TIFF", "JPEG", "BMP"}
_XMP_TAG = 700
_TIFF_NO_UNIT = 1
_PNG_HEAD_BYTES = 33
"""Signature and IHDR."""

_JFIF_UNIT = 13
"""Where a JPEG that begins with JFIF's segment has the unit of its density."""

_JFIF_END = 2**16
"""JFIF's densities are below."""

_JPEG_MAX_BYTES = {"exif": 65533, "xmp": 65533 - 29, "icc_profile": 255 * 65519}
"""One segment for EXIF, one for XMP behind its name, 255 for a profile."""


def save_image(image: Image.Image, file: IO[bytes], name: str, *, strip: bool = False) -> None:
    """Save a decoded picture, with metadata and pixel density of its info unless `strip`.

    name: a format of SAVE_OPTIONS. What it cannot hold is left out, and alpha is flattened on
    white, each with a LossWarning. Raises whatever Pillow's writers raise.
    """
    kept = {} if strip else {n: v for n, v in image.info.items() if n in _TITLES}
    if left_out := [n for n, v in kept.items() if not _fits(n, v, name)]:
        titles = " and ".join(_TITLES[n] for n in left_out)
        reason = "does not hold" if name not in _WITH_METADATA else "has no room for"
        warnings.warn(f"{name} {reason} {titles}: left out", LossWarning, stacklevel=2)
        kept = {n: v for n, v in kept.items() if n not in left_out}
    if image.has_transparency_data and name not in _WITH_ALPHA:
        warnings.warn(
            f"{name} does not hold transparency: flattened on white", LossWarning, stacklevel=2
        )
        image = _flatten(image)
    arguments = _as_arguments(kept, name)
    density: dict[str, Any] = (
        {} if strip else {n: image.info[n] for n in ("dpi", "aspect") if n in image.info}
    )
    # Pillow's writers take some of these from the info by themselves.
    image = image.copy()
    image.info.clear()
    buffer = io.BytesIO()
    image.save(buffer, name, **SAVE_OPTIONS[name] | arguments | _density_arguments(density, name))
    file.write(_with_aspect(buffer.getvalue(), density.get("aspect"), name))


_TITLES = {"icc_profile": "the ICC profile", "exif": "EXIF", "xmp": "XMP"}


def _fits(kind: str, value: bytes, name: str) -> bool:
    """Whether a format holds metadata of a kind, and so much of it."""
    if name not in _WITH_METADATA:
        return False
    if name == "TIFF" and kind == "exif":
        return _read_exif(value) is not None
    return name != "JPEG" or len(value) <= _JPEG_MAX_BYTES[kind]


def _read_exif(value: bytes) -> Image.Exif | None:
    """As Pillow sees it; None if it cannot."""
    exif = Image.Exif()
    try:
        exif.load(value)
        exif.tobytes()
    except Exception:  # Pillow's EXIF reader raises whatever it meets
        return None
    return exif


def _as_arguments(kept: dict[str, bytes], name: str) -> dict[str, Any]:
    """What Pillow's writer wants to be given."""
    arguments: dict[str, Any] = dict(kept)
    if name == "PNG" and "xmp" in kept:
        chunks = PngInfo()
        chunks.add_itxt(XMP_KEY, arguments.pop("xmp").decode("utf-8", "replace"))
        arguments["pnginfo"] = chunks
    if name == "TIFF" and kept.keys() & {"exif", "xmp"}:
        exif = _read_exif(kept.get("exif", b"")) or Image.Exif()
        if "xmp" in kept:
            exif[_XMP_TAG] = arguments.pop("xmp")
        # Pillow's compressing writer fails on the folders that EXIF has.
        arguments |= {"exif": exif, "compression": None}
    return arguments


def _density_arguments(density: dict[str, Any], name: str) -> dict[str, Any]:
    """What Pillow's writer wants to be given of the pixel density."""
    if "dpi" in density and name in _WITH_DENSITY:
        across, down = density["dpi"]
        if name != "JPEG" or max(across, down) < _JFIF_END:
            return {"dpi": (across, down)}
    if "aspect" in density and name == "TIFF":
        across, down = density["aspect"]
        return {"resolution_unit": _TIFF_NO_UNIT, "x_resolution": across, "y_resolution": down}
    return {}


def _with_aspect(data: bytes, aspect: tuple[int, int] | None, name: str) -> bytes:
    """A PNG or JPEG that tells how oblong its pixels are, which Pillow does not write."""
    if aspect is None:
        return data
    if name == "PNG":
        body = b"pHYs" + struct.pack(">IIB", *aspect, 0)
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return data[:_PNG_HEAD_BYTES] + chunk + data[_PNG_HEAD_BYTES:]
    if name == "JPEG" and data[6:11] == b"JFIF\0" and max(aspect) < _JFIF_END:
        return data[:_JFIF_UNIT] + struct.pack(">BHH", 0, *aspect) + data[_JFIF_UNIT + 5 :]
    return data


def _flatten(image: Image.Image) -> Image.Image:
    mode = "L" if image.mode == "LA" else "RGB"
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert(mode)
