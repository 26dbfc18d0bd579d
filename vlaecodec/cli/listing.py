"""Lists of many files: a table for people, CSV or JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from vlaecodec.cli.batch.names import VLAE
from vlaecodec.cli.files import STDIO
from vlaecodec.cli.reporting import printable
from vlaecodec.errors import InputError, ParameterError

Record = dict[str, Any]
"""The values of one file by name; all records of a list have the same names."""


def expand_files(paths: Sequence[str]) -> tuple[list[str], bool]:
    """The files named, and the .vlae files in folders named and below; and whether it is a list.

    One file by itself is none. Raises InputError for a folder without any.
    """
    found: list[str] = []
    for path in paths:
        if path == STDIO or not Path(path).is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in Path(path).rglob("*" + VLAE) if p.is_file())
        if not inside:
            raise InputError(f"{path}: no {VLAE} file in this folder")
        found += map(str, inside)
    return found, len(found) > 1 or found != list(paths)


def check_listing(*, as_json: bool, as_csv: bool) -> None:
    """Raise ParameterError unless at most one of the two is asked for."""
    if as_json and as_csv:
        raise ParameterError("give --json or --csv, not both")


def format_csv(records: Sequence[Record]) -> str:
    """Records as CSV with a head; what is None stays empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def print_records(records: Sequence[Record], *, as_csv: bool) -> None:
    """As CSV, else as JSON: a list."""
    click.echo(format_csv(records) if as_csv else json.dumps(records), nl=not as_csv)


def print_columns(rows: Iterable[Sequence[str]]) -> None:
    """Rows of text in columns, the first to the left and the others to the right."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for first, *others in shown:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        click.echo("  ".join([first.ljust(widths[0]), *cells]).rstrip())
