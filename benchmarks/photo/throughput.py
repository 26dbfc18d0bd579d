"""How much faster several processes code many files than one, each with one thread.

bin/benchmark throughput FOLDER --output benchmarks/results/throughput.json

Codes crops of the pictures in FOLDER, one of them corrupt, by the command itself, start included.
"""

from __future__ import annotations

import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.kit.pictures import find_images, open_picture
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.tables import lay_out

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def write_crops(sources: list[Path], folder: Path, count: int, side_px: int) -> int:
    """Square crops at random places, as PNG, the middle one cut off. Returns pixels coded."""
    rng = np.random.default_rng(0)
    pixels = 0
    for number in range(count):
        image = open_picture(sources[number % len(sources)])
        width, height = min(side_px, image.width), min(side_px, image.height)
        left = int(rng.integers(image.width - width + 1))
        top = int(rng.integers(image.height - height + 1))
        path = folder / f"{number:04}.png"
        image.crop((left, top, left + width, top + height)).save(path)
        if number == count // 2:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        else:
            pixels += width * height
    return pixels


def measure(folder: Path, output: Path, processes: int) -> dict[str, Any]:
    """Code a folder once. Raises RuntimeError unless all went as it should."""
    command = [sys.executable, "-m", "vlaecodec", "encode", "-r", str(folder), "--quiet"]
    command += ["--output-dir", str(output), "-j", str(processes)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    failures = done.stderr.splitlines()
    if done.returncode != 1 or len(failures) != 1 or "0001.png" not in failures[0]:
        raise RuntimeError(f"the corrupt picture alone should have failed: {done.stderr}")
    files = sorted(output.glob("*.vlae"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu_s": cpu_s, "files": len(files), "sha256": digest}


def summarise(rows: list[dict[str, Any]], count: int, pixels: int) -> dict[str, dict[str, Any]]:
    """Medians for each number of processes, and throughput as a multiple of one process's."""
    summary: dict[str, dict[str, Any]] = {}
    for processes in sorted({row["processes"] for row in rows}):
        runs = [row for row in rows if row["processes"] == processes]
        seconds = statistics.median(row["seconds"] for row in runs)
        summary[str(processes)] = {
            "seconds": seconds,
            "cpu_s": statistics.median(row["cpu_s"] for row in runs),
            "files_per_s": (count - 1) / seconds,
            "megapixels_per_s": pixels / 1e6 / seconds,
        }
    for found in summary.values():
        found["throughput_ratio"] = summary["1"]["seconds"] / found["seconds"]
    return summary


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--pictures", default=200, show_default=True, help="One of them is corrupt.")
@click.option("--side", "side_px", default=384, show_default=True, help="Of the crops, in pixels.")
@click.option("--processes", default=2, show_default=True, help="To compare with one.")
@click.option("--runs", default=3, show_default=True, help="Of each, in turn; medians count.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def main(
    folder: Path, pictures: int, side_px: int, processes: int, runs: int, output: Path | None
) -> None:
    """Code crops of the pictures in FOLDER with one process and with several."""
    check_output(output)
    load = os.getloadavg()[0]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as path:
        crops = Path(path) / "crops"
        crops.mkdir()
        sources = find_images([folder])
        if not sources:
            raise click.UsageError("no pictures there")
        pixels = write_crops(sources, crops, pictures, side_px)
        for run in range(runs):
            for number in (1, processes):
                found = measure(crops, Path(path) / f"{run}-{number}", number)
                rows.append({"processes": number, **found})
    if len({row["sha256"] for row in rows}) > 1 or rows[0]["files"] != pictures - 1:
        raise click.ClickException("the runs did not write the same files")
    medians = summarise(rows, pictures, pixels)
    record = {
        **describe_run(),
        "pictures": pictures,
        "side_px": side_px,
        "threads_per_process": 1,
        "cores": len(os.sched_getaffinity(0)),
        "load_before": load,
        "runs": runs,
        "medians": medians,
        "rows": rows,
    }
    cells = {
        "seconds": "{seconds:.2f}",
        "CPU seconds": "{cpu_s:.2f}",
        "files/s": "{files_per_s:.2f}",
        "MP/s": "{megapixels_per_s:.2f}",
        "ratio": "{throughput_ratio:.2f}",
    }
    lay_out("", "processes", medians, cells).print()
    write_record(output, record)


if __name__ == "__main__":
    main()
