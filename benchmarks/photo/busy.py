"""Seconds of decoding while other programs keep every core busy, against a quiet machine.

bin/benchmark busy PHOTO --output benchmarks/results/busy.json

Loops that do nothing else take the cores. Decoding has a fair share of them then, about a half, so
that twice the seconds is what is to be expected; threads that wait for each other take far longer.
Environment variables of threads are left alone: the defaults are what is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from torch.utils.data import DataLoader, Dataset

import vlaecodec
from benchmarks.kit.pictures import open_picture, parse_size
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.tables import lay_out
from benchmarks.kit.timing import timed
from benchmarks.photo.speed import resize
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.model.threads import count_cores

THREADS, WORKERS = 8, 2
LOOP = "while True: pass"

Row = dict[str, Any]


class Files(Dataset[torch.Tensor]):
    """The same file so many times over, decoded to its mean image."""

    def __init__(self, data: bytes, count: int) -> None:
        self.data, self.count = data, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> torch.Tensor:
        if index >= self.count:
            raise IndexError(index)
        return torch.from_numpy(decode_pixels(self.data, texture=0))


@contextmanager
def busy_loops(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Other processes that do nothing but keep cores busy."""
    loops = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(count)]
    try:
        time.sleep(1)  # until the scheduler has seen what they are like
        yield loops
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def decode_in_threads(pool: ThreadPoolExecutor, data: bytes, count: int) -> None:
    """Decode a file so many times, in all threads of a pool."""
    for _ in pool.map(lambda _: vlaecodec.decode(data, texture=0), range(count)):
        pass


def measure(
    ways: dict[str, tuple[Callable[[], object], int]], loops: int, runs: int
) -> dict[str, float]:
    """Median seconds a file of each way, beside so many loops."""
    with busy_loops(loops):
        return {
            name: timed(action, runs, long_s=float("inf"))[1] / files
            for name, (action, files) in ways.items()
        }


@click.command()
@click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--size", default="768x512", show_default=True, help="Of the photo, cut or mirrored.")
@click.option("--files", default=16, show_default=True, help="For threads and workers.")
@click.option("--loops", type=int, help="Busy loops.  [default: as many as there are cores]")
@click.option("--runs", default=5, show_default=True, help="Of each; medians count.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def main(
    photo: Path, size: str, files: int, loops: int | None, runs: int, output: Path | None
) -> None:
    """Decode PHOTO on this machine as it is, and beside busy loops."""
    check_output(output)
    run = describe_run()
    loops = count_cores() if loops is None else loops
    image = resize(open_picture(photo), *parse_size(size))
    data = vlaecodec.encode(image, texture=1)
    loader = DataLoader(Files(data, files), num_workers=WORKERS, persistent_workers=True)
    with ThreadPoolExecutor(THREADS) as pool:
        ways: dict[str, tuple[Callable[[], object], int]] = {
            "one file, mean image": (partial(vlaecodec.decode, data, texture=0), 1),
            "one file, full texture": (partial(vlaecodec.decode, data), 1),
            f"{THREADS} threads": (partial(decode_in_threads, pool, data, files), files),
            f"DataLoader, {WORKERS} workers": (lambda: list(loader), files),
        }
        for action, _ in ways.values():
            action()
        quiet, busy = (measure(ways, count, runs) for count in (0, loops))
    rows: list[Row] = [
        {"way": way, "quiet_s": quiet[way], "busy_s": busy[way], "ratio": busy[way] / quiet[way]}
        for way in ways
    ]
    beside = f"beside {loops} loops, s"
    cells = {"quiet, s a file": "{quiet_s:.3f}", beside: "{busy_s:.3f}", "ratio": "{ratio:.3f}"}
    lay_out("", "decoding", {row["way"]: row for row in rows}, cells).print()
    settings = {"size": size, "files": files, "loops": loops, "runs": runs}
    cores = {"usable_cores": count_cores(), "load_before": os.getloadavg()[0]}
    write_record(output, {**run, **settings, **cores, "rows": rows})


if __name__ == "__main__":
    main()
