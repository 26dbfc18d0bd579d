"""Drawings in fewer colours, as one WebP: near the original where exactness costs too much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import inf

from vlaecodec.bitstream.header import quality_to_code
from vlaecodec.codec.cost import Coded, Cost
from vlaecodec.codec.options import EncodeOptions
from vlaecodec.codec.photo import LOSSY_QUALITY
from vlaecodec.codec.stored import store_picture
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.picture.fewer_colours import MOST_COLOURS, ColourTable, coarsen
from vlaecodec.picture.image import Picture, Pixels

PALETTES = (16, 32, 64, 128, 256)
"""Numbers of colours that are tried, until more of them cost more than they are worth."""

STEPS = (5, 3)
"""Then, where no palette is near enough: all samples on so coarse a grid."""

NEAR_DB = 46.0
"""PSNR at least, without a target: further away, bands show where shades should change smoothly."""


def encode_fewer(picture: Picture, options: EncodeOptions, cost: Cost, most: float) -> Coded | None:
    """The best file of fewer colours; None if none is near enough, or costs less than the most."""
    floor_db = NEAR_DB if options.target is None else -inf
    best: Coded | None = None
    least = inf
    for pixels in _candidates(picture.pixels):
        if psnr_db(picture.pixels, pixels) < floor_db:
            continue
        coded = _store(picture, pixels, options, quick=True)
        if coded is None or cost(coded) > least:
            break
        if cost(coded) < least:
            best, least = coded, cost(coded)
    return _store(picture, best.shown, options, quick=False) if best and least < most else None


def _candidates(pixels: Pixels) -> Iterator[Pixels]:
    """Ever nearer ones."""
    table = ColourTable(pixels)
    if len(table) > MOST_COLOURS:
        return
    for count in PALETTES:
        if count < len(table):
            yield table.reduce_to(count)
    for step in STEPS:
        yield coarsen(pixels, step)


def _store(
    picture: Picture, pixels: Pixels, options: EncodeOptions, *, quick: bool
) -> Coded | None:
    quality_code = quality_to_code(options.quality or LOSSY_QUALITY)
    data = store_picture(
        replace(picture, pixels=pixels), options, quality_code, is_original=False, quick=quick
    )
    return None if data is None else Coded(data, lambda: pixels)
