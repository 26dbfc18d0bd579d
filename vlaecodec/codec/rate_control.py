"""Finding the quality that meets a target: a file's size, or how near the mean image comes.

Quality is continuous and both size and similarity rise with it, so a few drafts find the place: the
first at a guess, the next where the line through earlier drafts meets the target. Only the latents
are coded again: alpha, metadata and texture do not depend on quality.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from vlaecodec.bitstream.header import QUALITY_CODE_MAX, QUALITY_CODE_MIN, QUALITY_UNIT, Section
from vlaecodec.codec.interface import D, PictureEncoder
from vlaecodec.errors import ParameterError
from vlaecodec.metrics.distortion import MS_SSIM_MIN_PX, ms_ssim, ms_ssim_db, psnr_db
from vlaecodec.metrics.measures import measure_ssimulacra2
from vlaecodec.picture.image import Pixels

_log = logging.getLogger(__name__)

TRIES = 9
"""Drafts at most in the search."""

START_QUALITY = 50.0
"""Where the search begins."""

EQUAL_DB = 150.0
"""The decibels that stand for equal pictures in the search."""

Coder = Callable[[float], D]
"""Called with a quality 1..100; codes the picture's latents at it."""


class UnmetTargetError(ParameterError):
    """No quality meets a target."""


@dataclass(frozen=True, kw_only=True)
class Target(Generic[D]):
    """What to meet. `measure` gives a draft's place on a scale on which qualities lie evenly."""

    place: float
    """Where to be on the scale."""
    slope: float
    """How much one step of quality moves on the scale, about, on photos."""
    margin: float
    """The search stops this near to the target."""
    at_most: bool
    """Whether files above the target are refused; else those below are."""
    measure: Callable[[D], float]
    unmet: Callable[[D], str]
    """What to say where not even this draft, at the end of the scale, is on the allowed side."""


def find_draft(
    encoder: PictureEncoder[D],
    pixels: Pixels,
    target: tuple[str, float],
    sections: dict[Section, bytes],
) -> D:
    """The draft that meets a target most nearly, on the allowed side of it.

    pixels: the picture, uint8 [H, W, 3]. target: see EncodeOptions.target. sections: of the file,
    whose size they add to. Raises ParameterError if no quality meets the target.
    """
    drafts: dict[float, D] = {}

    def code(quality: float) -> D:
        if quality not in drafts:
            drafts.clear()  # the search asks for the last one again, if for any
            drafts[quality] = encoder.encode_latents(quality)
        return drafts[quality]

    return code(find_quality(code, make_target(encoder, pixels, target, sections)))


def make_target(
    encoder: PictureEncoder[D],
    pixels: Pixels,
    target: tuple[str, float],
    sections: dict[Section, bytes],
) -> Target[D]:
    """The target of an option and its value; see find_draft."""
    limit = size_limit(target, pixels)
    if limit is not None:
        return _size_target(encoder, limit, sections)
    place, measure = make_scale(pixels, target)
    if target[0] == "target_ssimulacra2":
        return _similarity_target(encoder, target[0], place, measure, slope=0.8, margin=0.15)
    return _similarity_target(encoder, target[0], place, measure)


def size_limit(target: tuple[str, float] | None, pixels: Pixels) -> int | None:
    """The most bytes that a target allows; None if it is about something else."""
    if target is None or target[0] not in ("target_size", "target_bpp"):
        return None
    bits = 8 * target[1] if target[0] == "target_size" else target[1] * pixels[..., 0].size
    return math.floor(bits / 8)


def make_scale(
    pixels: Pixels, target: tuple[str, float]
) -> tuple[float, Callable[[Pixels], float]]:
    """A similarity target's place on a scale, and the function that gives a picture's place.

    Raises ParameterError for a picture that it cannot be measured on.
    """
    name, value = target
    if name == "target_psnr":
        return value, lambda shown: _capped(psnr_db(pixels, shown))
    if name == "target_ms_ssim":
        if min(pixels.shape[:2]) < MS_SSIM_MIN_PX:
            raise ParameterError(f"MS-SSIM needs {MS_SSIM_MIN_PX} pixels a side")
        return ms_ssim_db(value), lambda shown: _capped(ms_ssim_db(ms_ssim(pixels, shown)))

    def measure(shown: Pixels) -> float:
        score = measure_ssimulacra2(pixels, shown)["ssimulacra2"]
        if score is None:
            raise ParameterError("SSIMULACRA2 needs the package ssimulacra2 and a larger picture")
        return score

    return value, measure


def find_quality(code: Coder[D], target: Target[D]) -> float:
    """The quality whose file meets the target most nearly, on the allowed side of it."""
    below: tuple[int, float] | None = None
    above: tuple[int, float] | None = None
    place_code, last_miss, held = round(START_QUALITY * QUALITY_UNIT), 0.0, 1.0
    for _ in range(TRIES):
        value = target.measure(code(place_code / QUALITY_UNIT))
        miss = value - target.place
        allowed = miss <= 0 if target.at_most else miss >= 0
        verdict = "meets the target" if allowed else "misses the target"
        _log.info("quality %.2f %s", place_code / QUALITY_UNIT, verdict)
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
        held = held * last_miss / (last_miss + miss) if miss * last_miss > 0 else 1.0
        last_miss = miss
        weights = (1.0, held) if miss <= 0 else (held, 1.0)
        place_code = _next_code(below, above, target, weights)
    return _best(code, below, above, target)


def _next_code(
    below: tuple[int, float] | None,
    above: tuple[int, float] | None,
    target: Target[D],
    weights: tuple[float, float],
) -> int:
    """Where the line through earlier drafts is just on the allowed side of the target.

    weights: of both; a draft that stays counts less each time (the Pegasus method, M. Dowell and
    P. Jarratt, 1972), since where the line bends the other one would only creep to the target.
    """
    aim = target.place + (-0.5 if target.at_most else 0.5) * target.margin
    if below and above:
        (left, low), (right, high) = below, above
        low, high = weights[0] * (low - aim), weights[1] * (high - aim)
        part = -low / (high - low) if high > low else 0.5
        step = round((right - left) * min(max(part, 0.02), 0.98))
        return left + min(max(step, 1), max(1, right - left - 1))
    known, value = below or above or (0, 0.0)
    step = round((aim - value) / target.slope * QUALITY_UNIT)
    # A little further, so that the target soon lies between two files.
    step += round(math.copysign(QUALITY_UNIT, step)) if abs(step) > 8 * QUALITY_UNIT else 0
    return min(max(known + step, QUALITY_CODE_MIN), QUALITY_CODE_MAX)


def _best(
    code: Coder[D],
    below: tuple[int, float] | None,
    above: tuple[int, float] | None,
    target: Target[D],
) -> float:
    """The file nearest to the target on the allowed side, or a ParameterError that says why not."""
    allowed = below if target.at_most else above
    if allowed is not None:
        return allowed[0] / QUALITY_UNIT
    end = (QUALITY_CODE_MIN if target.at_most else QUALITY_CODE_MAX) / QUALITY_UNIT
    draft = code(end)
    missed = target.measure(draft) - target.place
    if missed <= 0 if target.at_most else missed >= 0:
        return end
    raise UnmetTargetError(target.unmet(draft))


def _size_target(
    encoder: PictureEncoder[D], size_bytes: int, sections: dict[Section, bytes]
) -> Target[D]:
    def file_size(draft: D) -> int:
        return len(encoder.without_texture(draft).write(sections))

    return Target(
        place=math.log(max(size_bytes, 1)),
        slope=0.035,
        margin=0.015,
        at_most=True,
        measure=lambda draft: math.log(file_size(draft)),
        unmet=lambda draft: (
            f"no file as small as that: at the lowest quality it has {file_size(draft)} bytes"
        ),
    )


def _similarity_target(
    encoder: PictureEncoder[D],
    name: str,
    place: float,
    measure: Callable[[Pixels], float],
    *,
    slope: float = 0.14,
    margin: float = 0.03,
) -> Target[D]:
    return Target(
        place=place,
        slope=slope,
        margin=margin,
        at_most=False,
        measure=lambda draft: measure(encoder.mean_image(draft)),
        unmet=lambda _: f"no quality reaches {name}: ask for lossless or max_error",
    )


def _capped(similarity_db: float) -> float:
    """Equal pictures have infinitely many decibels; the search needs a number."""
    return min(similarity_db, EQUAL_DB)
