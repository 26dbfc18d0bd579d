"""An inspection as a page: its panels to compare, and its figures."""

from __future__ import annotations

from math import isinf

from vlaecodec.analysis.heat_map import Panel
from vlaecodec.analysis.html.comparer import ShownPicture, render_comparer
from vlaecodec.analysis.html.document import render_document, render_table
from vlaecodec.analysis.inspection import Inspection

NOTES = (
    "Bits are true code lengths. Those of the top latent are net of what bits-back coding "
    "returned.",
    "PSNR is to the exact picture where the file holds it, otherwise to its mean image: of what "
    "the layers up to this one tell, later ones being as the prior predicts them; a dash "
    "where both are the same.",
    "Heat maps run from black, 0, to bright yellow, the upper figure, which one position in 200 "
    "exceeds.",
)
COLUMNS = ("layer", "bits", "bpp", "share", "PSNR, dB")


def table_rows(found: Inspection) -> list[tuple[str, str, str, str, str]]:
    """What each layer costs and tells, and what the file holds beside them: cells of COLUMNS."""
    area, total = found.info.width * found.info.height, 8 * found.info.size_bytes
    parts = [
        (layer.name, layer.total_bits, "-" if isinf(layer.psnr_db) else f"{layer.psnr_db:.2f}")
        for layer in found.layers
    ]
    parts += [("beside", found.beside_bits, ""), ("file", total, "")]
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
