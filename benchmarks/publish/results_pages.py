"""Put the stored results into docs/, between their markers, and draw the plots.

bin/benchmark results_pages
"""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

from benchmarks.kit.record import RESULTS, ROOT, write_text
from benchmarks.kit.tables import Record, read_record
from benchmarks.publish.contents import LOCAL_RECORDS, SAME_BUT_LOCAL, SMALL_MODELS, TABLES
from benchmarks.publish.plots import draw_charts
from vlaecodec.model.registry import list_models

BEGIN = "<!-- results: written by bin/benchmark results_pages -->\n"
END = "<!-- end of results -->"
LINE_LENGTH = 100
PLOTS = {
    "psnr_db": "PSNR over rate",
    "ssimulacra2": "SSIMULACRA2 over rate",
    "ms_ssim": "MS-SSIM over rate",
    "sliced_wasserstein": "Patch distance over rate",
}
"""The plots that documents show, and what they are called there."""

PHOTOS, PAPER = ROOT / "docs" / "results.md", ROOT / "docs" / "paper.md"


def render(document: Path) -> str:
    """The text between a document's markers."""
    names = [n for n in TABLES if (n in SMALL_MODELS) == (document == PAPER)]
    records = {n: read_record(RESULTS / n) for n in names if (RESULTS / n).exists()}
    tables = [
        build(record)
        for name, record in records.items()
        if is_current(name, record)
        for build in TABLES[name]
    ]
    plots = [] if document == PAPER else list(PLOTS)
    paragraphs = [part for table in tables for part in table.to_markdown().split("\n\n")]
    drawn = draw_plots()
    shown = [
        f"![{PLOTS[measure]}]({os.path.relpath(plot_path(measure), document.parent)})"
        for measure in plots
        if plot_path(measure) in drawn
    ]
    return "\n\n".join([*shown, *(_wrap(part) for part in paragraphs)]) + "\n"


def is_current(name: str, record: Record) -> bool:
    """Whether a record is of a model that is shipped, or of one that differs in its local decoders
    alone where the record has none; those of small models name theirs in rows."""
    shipped = {entry.fingerprint.hex() for entry in list_models()[1]}
    model = record.get("fingerprint", "") if name in SMALL_MODELS else record["model"]
    if name not in LOCAL_RECORDS:
        model = SAME_BUT_LOCAL.get(model, model)
    return not model or model in shipped


def plot_path(measure: str) -> Path:
    """Where a plot is stored."""
    return RESULTS / f"{measure}.svg"


def draw_plots() -> dict[Path, str]:
    """The SVG of each measure over rate, and where it belongs."""
    record = read_record(RESULTS / "kodak.json")
    charts = draw_charts(record) if is_current("kodak.json", record) else {}
    return {plot_path(measure): chart + "\n" for measure, chart in charts.items()}


def insert(document: Path) -> str:
    """A document's text with fresh results."""
    before, rest = document.read_text().split(BEGIN)
    return before + BEGIN + render(document) + END + rest.split(END)[1]


def main() -> None:
    """Rewrite the documents and the plots."""
    for plot, drawing in draw_plots().items():
        write_text(plot, drawing)
    for document in (PHOTOS, PAPER):
        write_text(document, insert(document))


def _wrap(paragraph: str) -> str:
    if paragraph.startswith("|"):
        return paragraph
    return textwrap.fill(paragraph, LINE_LENGTH, break_on_hyphens=False, break_long_words=False)


if __name__ == "__main__":
    main()
