"""Put the stored results into README.md, between its markers, and the plot that it shows.

python -m benchmarks.readme_table
"""

from __future__ import annotations

import textwrap

from benchmarks.record import RESULTS, ROOT, write_text
from benchmarks.report import draw_charts
from benchmarks.tables import TABLES, read_record

BEGIN, END = "<!-- results: written by benchmarks/readme_table.py -->\n", "<!-- end of results -->"
LINE_LENGTH = 100
PLOT = RESULTS / "psnr_db.svg"


def render() -> str:
    """The text between the markers."""
    tables = [build(read_record(RESULTS / name)) for name, build in TABLES.items()]
    paragraphs = [part for table in tables for part in table.to_markdown().split("\n\n")]
    plot = f"![PSNR over rate]({PLOT.relative_to(ROOT).as_posix()})"
    return "\n\n".join([plot, *(_wrap(part) for part in paragraphs)]) + "\n"


def draw_plot() -> str:
    """The SVG of PSNR over rate."""
    return draw_charts(read_record(RESULTS / "kodak.json"))["psnr_db"] + "\n"


def insert(readme: str) -> str:
    """README text with fresh results."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + render() + END + rest.split(END)[1]


def main() -> None:
    """Rewrite README.md and its plot."""
    write_text(PLOT, draw_plot())
    path = ROOT / "README.md"
    path.write_text(insert(path.read_text()))


def _wrap(paragraph: str) -> str:
    if paragraph.startswith("|"):
        return paragraph
    return textwrap.fill(paragraph, LINE_LENGTH, break_on_hyphens=False, break_long_words=False)


if __name__ == "__main__":
    main()
