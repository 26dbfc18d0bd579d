"""Other codecs to compare with, through Pillow; the one place for their options."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from PIL import Image, features

JPEG_XL_PACKAGE = "pillow-jxl-plugin"


@dataclass(frozen=True)
class Rival:
    """A codec of Pillow's, with fixed options and one setting for quality."""

    name: str
    pillow_format: str
    options: dict[str, Any]
    library: str | None
    """Its name and version; None if it is not installed here."""
    settings: Sequence[float] = field(repr=False)
    """All settings that a search may try, from the smallest file to the best picture."""
    threads_option: str | None = None

    def encode(self, image: Image.Image, setting: float, threads: int = 1) -> bytes:
        """A whole file. setting: Pillow's quality; for JPEG 2000, how many times to compress."""
        options = dict(self.options)
        if self.pillow_format == "JPEG2000":
            options["quality_layers"] = [setting]
        else:
            options["quality"] = round(setting)
        if self.threads_option is not None:
            options[self.threads_option] = threads
        buffer = io.BytesIO()
        image.save(buffer, self.pillow_format, **options)
        return buffer.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """The picture of a file, RGB."""
        return Image.open(io.BytesIO(data)).convert("RGB")


def list_rivals() -> dict[str, Rival]:
    """Every rival by its short name, those not installed too."""
    percent = range(101)
    return {
        "jpeg": Rival("JPEG", "JPEG", {"optimize": True}, _library("jpg", "libjpeg"), range(1, 96)),
        "jpeg2000": Rival(
            "JPEG 2000",
            "JPEG2000",
            {"quality_mode": "rates", "irreversible": True, "mct": 1},
            _library("jpg_2000", "OpenJPEG"),
            [1.02**power for power in range(320, 10, -1)],
        ),
        "webp": Rival("WebP", "WEBP", {"method": 6}, _library("webp", "libwebp"), percent),
        # libavif 1.4 tunes for perception unless told otherwise ("iq").
        "avif": _avif("AVIF"),
        "avif-psnr": _avif("AVIF, tune=psnr", tune="psnr"),
        "avif-ssim": _avif("AVIF, tune=ssim", tune="ssim"),
        "jxl": Rival("JPEG XL", "JXL", {"effort": 7}, _jpeg_xl_plugin(), percent, "num_threads"),
    }


def set_decoder_threads(threads: int) -> None:
    """Set the number of threads of those decoders that let us."""
    avif: Any = importlib.import_module("PIL.AvifImagePlugin")
    avif.DEFAULT_MAX_THREADS = threads
    if _jpeg_xl_plugin() is not None:
        jpeg_xl: Any = importlib.import_module("pillow_jxl.JpegXLImagePlugin")
        jpeg_xl.DECODE_THREADS = threads


def largest_within(rival: Rival, image: Image.Image, size_bytes: int) -> tuple[float, bytes]:
    """A rival's best file of at most that many bytes, and its setting.

    Where none is small enough, its smallest file.
    """
    low, high = 0, len(rival.settings) - 1
    best = rival.encode(image, rival.settings[low])
    while low < high:
        middle = (low + high + 1) // 2
        tried = rival.encode(image, rival.settings[middle])
        if len(tried) <= size_bytes:
            best, low = tried, middle
        else:
            high = middle - 1
    return rival.settings[low], best


def _avif(name: str, **advanced: str) -> Rival:
    """advanced: options of libaom."""
    options: dict[str, Any] = {"speed": 6, "subsampling": "4:4:4"}
    if advanced:
        options["advanced"] = advanced
    library = _library("avif", "libavif")
    return Rival(name, "AVIF", options, library, range(101), "max_threads")


def _library(feature: str, name: str) -> str | None:
    return f"{name} {features.version(feature)}" if features.check(feature) else None


def _jpeg_xl_plugin() -> str | None:
    try:
        importlib.import_module("pillow_jxl")  # registers itself with Pillow
    except ImportError:
        return None
    return f"{JPEG_XL_PACKAGE} {metadata.version(JPEG_XL_PACKAGE)}"
