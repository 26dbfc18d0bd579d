"""Whether a run gives the figures that are stored: row by row, on the same pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Agreement:
    """How far rows are from the stored rows of the same codec, picture and setting."""

    rows: int
    """So many have a stored one."""
    largest_size_percent: float
    largest_psnr_db: float

    def __str__(self) -> str:
        return (
            f"{self.rows} rows are stored too: sizes differ by at most "
            f"{self.largest_size_percent:.2f} %, PSNR by at most {self.largest_psnr_db:.3f} dB"
        )


def measure_agreement(
    stored: dict[str, Any], pictures: dict[str, str], rows: Iterable[Row]
) -> Agreement | None:
    """Of rows with a stored record; None where they have nothing in common.

    pictures: digest of each picture's pixels by its name, so that names may differ.
    """
    known = {
        (row["codec"], stored["pictures"][row["picture"]], row["setting"]): row
        for row in stored["rows"]
    }
    pairs = []
    for row in rows:
        old = known.get((row["codec"], pictures[row["picture"]], row["setting"]))
        if old is not None:
            pairs.append((old, row))
    if not pairs:
        return None
    sizes = [100 * abs(new["size_bytes"] / old["size_bytes"] - 1) for old, new in pairs]
    psnrs = [
        abs(new["psnr_db"] - old["psnr_db"])
        for old, new in pairs
        if None not in (old["psnr_db"], new["psnr_db"])
    ]
    return Agreement(len(pairs), max(sizes), max(psnrs, default=0.0))
