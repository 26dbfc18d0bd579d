"""Pictures of one photo, two at a time, with a divider to drag between them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from PIL import Image

from vlaecodec.analysis.comparison import Candidate
from vlaecodec.analysis.html.document import render_table
from vlaecodec.metrics.measures import MEASURES
from vlaecodec.picture.image import Pixels

ORIGINAL = "original"


@dataclass(frozen=True)
class ShownPicture:
    """A picture to choose in a comparer."""

    caption: str
    pixels: Pixels = field(repr=False)


def render_comparison(title: str, original: Pixels, candidates: Sequence[Candidate]) -> str:
    """A comparer of a photo and its candidates, and a table of what was measured."""
    area = original.shape[0] * original.shape[1]
    pictures = [ShownPicture(ORIGINAL, original)]
    for found in candidates:
        rate = 8 * found.size_bytes / area
        pictures.append(
            ShownPicture(f"{found.name}: {found.size_bytes} bytes, {rate:.3f} bpp", found.pixels)
        )
    return render_comparer(title, pictures) + render_measures(title, area, candidates)


def render_comparer(title: str, pictures: Sequence[ShownPicture]) -> str:
    """The pictures, all of one size; at first the first is left and the second right."""
    height, width = pictures[0].pixels.shape[:2]
    choices = "".join(
        f'<option value="{index}">{escape(picture.caption)}</option>'
        for index, picture in enumerate(pictures)
    )
    images = "\n".join(
        f'<img src="{_data_uri(picture.pixels)}" alt="{escape(title)}, {escape(picture.caption)}"'
        f' width="{width}" height="{height}" draggable="false">'
        for picture in pictures
    )
    return f"""<section class="comparer" aria-label="{escape(title)}">
<h3>{escape(title)}</h3>
<p class="choices">
<label>Left <select class="left">{choices}</select></label>
<label>Right <select class="right">{choices}</select></label>
<label>Size <select class="zoom"><option value="0">fit</option><option value="1">1:1</option>
<option value="2">2:1</option><option value="4">4:1</option></select></label>
</p>
<div class="frame"><div class="stage">
{images}
<div class="divider" role="slider" tabindex="0" aria-label="Divider: left of it the left picture"
 aria-valuemin="0" aria-valuemax="100" aria-valuenow="50"></div>
</div></div>
</section>
"""


def render_measures(title: str, area_px: int, candidates: Sequence[Candidate]) -> str:
    """A table of the candidates' sizes and measures; those that none has are left out."""
    names = [n for n in MEASURES if any(c.measures.get(n) is not None for c in candidates)]
    columns = ["file", "bytes", "bpp"]
    for name in names:
        label, unit, _ = MEASURES[name]
        columns.append(f"{label}, {unit}" if unit else label)
    rows = []
    for found in candidates:
        cells = [found.name, str(found.size_bytes), f"{8 * found.size_bytes / area_px:.3f}"]
        rows.append(cells + [format_measure(name, found.measures.get(name)) for name in names])
    notes = [
        f"{found.name} has no file as small as ours: this is its smallest."
        for found in candidates
        if found.too_large
    ]
    return render_table(f"{title}: whole files", columns, rows, notes)


def format_measure(name: str, value: float | None) -> str:
    """A measure's figure with its decimals; a dash where there is none."""
    return "-" if value is None else f"{value:.{MEASURES[name][2]}f}"


def _data_uri(pixels: Pixels) -> str:
    """Exactly these pixels, whatever the browser's decoders of other formats would make of them."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=60, method=3)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
