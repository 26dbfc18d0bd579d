"""What rate_distortion measures, one codec on one picture at a time, in several processes."""

from __future__ import annotations

import concurrent.futures
import math
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.kit.codecs import Codec, find_codecs
from benchmarks.kit.flip import measure_flip
from benchmarks.kit.pictures import open_picture
from benchmarks.kit.timing import timed
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.metrics.measures import measure_distortion, measure_realism, measure_ssimulacra2

Row = dict[str, Any]

MEASURES: dict[str, tuple[Callable[..., dict[str, float | None]], tuple[str, ...]]] = {
    "distortion": (measure_distortion, ("psnr_db", "psnr_yuv_db", "ms_ssim")),
    "ssimulacra2": (measure_ssimulacra2, ("ssimulacra2",)),
    "flip": (measure_flip, ("flip",)),
    "realism": (measure_realism, ("sliced_wasserstein", "spectrum_distance")),
}
"""Groups of measures that are taken together, and what they are called."""

LONG_S = 1.0
"""Seconds are averaged over pictures, so that slower codecs need not be run again on each."""

WARM_UP_PX = 256
"""SSIMULACRA2 cannot be measured on less, and some files are coded by it."""


@dataclass(frozen=True)
class Job:
    """One codec on one picture, at the settings that have to be measured."""

    codec: str
    picture: str
    path: Path
    groups: dict[float, tuple[str, ...]]
    """Settings, and the groups of measures that are taken at each."""
    known: dict[float, Row]
    """Rows of settings that were measured before, by fewer measures."""
    threads: int
    runs: int


def measure(job: Job) -> list[Row]:
    """A row for each setting: whole-file rate, distortion, median seconds for each way.

    A known row keeps its seconds and gets the measures that it lacks, if its file is the same.
    """
    codec = find_codecs(job.threads)[0][job.codec]
    image = open_picture(job.path)
    original = np.asarray(image)
    _warm_up(codec)
    rows = []
    for setting, groups in job.groups.items():
        row = job.known.get(setting)
        if row is not None:
            data = codec.encode(image, setting)
            decoded = np.asarray(codec.decode(data))
            same = (len(data), psnr_db(original, decoded)) == (row["size_bytes"], row["psnr_db"])
        if row is None or not same:
            row, decoded = _measure_file(job, codec, image, setting)
        for group in groups:
            take, names = MEASURES[group]
            if not set(names) <= row.keys():
                found = take(original, decoded)
                row |= {n: v if v is None or math.isfinite(v) else None for n, v in found.items()}
        rows.append(row)
    return rows


def run_jobs(jobs: Sequence[Job], processes: int) -> Iterator[tuple[Job, list[Row]]]:
    """Results as they come; in this process if one is enough."""
    if processes == 1:
        for job in jobs:
            yield job, measure(job)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = {pool.submit(measure, job): job for job in jobs}
        try:
            for future in concurrent.futures.as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _measure_file(
    job: Job, codec: Codec, image: Image.Image, setting: float
) -> tuple[Row, NDArray[np.uint8]]:
    """A row without measures of similarity, and the decoded picture [H, W, 3]."""
    data, encode_s = timed(partial(codec.encode, image, setting), job.runs, LONG_S)
    decoded, decode_s = timed(partial(codec.decode, data), job.runs, LONG_S)
    row: Row = {
        "codec": job.codec,
        "picture": job.picture,
        "setting": setting,
        "size_bytes": len(data),
        "rate_bpp": 8 * len(data) / (image.width * image.height),
        "encode_s": encode_s,
        "decode_s": decode_s,
        "runs": job.runs,
    }
    return row, np.asarray(decoded)


def _warm_up(codec: Codec) -> None:
    """Load what is loaded once, so that no row pays for it."""
    codec.decode(codec.encode(Image.new("RGB", (WARM_UP_PX, WARM_UP_PX)), codec.settings[-1]))
