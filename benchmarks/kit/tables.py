"""A stored result as a table of text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption; the first column names the rows."""

    caption: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def to_markdown(self) -> str:
        """Caption, table and notes, each a paragraph."""
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, *self.rows)]
        lines.insert(1, "|" + "---|" * len(self.columns))
        return "\n\n".join([self.caption, "\n".join(lines), *self.notes])


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


def count(record: Record) -> str:
    """The photos of a rate-distortion record in words."""
    pictures = {row["picture"] for row in record["rows"]}
    name = "Kodak" if all(p.startswith("kodim") for p in pictures) else "Own pictures"
    return f"{name}, {len(pictures)} photo{'s' if len(pictures) > 1 else ''}"


def format_cell(value: float | None, decimals: int) -> str:
    """A figure, or a dash where there is none."""
    return "-" if value is None else f"{value:.{decimals}f}"
