"""Drawn pictures for training: flat colour, gradients, shapes and text, which photos hardly have.

Without them a model of photos puts grain on flat areas and pays dearly for a screenshot.
"""

from __future__ import annotations

import string

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vlaecodec.training.photo.data import Photo

_SIDE_PX = 320
_SHAPES = 14
_LETTERS = string.ascii_letters + string.digits + "    .,;:-()"


def draw_pictures(count: int, seed: int) -> list[Photo]:
    """`count` pictures, uint8 [320, 320, 3] each, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [_draw_picture(rng) for _ in range(count)]


def _draw_picture(rng: np.random.Generator) -> Photo:
    image = Image.fromarray(_background(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(_SHAPES)):
        left, top = (int(v) for v in rng.integers(-40, _SIDE_PX, 2))
        width, height = (int(v) for v in rng.integers(2, 200, 2))
        box = (left, top, left + width, top + height)
        colour = _colour(rng)
        match rng.integers(4):
            case 0:
                draw.rectangle(box, fill=colour)
            case 1:
                draw.ellipse(box, fill=colour)
            case 2:
                draw.line(box, fill=colour, width=int(rng.integers(1, 5)))
            case _:
                _write_text(draw, (left, top), rng)
    return np.asarray(image)


def _write_text(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], rng: np.random.Generator
) -> None:
    lines = [
        "".join(rng.choice(list(_LETTERS), rng.integers(3, 40))) for _ in range(rng.integers(1, 8))
    ]
    font = ImageFont.load_default(size=int(rng.integers(9, 30)))
    draw.multiline_text(corner, "\n".join(lines), fill=_colour(rng), font=font)


def _background(rng: np.random.Generator) -> Photo:
    """One colour, or a gradient between two in any direction; never any noise."""
    first, second = np.array([_colour(rng), _colour(rng)], np.float64)
    if rng.random() < 0.5:
        second = first
    angle = rng.random() * 2 * np.pi
    rows, columns = np.mgrid[:_SIDE_PX, :_SIDE_PX] / (_SIDE_PX - 1) - 0.5
    part = 0.5 + (rows * np.sin(angle) + columns * np.cos(angle)) / np.sqrt(2)
    colours = first + part[..., None] * (second - first)
    return (colours + 0.5).clip(0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Greys, black and white as often as colours, as on screens."""
    red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
    match rng.integers(4):
        case 0:
            return (red, red, red)
        case 1:
            return (255, 255, 255) if red > 127 else (0, 0, 0)
        case _:
            return (red, green, blue)
