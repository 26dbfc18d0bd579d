"""Rate and distortion of whole files, ours and the rivals', on the same pictures in one run.

bin/benchmark rate_distortion IMAGES... --output results.json

Writes the same rows as CSV beside the JSON. A run that was stopped goes on where it was, and rows
are taken over from an older OUTPUT where nothing that they depend on has changed.
"""

from __future__ import annotations

import concurrent.futures
import importlib.util
import json
import math
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.kit.agreement import measure_agreement
from benchmarks.kit.codecs import OURS, Codec, find_codecs
from benchmarks.kit.curves import (
    BD_MEASURES,
    Row,
    check_published_pictures,
    compare_curves,
    compare_with_published,
    mean_rows,
    read_published,
    rises_with_quality,
)
from benchmarks.kit.flip import MEASURES as TITLES
from benchmarks.kit.flip import has_flip, measure_flip
from benchmarks.kit.pictures import digest, name_pictures, open_picture
from benchmarks.kit.record import (
    RESULTS,
    check_output,
    describe_run,
    print_table,
    write_record,
    write_rows,
)
from benchmarks.kit.stored_rows import StoredRows
from benchmarks.kit.tables import read_record
from benchmarks.kit.timing import timed
from benchmarks.photo.lossy_tables import bd_cell, likeness_table, rate_distortion_table
from vlaecodec.cli.progress import progress_bar
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.metrics.measures import measure_distortion, measure_realism, measure_ssimulacra2

MEASURES: dict[str, tuple[Callable[..., dict[str, float | None]], tuple[str, ...]]] = {
    "distortion": (measure_distortion, ("psnr_db", "psnr_yuv_db", "ms_ssim")),
    "ssimulacra2": (measure_ssimulacra2, ("ssimulacra2",)),
    "flip": (measure_flip, ("flip",)),
    "realism": (measure_realism, ("sliced_wasserstein", "spectrum_distance")),
}
"""Groups of measures that are taken together, and what they are called."""

STORED = RESULTS / "kodak.json"
LONG_S = 1.0
"""Seconds are averaged over pictures, so that slower codecs need not be run again on each."""

WARM_UP_PX = 256
"""SSIMULACRA2 cannot be measured on less, and some files are coded by it."""

SPARSE_FROM = 6
"""Fewer points than half of more settings than this would bend curves."""

PACKAGES = ("pillow-jxl-plugin", "ssimulacra2", "flip-evaluator", "scipy")


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


def _measure_file(
    job: Job, codec: Codec, image: Image.Image, setting: float
) -> tuple[Row, NDArray[np.uint8]]:
    """A row without measures of likeness, and the decoded picture [H, W, 3]."""
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


def run_jobs(jobs: list[Job], processes: int) -> Iterator[tuple[Job, list[Row]]]:
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


def summarise(
    rows: list[Row],
    codecs: dict[str, Codec],
    rates_bpp: tuple[float, float],
    published: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Mean curves, BD-rates of ours against every other, and whether quality does what it says."""
    by_codec = {name: [row for row in rows if row["codec"] == name] for name in codecs}
    comparisons: dict[str, dict[str, Any]] = {}
    for name in (n for n, codec in codecs.items() if codec.is_tested):
        others = [n for n, c in codecs.items() if not c.is_ours or (n == OURS and n != name)]
        comparisons[name] = {
            other: compare_curves(by_codec[other], by_codec[name], rates_bpp) for other in others
        }
        for other, curve in published.items():
            comparisons[name][other] = {
                **compare_with_published(curve["points"], by_codec[name], rates_bpp),
                "published": True,
            }
    pictures = dict.fromkeys(row["picture"] for row in rows)
    return {
        "bd_rate_bpp": list(rates_bpp),
        "bd_rate": comparisons,
        "rises_with_quality": {
            picture: rises_with_quality(r for r in by_codec[OURS] if r["picture"] == picture)
            for picture in (pictures if OURS in codecs else ())
        },
        "mean": {name: mean_rows(of_codec) for name, of_codec in by_codec.items()},
    }


def report(record: dict[str, Any]) -> None:
    """Print README.md's tables, and every BD-rate with the rates that it was taken over."""
    for table in (rate_distortion_table(record), likeness_table(record)):
        click.echo(table.caption)
        print_table(table.columns, table.rows)
    low, high = record["bd_rate_bpp"]
    for name, others in record["bd_rate"].items():
        rows = [
            [
                f"{other} (published, not run)" if found.get("published") else other,
                *(bd_cell(found, measure, overlap=True) for measure in BD_MEASURES),
            ]
            for other, found in others.items()
        ]
        click.echo(f"BD-rate, over at most {low} to {high} bpp of the other codec:")
        print_table([f"{name} against", *(TITLES[measure][0] for measure in BD_MEASURES)], rows)
    rises = record["rises_with_quality"].values()
    if rises:
        click.echo(f"rate and PSNR rise with quality on {sum(rises)} of {len(rises)}")


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write JSON here, CSV beside it.")
@click.option("--codec", "names", multiple=True, help="Only this one; several may be given.")
@click.option("--ssimulacra2", is_flag=True, help="Measure SSIMULACRA2 too; slow.")
@click.option("--flip", is_flag=True, help="Measure FLIP too.")
@click.option("--realism", is_flag=True, help="Measure patch and spectrum distances too.")
@click.option(
    "--sparse", is_flag=True, help=f"Of more than {SPARSE_FROM} settings, these at every second."
)
@click.option(
    "--published",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Curves to refer to, as CSV: benchmarks/published/kodak.csv.",
)
@click.option("--low", default=0.1, show_default=True, help="BD-rate from this rate of a rival.")
@click.option("--high", default=1.0, show_default=True, help="BD-rate up to this rate.")
@click.option("--runs", default=3, show_default=True, help="Seconds: medians of at most so many.")
@click.option("--threads", default=1, show_default=True, help="Threads of every codec.")
@click.option("--jobs", default=1, show_default=True, help="Processes; more than 1 blur seconds.")
@click.option("--fresh", is_flag=True, help="Measure everything anew.")
def main(
    images: tuple[Path, ...],
    output: Path | None,
    names: tuple[str, ...],
    ssimulacra2: bool,
    flip: bool,
    realism: bool,
    sparse: bool,
    published: Path | None,
    low: float,
    high: float,
    runs: int,
    threads: int,
    jobs: int,
    fresh: bool,
) -> None:
    """Measure codecs on IMAGES, files or folders, and print mean curves and BD-rates."""
    check_output(output)
    if ssimulacra2 and importlib.util.find_spec("ssimulacra2") is None:
        raise click.UsageError("--ssimulacra2 needs the package ssimulacra2, of the extra bench")
    if flip and not has_flip():
        raise click.UsageError("--flip needs the package flip-evaluator, of the extra bench")
    paths = name_pictures(images)
    references = {} if published is None else read_published(published)
    if references:
        check_published_pictures(paths)
    codecs, left_out = _choose(threads, names)
    asked = {"ssimulacra2": ssimulacra2, "flip": flip, "realism": realism}
    groups = _groups(codecs, {name for name, wanted in asked.items() if wanted}, sparse=sparse)
    run = {
        **describe_run(*PACKAGES),
        "threads": threads,
        "jobs": jobs,
        "runs": runs,
        "sparse": sparse,
    }
    pictures = {name: digest(open_picture(path)) for name, path in paths.items()}
    stored = StoredRows(output, fresh=fresh)
    wanted = [(c, p, s) for c, codec in codecs.items() for p in paths for s in codec.settings]
    rows: dict[tuple[str, str, float], Row] = {}
    known: dict[tuple[str, str, float], Row] = {}
    for c, p, s in wanted:
        found = stored.find(c, codecs[c].identity, pictures[p], s)
        if found is not None:
            needed = {name for group in groups[c, s] for name in MEASURES[group][1]}
            whole = needed <= found.keys()
            (rows if whole else known)[c, p, s] = {**found, "picture": p}
    taken_over = set(rows)
    reused = len(taken_over)
    work = []
    # Picture by picture: what the measures know of an original serves all codecs.
    for c, p in ((c, p) for p in paths for c in codecs):
        missing = {s: groups[c, s] for s in codecs[c].settings if (c, p, s) not in rows}
        if missing:
            before = {s: known[c, p, s] for s in missing if (c, p, s) in known}
            work.append(Job(c, p, paths[p], missing, before, threads, runs))
    with progress_bar("rate-distortion", quiet=False) as progress:
        for job, measured in run_jobs(work, jobs):
            made = {"commit": (run["commit"] or "")[:12]}
            # A row that was known keeps the commit that its seconds are of.
            measured = [{"jobs": jobs, **made, **row} for row in measured]
            stored.append(codecs[job.codec].identity, pictures[job.picture], measured)
            rows |= {(job.codec, job.picture, row["setting"]): row for row in measured}
            if progress is not None:
                progress(len(rows) / len(wanted))
    ordered = [rows[key] for key in wanted]
    record = {
        **run,
        "rows_taken_over": reused,
        "left_out": left_out,
        "codecs": {name: codec.identity for name, codec in codecs.items()},
        "pictures": pictures,
        **summarise(ordered, codecs, (low, high), references),
        "published": {"note": "published, not run", "curves": references},
        "rows": ordered,
    }
    report(record)
    for name in left_out:
        click.echo(f"{name} is left out: its package is not installed")
    click.echo(f"{len(wanted) - reused} rows measured, {reused} taken over")
    measured_now = [row for key, row in rows.items() if key not in taken_over]
    if STORED.exists():
        agreement = measure_agreement(read_record(STORED), pictures, measured_now)
        if agreement is not None:
            click.echo(f"{STORED.name}: {agreement}")
    write_record(output, json.loads(json.dumps(record)))
    if output is not None:
        write_rows(output.with_suffix(".csv"), ordered)
    stored.close()


def _choose(threads: int, names: Iterable[str]) -> tuple[dict[str, Codec], list[str]]:
    """The codecs asked for, by default all but slow ones, and those that are missing here."""
    codecs, left_out = find_codecs(threads)
    for name in names:
        if name not in codecs:
            known = ", ".join(codecs)
            raise click.UsageError(f"no codec named {name!r} here; there are: {known}")
    chosen = {n: c for n, c in codecs.items() if (n in names if names else c.by_default)}
    return chosen, left_out


def _groups(
    codecs: dict[str, Codec], asked: set[str], *, sparse: bool
) -> dict[tuple[str, float], tuple[str, ...]]:
    """Groups of measures for each codec and setting; `sparse`: those asked for at every second."""
    slow = tuple(name for name in MEASURES if name in asked)
    groups = {}
    for name, codec in codecs.items():
        step = 2 if sparse and len(codec.settings) > SPARSE_FROM else 1
        for index, setting in enumerate(codec.settings):
            groups[name, setting] = ("distortion", *(() if index % step else slow))
    return groups


if __name__ == "__main__":
    main()
