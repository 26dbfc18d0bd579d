"""A stored result as a table of text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

Record = dict[str, Any]
PRINTED_COLUMNS = 160


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption; the first column names the rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default_factory=list)

    def to_markdown(self) -> str:
        """Caption, table and notes, each a paragraph."""
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, *self.rows)]
        lines.insert(1, "|" + "---|" * len(self.columns))
        return "\n\n".join([self.caption, "\n".join(lines), *self.notes])

    def print(self) -> None:
        """The same on standard output, columns aligned. A caption may be empty."""
        table = RichTable(box=box.MARKDOWN)
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        console = Console(width=PRINTED_COLUMNS, highlight=False, markup=False)
        for part in (*filter(None, [self.caption]), table, *self.notes):
            console.print(part)


def lay_out(
    caption: str,
    first: str,
    rows: Mapping[str, Record],
    cells: Mapping[str, str],
    notes: Iterable[str] = (),
) -> Table:
    """A table with a row for each record. first: the title of the column with the rows' names.

    cells: title and format string of each other column, such as "{nll_nats:.2f}"; a record that
    lacks a figure has a dash there.
    """
    found = [[name, *(_fill(cell, row) for cell in cells.values())] for name, row in rows.items()]
    return Table(caption, [first, *cells], found, list(notes))


def _fill(cell: str, row: Record) -> str:
    try:
        return cell.format_map(row)
    except (KeyError, TypeError):  # not measured, or None
        return "-"


def made_with(record: Record) -> str:
    """The model and the commit that a record belongs to."""
    return f"model {record['model']}, {made_at(record)}"


def made_at(record: Record) -> str:
    """The commit that a record belongs to."""
    commit = record.get("commit")
    if commit is None:
        return "commit not recorded"
    return f"commit {commit[:12]}" + (" with changes" if record.get("uncommitted_changes") else "")


def read_record(path: Path) -> Record:
    """A stored result."""
    record: Record = json.loads(path.read_text())
    return record


def name_photos(names: Iterable[str]) -> str:
    """Which photos these are and how many, in words."""
    photos = set(names)
    kodak = all(name.startswith("kodim") for name in photos)
    plural = "s" if len(photos) > 1 else ""
    return f"{'Kodak' if kodak else 'Own pictures'}, {len(photos)} photo{plural}"


def photos_of(record: Record) -> str:
    """The photos of a rate-distortion record in words."""
    return name_photos(row["picture"] for row in record["rows"])
