"""Rows that were measured before, found by everything that they depend on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class StoredRows:
    """The rows of an older record, and of a journal that a stopped run has left beside it."""

    def __init__(self, output: Path | None, *, fresh: bool = False) -> None:
        self._rows: dict[str, Row] = {}
        self._journal = None if output is None else output.with_suffix(".partial.jsonl")
        if output is None or self._journal is None:
            return
        if fresh:
            self._journal.unlink(missing_ok=True)
            return
        if output.exists():
            self._read_record(json.loads(output.read_text()))
        if self._journal.exists():
            for line in self._journal.read_text().splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # the line that was being written when the run was stopped
                self._add(entry["identity"], entry["digest"], entry["row"])

    def find(self, codec: str, identity: dict[str, Any], digest: str, setting: float) -> Row | None:
        """The row of a codec, picture and setting, with the measures that it has."""
        return self._rows.get(_key(codec, identity, digest, setting))

    def append(self, identity: dict[str, Any], digest: str, rows: Iterable[Row]) -> None:
        """Store new rows in the journal, in case the run is stopped."""
        if self._journal is None:
            return
        with self._journal.open("a") as file:
            for row in rows:
                entry = {"identity": identity, "digest": digest, "row": row}
                file.write(json.dumps(entry) + "\n")

    def close(self) -> None:
        """Remove the journal: the record holds its rows now."""
        if self._journal is not None:
            self._journal.unlink(missing_ok=True)

    def _read_record(self, record: dict[str, Any]) -> None:
        codecs, pictures = record.get("codecs", {}), record.get("pictures", {})
        for row in record.get("rows", []):
            if row["codec"] in codecs and row["picture"] in pictures:
                self._add(codecs[row["codec"]], pictures[row["picture"]], row)

    def _add(self, identity: dict[str, Any], digest: str, row: Row) -> None:
        self._rows[_key(row["codec"], identity, digest, row["setting"])] = row


def _key(codec: str, identity: dict[str, Any], digest: str, setting: float) -> str:
    return json.dumps([codec, identity, digest, float(setting)], sort_keys=True)
