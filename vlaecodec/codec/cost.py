"""What a coding of a picture costs, so that codings of different kinds can be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from vlaecodec.codec.options import EncodeOptions
from vlaecodec.codec.photo import LOSSY_QUALITY
from vlaecodec.codec.rate_control import make_scale, size_limit
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.networks.photo.architecture import LAMBDA_MAX, LAMBDA_MIN
from vlaecodec.picture.image import Picture, Pixels
from vlaecodec.picture.overlay import Mask

TOP_DB, TOP_SLOPE_DB = 45.0, 2.0
"""What quality 100 promises at least, PSNR, and by how much less each step below it."""

TOP_START = 90.0
"""Where the promise begins: at lower qualities nothing falls so short."""

DRAWN_QUALITY = 50.0
"""Errors in drawings are weighed as at this quality at least: they spoil text and edges."""

NOTHING_BYTES = 64
"""A file may be this much larger for being exact, however small the picture."""


@dataclass(frozen=True)
class Coded:
    """A whole file."""

    data: bytes
    show: Callable[[], Pixels]

    @cached_property
    def shown(self) -> Pixels:
        """What it shows without texture: uint8 [H, W, 3]."""
        return self.show()


Cost = Callable[[Coded], float]
"""The cost of a file, less is better; infinite if it does not meet the options."""


def make_cost(picture: Picture, options: EncodeOptions, drawn: Mask | None) -> Cost:
    """How to compare codings of a picture, as its options ask.

    drawn: where the picture is a drawing; None for all of it.
    """
    limit = size_limit(options.target, picture.pixels)
    if limit is not None:
        return lambda coded: (
            -psnr_db(picture.pixels, coded.shown) if len(coded.data) <= limit else inf
        )
    if options.target is not None:
        place, measure = make_scale(picture.pixels, options.target)
        return lambda coded: len(coded.data) if measure(coded.shown) >= place else inf
    if options.is_exact:
        return lambda coded: len(coded.data)
    floor_db = -inf if options.roi is not None else promised_db(options) or -inf

    def cost(coded: Coded) -> float:
        if psnr_db(picture.pixels, coded.shown) < floor_db:
            return inf
        return _bits_and_errors(coded, picture.pixels, options.quality or LOSSY_QUALITY, drawn)

    return cost


def promised_db(options: EncodeOptions) -> float | None:
    """The PSNR that a quality near the end of the scale promises; None elsewhere."""
    if options.quality is None or options.quality <= TOP_START:
        return None
    return TOP_DB - TOP_SLOPE_DB * (100.0 - options.quality)


def _bits_and_errors(coded: Coded, pixels: Pixels, quality: float, drawn: Mask | None) -> float:
    """Bits of a file plus its squared error in bits; errors in drawn parts count more."""
    error = ((pixels.astype(np.int32) - coded.shown) ** 2).sum(2)
    in_drawing = error.sum() if drawn is None else error[drawn].sum()
    worth = _lambda_at(quality) * (error.sum() - in_drawing)
    worth += _lambda_at(max(quality, DRAWN_QUALITY)) * in_drawing
    bits = 8 * (len(coded.data) - NOTHING_BYTES * (not error.any()))
    return float(bits + worth / 3)


def _lambda_at(quality: float) -> float:
    """Bits per pixel per squared grey level."""
    return float(LAMBDA_MIN * (LAMBDA_MAX / LAMBDA_MIN) ** ((quality - 1) / 99))
