"""Texture in a photo's file: drawn around the mean image, and recommended by a map."""

from __future__ import annotations

import numpy as np

from vlaecodec.bitstream.header import QUALITY_UNIT, TEXTURE_UNIT, Section
from vlaecodec.bitstream.tiles import View, pixel_window
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.model.tiled import Reconstruction
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels import texture
from vlaecodec.pixels.recommendation import recommend_map
from vlaecodec.pixels.texture_map import TextureMap

Sections = dict[Section, bytes]

FADE_QUALITIES, MOST_ERRORS = (60.0, 80.0), (1.3, 1.04)
"""How many times as large recommended texture may make the squared error, up to one quality and
from another on: PSNR falls by 1.1 and by 0.2 dB. Who asks for quality asks for likeness."""


def with_texture(
    model: PhotoModel,
    base: Reconstruction,
    strength_code: int,
    seed: int,
    strengths: TextureMap | None,
    view: View,
) -> Pixels:
    """A view's mean image with a draw blended in where it is to be drawn: uint8 [H, W, 3]."""
    part, picture = base.part(view.drawn), base.mean.copy()
    drawn = texture.draw_residual(
        model,
        part.mean,
        part.features,
        seed,
        colours=part.colours,
        strengths=strengths,
        corner=(view.window.top + view.drawn.top, view.window.left + view.drawn.left),
    )
    picture[pixel_window(view.drawn)] = texture.blend(part.mean, drawn, strength_code)
    return picture


def recommend_texture(
    model: PhotoModel, pixels: Pixels, base: Reconstruction, seed: int, quality_code: int
) -> tuple[int, Sections]:
    """The strength's code, 0 or full, and the map in a section of its own, if there is any."""
    quality = quality_code / QUALITY_UNIT
    most_error = float(np.interp(quality, FADE_QUALITIES, MOST_ERRORS))
    found = recommend_map(
        model,
        pixels,
        base.mean,
        base.features,
        seed,
        most_error=most_error,
        colours=base.colours,
    )
    return (0, {}) if found is None else (TEXTURE_UNIT, _stored(found))


def empty_map(pixels: Pixels) -> Sections:
    """As many bytes as a picture's map takes."""
    return _stored(TextureMap.filled(0, *pixels.shape[:2]))


def _stored(found: TextureMap) -> Sections:
    return {Section.TEXTURE_MAP: found.to_bytes()}
