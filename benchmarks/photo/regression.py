"""Whether a change costs bits: six small photos, coded and compared with the stored record.

bin/benchmark regression            # fails if the record does not hold
bin/benchmark regression --update   # writes a new record, for review

Where the record was made on a machine like this one, every file has to be the same to the byte. The
analysis network is plain float and rounds differently elsewhere, so there only sizes have to agree,
within SIZE_TOLERANCE. Seconds are printed and decide nothing.
"""

from __future__ import annotations

import hashlib
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image

import vlaecodec
from benchmarks.kit.bd_rate import bd_rate
from benchmarks.kit.curves import curve_of, mean_rows
from benchmarks.kit.pictures import open_pictures
from benchmarks.kit.record import RESULTS, ROOT, describe_run, write_record
from benchmarks.kit.tables import Record, made_with, read_record
from vlaecodec.metrics.distortion import psnr_db

PICTURES = ROOT / "benchmarks" / "data" / "regression"
STORED = RESULTS / "regression.json"
QUALITIES = (10, 30, 50, 70, 90)
LOSSLESS = "lossless"
BD_TOLERANCE_PERCENT = 0.5
SIZE_TOLERANCE = 0.005


def describe_machine() -> dict[str, str]:
    """What the bytes of a file may depend on besides code and model."""
    return {
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }


def measure() -> list[dict[str, Any]]:
    """A row for each picture at each quality, and one for its lossless file."""
    with _one_thread():
        rows = []
        for name, image in open_pictures([PICTURES]).items():
            for quality in QUALITIES:
                # A given strength saves measuring it; tests of texture look after that.
                data = vlaecodec.encode(image, quality, texture=0)
                rows.append(_row(name, quality, image, data))
            rows.append(_row(name, LOSSLESS, image, vlaecodec.encode(image, lossless=True)))
    return rows


def _row(name: str, setting: float | str, image: Image.Image, data: bytes) -> dict[str, Any]:
    row = {
        "picture": name,
        "setting": setting,
        "size_bytes": len(data),
        "rate_bpp": 8 * len(data) / (image.width * image.height),
        "sha256": hashlib.sha256(data).hexdigest()[:16],
    }
    decoded, original = np.asarray(vlaecodec.decode(data)), np.asarray(image)
    if setting != LOSSLESS:
        row["psnr_db"] = psnr_db(original, decoded)
    elif not np.array_equal(decoded, original):
        raise click.ClickException(f"{name}: the lossless file decodes to other pixels")
    return row


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums of floats depend on how many threads share them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def find_problems(stored: Record, rows: list[dict[str, Any]], machine: dict[str, str]) -> list[str]:
    """How new rows break the record, a line each; none if they hold to it."""
    problems = []
    before = {(row["picture"], row["setting"]): row for row in stored["rows"]}
    if before.keys() != {(row["picture"], row["setting"]) for row in rows}:
        return ["the pictures or settings are not those of the record"]
    percent = bd_percent(stored["rows"], rows)
    if percent > BD_TOLERANCE_PERCENT:
        problems.append(f"BD-rate is worse by {percent:.2f} %, allowed are {BD_TOLERANCE_PERCENT}")
    exactly = stored["made_on"] == machine
    for row in rows:
        old = before[row["picture"], row["setting"]]
        label = f"{row['picture']} at {row['setting']}"
        sizes = f"{old['size_bytes']} to {row['size_bytes']} bytes"
        grown = abs(row["size_bytes"] / old["size_bytes"] - 1)
        # Small files are whole words: one word more or less is no tolerance exceeded.
        off = abs(row["size_bytes"] - old["size_bytes"])
        if exactly and row["sha256"] != old["sha256"]:
            problems.append(f"{label}: other bytes ({sizes})")
        elif not exactly and grown > SIZE_TOLERANCE and off > 4:
            problems.append(f"{label}: from {sizes}")
    return problems


def bd_percent(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> float:
    """BD-rate of new rows against old ones, over the mean curves of the lossy files."""
    old, new = (
        curve_of(mean_rows(r for r in rows if r["setting"] != LOSSLESS), "psnr_db")
        for rows in (before, after)
    )
    return bd_rate(old, new).percent


@click.command()
@click.option("--update", is_flag=True, help="Store what is measured now.")
@click.option("--record", default=STORED, type=click.Path(path_type=Path), show_default=False)
def main(update: bool, record: Path) -> None:
    """Code six small photos and compare with the stored record."""
    start = time.perf_counter()
    rows, machine = measure(), describe_machine()
    click.echo(f"{len(rows)} files coded and decoded in {time.perf_counter() - start:.1f} s")
    stored = read_record(record) if record.exists() else None
    if stored is not None:
        click.echo(f"the record: {made_with(stored)}")
        click.echo(f"BD-rate against it: {bd_percent(stored['rows'], rows):+.3f} %")
        if stored["made_on"] != machine:
            click.echo("it was made on another kind of machine: sizes are compared, not bytes")
    if update:
        write_record(record, {**describe_run(), "made_on": machine, "rows": rows})
        click.echo(f"{record}: written; review what changed before committing it")
        return
    if stored is None:
        raise click.ClickException(f"{record}: there is no record; --update makes one")
    problems = find_problems(stored, rows, machine)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        click.echo("if this is meant, run bin/benchmark regression --update", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
