"""All measures of how similar two pictures are."""

from __future__ import annotations

import importlib
import io

from PIL import Image

from vlaecodec.metrics.distortion import MS_SSIM_MIN_PX, ms_ssim, psnr_db, psnr_yuv_db
from vlaecodec.metrics.texture import MIN_SIDE_PX, sliced_wasserstein, spectrum_distance
from vlaecodec.picture.image import Pixels

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
"""Each measure's title, unit and decimals. The last two fall with similarity, the others rise."""


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
