"""Decoded pictures to the formats of others, with all that these can hold."""

from __future__ import annotations

import warnings
from typing import IO, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vlaecodec.errors import LossWarning
from vlaecodec.picture.metadata import XMP_KEY

SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"lossless": True, "exact": True},
    "BMP": {},
    "PPM": {},
    "JPEG": {"quality": 95, "subsampling": 0},
}
"""Formats to decode to. All but JPEG keep every sample."""

_WITH_ALPHA = {"PNG", "TIFF", "WEBP"}
_WITH_METADATA = {"PNG", "TIFF", "WEBP", "JPEG"}
_XMP_TAG = 700


def save_image(image: Image.Image, file: IO[bytes], name: str, *, strip: bool = False) -> None:
    """Save a decoded picture, with `icc_profile`, `exif` and `xmp` of its info unless `strip`.

    name: a format of SAVE_OPTIONS. What it cannot hold is left out, and alpha is flattened on
    white, each with a LossWarning. Raises whatever Pillow's writers raise.
    """
    kept = {} if strip else {n: v for n, v in image.info.items() if n in _TITLES}
    if kept and name not in _WITH_METADATA:
        titles = " and ".join(_TITLES[n] for n in kept)
        warnings.warn(f"{name} does not hold {titles}: left out", LossWarning, stacklevel=2)
        kept = {}
    if image.has_transparency_data and name not in _WITH_ALPHA:
        warnings.warn(
            f"{name} does not hold transparency: flattened on white", LossWarning, stacklevel=2
        )
        image = _flatten(image)
    # Pillow's writers take some of these from the info by themselves.
    image = image.copy()
    image.info.clear()
    image.save(file, name, **SAVE_OPTIONS[name] | _as_arguments(kept, name))


_TITLES = {"icc_profile": "the ICC profile", "exif": "EXIF", "xmp": "XMP"}


def _as_arguments(kept: dict[str, bytes], name: str) -> dict[str, Any]:
    """What Pillow's writer wants to be given."""
    arguments: dict[str, Any] = dict(kept)
    if name == "PNG" and "xmp" in kept:
        chunks = PngInfo()
        chunks.add_itxt(XMP_KEY, arguments.pop("xmp").decode("utf-8", "replace"))
        arguments["pnginfo"] = chunks
    if name == "TIFF" and kept.keys() & {"exif", "xmp"}:
        exif = Image.Exif()
        exif.load(kept.get("exif", b""))
        if "xmp" in kept:
            exif[_XMP_TAG] = arguments.pop("xmp")
        # Pillow's compressing writer fails on the folders that EXIF has.
        arguments |= {"exif": exif, "compression": None}
    return arguments


def _flatten(image: Image.Image) -> Image.Image:
    mode = "L" if image.mode == "LA" else "RGB"
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert(mode)
