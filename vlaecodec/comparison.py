"""How near one picture is to another, and candidates for the same photo side by side."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from vlaecodec.codec import decode_pixels
from vlaecodec.errors import ImageError, ParameterError
from vlaecodec.header import read_header
from vlaecodec.image import Pixels
from vlaecodec.metrics import MS_SSIM_MIN_PX, ms_ssim, psnr_db, psnr_yuv_db
from vlaecodec.realism import MIN_SIDE_PX, sliced_wasserstein, spectrum_distance
from vlaecodec.rivals import Rival, largest_within

SSIMULACRA2_MIN_PX = 256
"""The shorter side; on smaller pictures it says little."""

MEASURES = {
    "psnr_db": ("PSNR, RGB", "dB", 2),
    "psnr_yuv_db": ("PSNR, YUV 6:1:1", "dB", 2),
    "ms_ssim": ("MS-SSIM", "", 4),
    "ssimulacra2": ("SSIMULACRA2", "", 1),
    "sliced_wasserstein": ("patch distance (SWD)", "", 1),
    "spectrum_distance": ("spectrum distance", "", 3),
}
"""Each measure's title, unit and decimals. The last two fall with likeness, the others rise."""


@dataclass(frozen=True)
class Candidate:
    """One way to keep a photo, and what comes back."""

    name: str
    pixels: Pixels = field(repr=False)
    size_bytes: int
    measures: dict[str, float | None]
    too_large: bool = False
    """It has no file as small as was asked for; this is its smallest."""


def measure_distortion(original: Pixels, decoded: Pixels) -> dict[str, float | None]:
    """PSNR-RGB, PSNR-YUV 6:1:1 and MS-SSIM; None where the picture is too small for one."""
    large = min(original.shape[:2]) >= MS_SSIM_MIN_PX
    return {
        "psnr_db": psnr_db(original, decoded),
        "psnr_yuv_db": psnr_yuv_db(original, decoded),
        "ms_ssim": ms_ssim(original, decoded) if large else None,
    }


def measure_ssimulacra2(original: Pixels, decoded: Pixels) -> dict[str, float | None]:
    """SSIMULACRA2, up to 100, by the `ssimulacra2` package, a port and not the reference program.

    None where it is not installed or the picture is too small.
    """
    try:
        package = importlib.import_module("ssimulacra2")
    except ImportError:
        return {"ssimulacra2": None}
    if min(original.shape[:2]) < SSIMULACRA2_MIN_PX:
        return {"ssimulacra2": None}
    files = [io.BytesIO() for _ in range(2)]
    for file, pixels in zip(files, (original, decoded), strict=True):
        Image.fromarray(pixels).save(file, "BMP")
    return {"ssimulacra2": float(package.compute_ssimulacra2(*files))}


def measure_realism(original: Pixels, decoded: Pixels) -> dict[str, float | None]:
    """The measures of `realism`; None where the picture is too small."""
    if min(original.shape[:2]) < MIN_SIDE_PX:
        return {"sliced_wasserstein": None, "spectrum_distance": None}
    return {
        "sliced_wasserstein": sliced_wasserstein(original, decoded).mean,
        "spectrum_distance": spectrum_distance(original, decoded),
    }


def measure_all(original: Pixels, decoded: Pixels) -> dict[str, float | None]:
    """All of MEASURES, in that order; None where one cannot be taken here."""
    found = {
        **measure_distortion(original, decoded),
        **measure_ssimulacra2(original, decoded),
        **measure_realism(original, decoded),
    }
    return {name: found[name] for name in MEASURES}


def compare_at_bytes(original: Pixels, data: bytes, rivals: Iterable[Rival]) -> list[Candidate]:
    """Our file at texture 0, recommended and 1, and each rival's best file of no more bytes.

    original: uint8 [H, W, 3]. data: a .vlae file of it. A file with exact pixels is one candidate.
    Raises what decoding raises, ImageError if the file holds a picture of another size, and
    ParameterError if a rival cannot hold the picture.
    """
    header = read_header(data)[0]
    if (header.height, header.width) != original.shape[:2]:
        raise ImageError(
            f"the file holds {header.width} x {header.height} pixels, the picture "
            f"{original.shape[1]} x {original.shape[0]}"
        )
    found = []
    for name, options in _decodings(header.max_error, header.texture):
        decoded = decode_pixels(data, **options)
        found.append(Candidate(name, decoded, len(data), measure_all(original, decoded)))
    image = Image.fromarray(original)
    for rival in rivals:
        try:
            _, theirs = largest_within(rival, image, len(data))
            decoded = np.asarray(rival.decode(theirs))
        except (OSError, ValueError) as error:  # as for a side over 16,383 pixels in WebP
            raise ParameterError(f"{rival.name} cannot hold the picture: {error}") from error
        measures = measure_all(original, decoded)
        found.append(Candidate(rival.name, decoded, len(theirs), measures, len(theirs) > len(data)))
    return found


def _decodings(max_error: int | None, recommended: float) -> list[tuple[str, dict[str, Any]]]:
    """Captions and options of every way to decode a file."""
    if max_error is not None:
        return [("vlaecodec, lossless" if max_error == 0 else f"vlaecodec, +-{max_error}", {})]
    strengths = sorted({0.0, recommended, 1.0})
    return [
        (
            f"vlaecodec, texture {s:.2g}" + (", recommended" if s == recommended else ""),
            {"texture": s},
        )
        for s in strengths
    ]
