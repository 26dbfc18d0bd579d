"""Put the stored results into README.md, between its markers, and draw the plots.

python -m benchmarks.readme_table
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from benchmarks.contents import TABLES
from benchmarks.record import RESULTS, ROOT, write_text
from benchmarks.report import draw_charts
from benchmarks.tables import read_record

BEGIN, END = "<!-- results: written by benchmarks/readme_table.py -->\n", "<!-- end of results -->"
LINE_LENGTH = 100
SHOWN = {
    "psnr_db": "PSNR over rate",
    "ms_ssim": "MS-SSIM over rate",
    "sliced_wasserstein": "Patch distance over rate",
}
"""The plots that README.md shows, and what they are called there."""


def render() -> str:
    """The text between the markers."""
    tables = [
        build(read_record(RESULTS / name))
        for name, builders in TABLES.items()
        if (RESULTS / name).exists()
        for build in builders
    ]
    paragraphs = [part for table in tables for part in table.to_markdown().split("\n\n")]
    drawn = draw_plots()
    plots = [
        f"![{title}]({plot_path(measure).relative_to(ROOT).as_posix()})"
        for measure, title in SHOWN.items()
        if plot_path(measure) in drawn
    ]
    return "\n\n".join([*plots, *(_wrap(part) for part in paragraphs)]) + "\n"


def plot_path(measure: str) -> Path:
    """Where a plot is stored."""
    return RESULTS / f"{measure}.svg"


def draw_plots() -> dict[Path, str]:
    """The SVG of each measure over rate, and where it belongs."""
    charts = draw_charts(read_record(RESULTS / "kodak.json"))
    return {plot_path(measure): chart + "\n" for measure, chart in charts.items()}


def insert(readme: str) -> str:
    """README text with fresh results."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + render() + END + rest.split(END)[1]


def main() -> None:
    """Rewrite README.md and the plots."""
    for plot, drawing in draw_plots().items():
        write_text(plot, drawing)
    path = ROOT / "README.md"
    path.write_text(insert(path.read_text()))


def _wrap(paragraph: str) -> str:
    if paragraph.startswith("|"):
        return paragraph
    return textwrap.fill(paragraph, LINE_LENGTH, break_on_hyphens=False, break_long_words=False)


if __name__ == "__main__":
    main()
