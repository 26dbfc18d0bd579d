"""An inspection as a page: its panels to compare, and its figures."""

from __future__ import annotations

from math import isinf

from vlaecodec.analysis.heat_map import Panel
from vlaecodec.analysis.html.comparer import ShownPicture, render_comparer
from vlaecodec.analysis.html.document import render_document, render_table
from vlaecodec.analysis.inspection import Inspection

NOTES = (
    "Bits are exact code lengths; of the top latent, less what bits-back coding returns.",
    "PSNR is that of the picture decoded from the layers up to this one, with later layers as the "
    "prior predicts them, against the exact picture if the file holds it, else its mean image; a "
    "dash where both are equal.",
    "Heat maps run from black, 0, to bright yellow, the upper figure, which one position in 200 "
    "exceeds.",
)
COLUMNS = ("layer", "bits", "bpp", "share", "PSNR, dB")


def table_rows(found: Inspection) -> list[tuple[str, str, str, str, str]]:
    """The bits and the PSNR of each layer, and the side information: cells of COLUMNS."""
    area, total = found.info.width * found.info.height, 8 * found.info.size_bytes
    parts = [
        (layer.name, layer.total_bits, "-" if isinf(layer.psnr_db) else f"{layer.psnr_db:.2f}")
        for layer in found.layers
    ]
    parts += [("side info", found.side_bits, ""), ("file", total, "")]
    return [
        (name, f"{bits:.0f}", f"{bits / area:.4f}", f"{bits / total:.1%}", psnr)
        for name, bits, psnr in parts
    ]


def render_inspection(title: str, found: Inspection, panels: list[Panel]) -> str:
    """A whole page."""
    pictures = [
        ShownPicture(": ".join(filter(None, (panel.title, panel.detail))), panel.pixels)
        for panel in panels
    ]
    table = render_table("Where the bits went", COLUMNS, table_rows(found), NOTES)
    return render_document(f"{title}: what is inside", [render_comparer(title, pictures), table])
