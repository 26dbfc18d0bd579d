"""Draw an inspection: heat maps over the picture, and one sheet of all pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vlaecodec.analysis.inspection import Inspection, Map
from vlaecodec.bitstream.tiles import LATENT_FACTOR
from vlaecodec.picture.image import Pixels, to_grey

LONGEST_PX = 768
"""Larger pictures are shown smaller."""

SHORTEST_PX = 256
"""Pictures whose longer side is shorter are shown larger, by a whole factor."""

_UNIT = f"bits per {LATENT_FACTOR}x{LATENT_FACTOR} pixels"
_COLUMNS, _GAP_PX = 3, 12
_TITLE_PX, _DETAIL_PX, _BAR_PX = 17, 14, 90
_OPACITY = 0.65
_PERCENTILE = 99.5

# From dark to bright, in even steps of lightness, as the colour map "inferno" of matplotlib.
_COLOURS = np.array(
    [
        (0, 0, 4),
        (40, 11, 84),
        (101, 21, 110),
        (159, 42, 99),
        (212, 72, 66),
        (245, 125, 21),
        (250, 193, 39),
        (252, 255, 164),
    ]
)


@dataclass(frozen=True)
class Panel:
    """One picture of a sheet."""

    title: str
    detail: str
    pixels: Pixels = field(repr=False)
    heat: bool = False
    """Whether it is a heat map; the detail then begins with its scale."""


def draw_panels(found: Inspection) -> list[Panel]:
    """Every picture of a sheet, all of one size: in rows of three, which layer by layer match."""
    info, latents = found.info, [layer for layer in found.layers if layer.name != "pixels"]
    size = shown_size(info.width, info.height)
    grey = _resize(to_grey(found.picture), size)
    total = 8 * info.size_bytes

    def heat(title: str, values: Map, unit: str, more: str = "") -> Panel:
        top = float(np.percentile(values, _PERCENTILE)) or 1.0
        colours = _resize(_large(to_colours(values / top), info.width, info.height), size)
        mixed = np.rint(_OPACITY * colours + (1 - _OPACITY) * grey).astype(np.uint8)
        return Panel(title, f"0 to {top:.3g} {unit}{more}", mixed, heat=True)

    panels = [
        Panel(
            "the picture",
            f"{info.size_bytes} bytes, {info.rate_bpp:.3f} bpp",
            _resize(found.picture, size),
        ),
        heat("bits of the latents", np.sum([layer.bits for layer in latents], 0), _UNIT),
        heat(
            "texture: strength of a full draw",
            found.texture_rms,
            "grey levels RMS",
            f"; {info.texture:.2f} of it recommended",
        ),
    ]
    titles = ("top latent alone", "with the anchor", "with the rest: the mean image")
    for title, layer in zip(titles, latents, strict=True):
        detail = "" if np.isinf(layer.psnr_db) else f"PSNR {layer.psnr_db:.2f} dB"
        panels.append(Panel(title, detail, _resize(layer.shown, size)))
    for layer in found.layers:
        share = f"; {layer.total_bits / total:.1%} of the file"
        panels.append(heat(f"bits of the {layer.name}", layer.bits, _UNIT, share))
    return panels


def draw_sheet(panels: list[Panel]) -> Image.Image:
    """The panels with their titles, in rows of three."""
    height, width = panels[0].pixels.shape[:2]
    title_font, detail_font = (ImageFont.load_default(px) for px in (_TITLE_PX, _DETAIL_PX))
    widest = max(detail_font.getlength(panel.detail) for panel in panels)
    cell_width, above = max(width, _BAR_PX + 8 + round(widest)), _TITLE_PX + _DETAIL_PX + 14
    step = cell_width + _GAP_PX, height + above + _GAP_PX
    rows = -(-len(panels) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * step[0] + _GAP_PX, rows * step[1] + _GAP_PX), "white")
    draw = ImageDraw.Draw(sheet)
    ramp = to_colours(np.linspace(0, 1, _BAR_PX)[None].repeat(_DETAIL_PX - 2, 0))
    for index, panel in enumerate(panels):
        left = _GAP_PX + index % _COLUMNS * step[0]
        top = _GAP_PX + index // _COLUMNS * step[1]
        draw.text((left, top), panel.title, "black", title_font)
        below = top + _TITLE_PX + 5
        if panel.heat:
            sheet.paste(Image.fromarray(ramp), (left, below + 2))
        indent = _BAR_PX + 8 if panel.heat else 0
        draw.text((left + indent, below), panel.detail, "black", detail_font)
        sheet.paste(Image.fromarray(panel.pixels), (left, top + above))
    return sheet


def to_colours(values: NDArray[np.float64]) -> Pixels:
    """Colours for 0..1, dark to bright; what lies outside gets those of the ends."""
    place = np.clip(values, 0, 1) * (len(_COLOURS) - 1)
    knots = np.arange(len(_COLOURS))
    planes = [np.interp(place, knots, _COLOURS[:, channel]) for channel in range(3)]
    return np.rint(np.stack(planes, -1)).astype(np.uint8)


def shown_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at which a picture is shown."""
    longest = max(width, height)
    factor: float = -(-SHORTEST_PX // longest) if longest < SHORTEST_PX else 1
    factor = min(factor, LONGEST_PX / longest) if longest > LONGEST_PX else factor
    return max(1, round(factor * width)), max(1, round(factor * height))


def _large(colours: Pixels, width: int, height: int) -> Pixels:
    """A map's colours at every pixel of the picture."""
    return colours.repeat(LATENT_FACTOR, 0).repeat(LATENT_FACTOR, 1)[:height, :width]


def _resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    larger = size[0] > pixels.shape[1]
    how = Image.Resampling.NEAREST if larger else Image.Resampling.BOX
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, how))
