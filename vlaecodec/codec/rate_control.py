"""Finding the quality that meets a target: a file's size, or how near the mean image comes.

Quality is continuous and both size and likeness rise with it, so a few encodes find the place: the
first at a guess, the next where the line through what is known meets the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.bitstream.header import QUALITY_CODE_MAX, QUALITY_CODE_MIN, QUALITY_UNIT
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.codec.encode import AUTO_TEXTURE, LOSSY_QUALITY, encode
from vlaecodec.errors import ParameterError
from vlaecodec.metrics.distortion import MS_SSIM_MIN_PX, ms_ssim, ms_ssim_db, psnr_db
from vlaecodec.metrics.measures import measure_ssimulacra2
from vlaecodec.model.registry import PSNR
from vlaecodec.picture.image import Pixels, to_picture

TRIES = 6
"""Encodes at most in the search. Each leaves out measuring the texture, half an encode's time."""

FINAL_STEPS = 2
"""What encoding once more, with texture, counts in tries."""

EQUAL_DB = 150.0
"""Where the search takes equal pictures to be."""

Coder = Callable[[float], bytes]


@dataclass(frozen=True)
class Target:
    """What to meet. `measure` gives a file's place on a scale on which qualities lie evenly."""

    name: str
    place: float
    """Where to be on the scale."""
    slope: float
    """How much one step of quality moves on the scale, about, on photos."""
    margin: float
    """How near is near enough."""
    at_most: bool
    """Whether files above the target are refused; else those below are."""
    measure: Callable[[bytes], float]


def encode_to_target(
    image: Image.Image | NDArray[np.uint8],
    *,
    target_size: int | None = None,
    target_bpp: float | None = None,
    target_psnr: float | None = None,
    target_ms_ssim: float | None = None,
    target_ssimulacra2: float | None = None,
    texture: float | str | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> bytes:
    """`encode` at the quality that meets one target; the other options are those of `encode`.

    target_size: bytes of the whole file, target_bpp: the same in bits per pixel; never exceeded.
    target_psnr (dB over RGB samples), target_ms_ssim (0..1), target_ssimulacra2 (up to 100): how
    near the mean image, `decode(data, texture=0)`, comes to the picture at least.
    Raises ParameterError if no quality meets the target, or not exactly one is given.
    """
    picture = to_picture(image, to_8_bit=bool(options.get("to_8_bit", False)))
    pixels = picture.pixels
    count = pixels.shape[0] * pixels.shape[1]
    targets = [
        None if target_size is None else _size_target(target_size),
        None if target_bpp is None else _rate_target(target_bpp, count),
        None if target_psnr is None else _likeness_target("PSNR", target_psnr, pixels),
        None if target_ms_ssim is None else _likeness_target("MS-SSIM", target_ms_ssim, pixels),
        None
        if target_ssimulacra2 is None
        else _likeness_target("SSIMULACRA2", target_ssimulacra2, pixels),
    ]
    chosen = [target for target in targets if target is not None]
    if len(chosen) != 1:
        raise ParameterError("give one target")

    if target_psnr is not None and options.get("model") is None and options.get("tune") is None:
        options["tune"] = PSNR  # what the target measures

    files: dict[float, bytes] = {}

    def code(quality: float) -> bytes:
        if quality not in files:
            # The strength takes one byte whatever it is, and as long to measure as all the rest.
            strength = 0 if texture == AUTO_TEXTURE else texture
            files[quality] = encode(image, quality, texture=strength, **options)
            report(min(len(files), TRIES))
        return files[quality]

    def report(steps: float) -> None:
        if progress:
            progress(steps / (TRIES + FINAL_STEPS))

    quality = find_quality(code, chosen[0])
    if texture != AUTO_TEXTURE:
        report(TRIES + FINAL_STEPS)
        return code(quality)
    return encode(
        image,
        quality,
        texture=texture,
        progress=lambda part: report(TRIES + FINAL_STEPS * part),
        **options,
    )


def find_quality(code: Coder, target: Target) -> float:
    """The quality whose file meets the target most nearly, on the allowed side of it."""
    below: tuple[int, float] | None = None
    above: tuple[int, float] | None = None
    place_code = round(LOSSY_QUALITY * QUALITY_UNIT)
    for _ in range(TRIES):
        value = target.measure(code(place_code / QUALITY_UNIT))
        miss = value - target.place
        allowed = miss <= 0 if target.at_most else miss >= 0
        if allowed and abs(miss) <= target.margin:
            return place_code / QUALITY_UNIT
        if miss <= 0:
            below = place_code, value
        else:
            above = place_code, value
        if below and above and above[0] - below[0] <= 1:
            break
        if (place_code == QUALITY_CODE_MIN and miss > 0) or (
            place_code == QUALITY_CODE_MAX and miss <= 0
        ):
            break
        place_code = _next_code(below, above, target)
    return _best(code, below, above, target)


def _next_code(
    below: tuple[int, float] | None, above: tuple[int, float] | None, target: Target
) -> int:
    """Where the line through what is known is just on the allowed side of the target."""
    aim = target.place + (-0.5 if target.at_most else 0.5) * target.margin
    if below and above:
        (left, low), (right, high) = below, above
        part = (aim - low) / (high - low) if high > low else 0.5
        step = round((right - left) * min(max(part, 0.02), 0.98))
        return left + min(max(step, 1), max(1, right - left - 1))
    known, value = below or above or (0, 0.0)
    step = round((aim - value) / target.slope * QUALITY_UNIT)
    # A little further, so that the target soon lies between two files.
    step += round(math.copysign(QUALITY_UNIT, step)) if abs(step) > 8 * QUALITY_UNIT else 0
    return min(max(known + step, QUALITY_CODE_MIN), QUALITY_CODE_MAX)


def _best(
    code: Coder,
    below: tuple[int, float] | None,
    above: tuple[int, float] | None,
    target: Target,
) -> float:
    """The file nearest to the target on the allowed side, or a ParameterError that says why not."""
    allowed = below if target.at_most else above
    if allowed is not None:
        return allowed[0] / QUALITY_UNIT
    end = (QUALITY_CODE_MIN if target.at_most else QUALITY_CODE_MAX) / QUALITY_UNIT
    file = code(end)
    missed = target.measure(file) - target.place
    if missed <= 0 if target.at_most else missed >= 0:
        return end
    if target.at_most:
        raise ParameterError(
            f"no file as small as that: at the lowest quality it has {len(file)} bytes"
        )
    raise ParameterError(
        f"no lossy file reaches that {target.name}; --lossless and --max-error do better"
    )


def _size_target(size_bytes: int) -> Target:
    if size_bytes < 1:
        raise ParameterError("the target size must be at least one byte")
    return Target(
        "size", math.log(size_bytes), 0.035, 0.015, True, lambda data: math.log(len(data))
    )


def _rate_target(rate_bpp: float, pixels: int) -> Target:
    if not math.isfinite(rate_bpp):
        raise ParameterError(f"the target rate must be a number of bits, not {rate_bpp!r}")
    return _size_target(math.floor(rate_bpp * pixels / 8))


def _likeness_target(name: str, value: float, pixels: Pixels) -> Target:
    if not math.isfinite(value):
        raise ParameterError(f"the target {name} must be a finite number, not {value!r}")
    if name == "PSNR":
        return Target(
            name, value, 0.14, 0.03, False, lambda d: _capped(psnr_db(pixels, _mean_image(d)))
        )
    if name == "MS-SSIM":
        if min(pixels.shape[:2]) < MS_SSIM_MIN_PX:
            raise ParameterError(f"MS-SSIM needs {MS_SSIM_MIN_PX} pixels a side")
        if not 0 < value < 1:
            raise ParameterError(f"MS-SSIM must be between 0 and 1, not {value!r}")
        return Target(
            name,
            ms_ssim_db(value),
            0.14,
            0.03,
            False,
            lambda d: _capped(ms_ssim_db(ms_ssim(pixels, _mean_image(d)))),
        )

    def measure(data: bytes) -> float:
        found = measure_ssimulacra2(pixels, _mean_image(data))["ssimulacra2"]
        if found is None:
            raise ParameterError("SSIMULACRA2 needs the package ssimulacra2 and a larger picture")
        return found

    return Target(name, value, 0.8, 0.15, False, measure)


def _capped(likeness_db: float) -> float:
    """Equal pictures are infinitely near."""
    return min(likeness_db, EQUAL_DB)


def _mean_image(data: bytes) -> Pixels:
    return decode_pixels(data, texture=0)
