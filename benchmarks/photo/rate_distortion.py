"""Rate and distortion of whole files, ours and the rivals', on the same pictures in one run.

bin/benchmark rate_distortion IMAGES... --output results.json

A run that was stopped goes on where it was, and rows
are taken over from an older OUTPUT where nothing that they depend on has changed.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.kit.codecs import OURS, Codec, find_codecs
from benchmarks.kit.curves import (
    BD_MEASURES,
    Row,
    check_published_pictures,
    compare_curves,
    mean_rows,
    read_published,
    rises_with_quality,
)
from benchmarks.kit.flip import MEASURES as TITLES
from benchmarks.kit.flip import has_flip
from benchmarks.kit.pictures import digest, name_pictures, open_picture
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.stored_rows import StoredRows
from benchmarks.kit.tables import Table
from benchmarks.photo.lossy_tables import bd_cell, rate_distortion_table, similarity_table
from benchmarks.photo.rate_distortion_jobs import MEASURES, Job, run_jobs
from vlaecodec.cli.progress import progress_bar

SPARSE_FROM = 6
"""Fewer points than half of more settings than this would bend curves."""

PACKAGES = ("pillow-jxl-plugin", "ssimulacra2", "flip-evaluator", "scipy")

Key = tuple[str, str, float]
"""Codec, picture and setting."""

Published = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Settings:
    """The command's options."""

    images: tuple[Path, ...]
    output: Path | None
    codecs: tuple[str, ...]
    ssimulacra2: bool
    flip: bool
    realism: bool
    sparse: bool
    published: Path | None
    low: float
    high: float
    runs: int
    threads: int
    jobs: int
    fresh: bool

    def check(self) -> None:
        """Fail before the work. Raises click.UsageError."""
        check_output(self.output)
        if self.ssimulacra2 and importlib.util.find_spec("ssimulacra2") is None:
            needed = "--ssimulacra2 needs the package ssimulacra2, of the extra bench"
            raise click.UsageError(needed)
        if self.flip and not has_flip():
            raise click.UsageError("--flip needs the package flip-evaluator, of the extra bench")

    def choose_codecs(self) -> tuple[dict[str, Codec], list[str]]:
        """The codecs asked for, by default all but slow ones, and those that are missing here."""
        codecs, left_out = find_codecs(self.threads)
        for name in self.codecs:
            if name not in codecs:
                known = ", ".join(codecs)
                raise click.UsageError(f"no codec named {name!r} here; there are: {known}")
        asked = self.codecs or [name for name, codec in codecs.items() if codec.by_default]
        return {name: codec for name, codec in codecs.items() if name in asked}, left_out

    def groups_of(self, codec: Codec) -> dict[float, tuple[str, ...]]:
        """Groups of measures for each setting; `sparse`: those asked for at every second."""
        slow = tuple(name for name in ("ssimulacra2", "flip", "realism") if getattr(self, name))
        step = 2 if self.sparse and len(codec.settings) > SPARSE_FROM else 1
        return {
            setting: ("distortion", *(() if index % step else slow))
            for index, setting in enumerate(codec.settings)
        }


class Measurement:
    """All rows of a run: those that are stored, and those that have to be measured."""

    def __init__(self, settings: Settings, codecs: dict[str, Codec]) -> None:
        self.settings, self.codecs = settings, codecs
        self.paths = name_pictures(settings.images)
        self.digests = {name: digest(open_picture(path)) for name, path in self.paths.items()}
        self.wanted: list[Key] = [
            (c, p, s) for c, codec in codecs.items() for p in self.paths for s in codec.settings
        ]
        self.rows: dict[Key, Row] = {}
        self._partial: dict[Key, Row] = {}
        self._stored = StoredRows(settings.output, fresh=settings.fresh)
        self._groups = {name: settings.groups_of(codec) for name, codec in codecs.items()}
        for c, p, s in self.wanted:
            found = self._stored.find(c, codecs[c].identity, self.digests[p], s)
            if found is not None:
                needed = {name for group in self._groups[c][s] for name in MEASURES[group][1]}
                kept = self.rows if needed <= found.keys() else self._partial
                kept[c, p, s] = {**found, "picture": p}
        self.taken_over = len(self.rows)

    def run(self, commit: str | None) -> list[Row]:
        """Measure what is missing; all rows in order."""
        made = {"jobs": self.settings.jobs, "commit": (commit or "")[:12]}
        with progress_bar("rate-distortion", quiet=False) as progress:
            for job, measured in run_jobs(self._missing(), self.settings.jobs):
                # A row that was known keeps the commit that its seconds are of.
                rows = [{**made, **row} for row in measured]
                identity = self.codecs[job.codec].identity
                self._stored.append(identity, self.digests[job.picture], rows)
                self.rows |= {(job.codec, job.picture, row["setting"]): row for row in rows}
                if progress is not None:
                    progress(len(self.rows) / len(self.wanted))
        return [self.rows[key] for key in self.wanted]

    def close(self) -> None:
        """Drop what is kept for a run that is stopped."""
        self._stored.close()

    def _missing(self) -> list[Job]:
        """Jobs picture by picture: measures cache what they compute of an original."""
        jobs = []
        for p, c in ((p, c) for p in self.paths for c in self.codecs):
            groups = {s: g for s, g in self._groups[c].items() if (c, p, s) not in self.rows}
            if groups:
                known = {s: self._partial[c, p, s] for s in groups if (c, p, s) in self._partial}
                settings = self.settings
                job = Job(c, p, self.paths[p], groups, known, settings.threads, settings.runs)
                jobs.append(job)
        return jobs


def summarise(
    rows: list[Row],
    codecs: dict[str, Codec],
    rates_bpp: tuple[float, float],
    published: Published,
) -> dict[str, Any]:
    """Mean curves, BD-rates of ours against every other, and whether rate rises with quality."""
    by_codec = {name: [row for row in rows if row["codec"] == name] for name in codecs}
    means = {name: mean_rows(of_codec) for name, of_codec in by_codec.items()}
    comparisons: dict[str, dict[str, Any]] = {}
    for name in (n for n, codec in codecs.items() if codec.is_tested):
        others = [n for n, c in codecs.items() if not c.is_ours or (n == OURS and n != name)]
        comparisons[name] = {
            other: compare_curves(means[other], means[name], rates_bpp) for other in others
        }
        for other, curve in published.items():
            comparisons[name][other] = {
                **compare_curves(curve["points"], means[name], rates_bpp),
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
        "mean": means,
    }


def report(record: dict[str, Any]) -> None:
    """Print the documents' tables, and every BD-rate with the rates that it was taken over."""
    rate_distortion_table(record).print()
    similarity_table(record).print()
    low, high = record["bd_rate_bpp"]
    for name, others in record["bd_rate"].items():
        rows = [
            [
                f"{other} (published, not run)" if found.get("published") else other,
                *(bd_cell(found, measure, overlap=True) for measure in BD_MEASURES),
            ]
            for other, found in others.items()
        ]
        caption = f"BD-rate, over at most {low} to {high} bpp of the other codec:"
        columns = [f"{name} against", *(TITLES[measure][0] for measure in BD_MEASURES)]
        Table(caption, columns, rows).print()
    rises = record["rises_with_quality"].values()
    if rises:
        click.echo(f"rate and PSNR rise with quality on {sum(rises)} of {len(rises)}")
    for name in record["left_out"]:
        click.echo(f"{name} is left out: its package is not installed")


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--codec", "codecs", multiple=True, help="Only this one; several may be given.")
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
def main(**options: Any) -> None:
    """Measure codecs on IMAGES, files or folders, and print mean curves and BD-rates."""
    settings = Settings(**options)
    settings.check()
    published: Published = {}
    if settings.published is not None:
        published = read_published(settings.published)
        check_published_pictures(name_pictures(settings.images))
    codecs, left_out = settings.choose_codecs()
    run = describe_run(*PACKAGES)
    measurement = Measurement(settings, codecs)
    rows = measurement.run(run["commit"])
    record = {
        **run,
        **{key: getattr(settings, key) for key in ("threads", "jobs", "runs", "sparse")},
        "rows_taken_over": measurement.taken_over,
        "left_out": left_out,
        "codecs": {name: codec.identity for name, codec in codecs.items()},
        "pictures": measurement.digests,
        **summarise(rows, codecs, (settings.low, settings.high), published),
        "published": {"note": "published, not run", "curves": published},
        "rows": rows,
    }
    report(record)
    measured = len(rows) - measurement.taken_over
    click.echo(f"{measured} rows measured, {measurement.taken_over} taken over")
    write_record(settings.output, json.loads(json.dumps(record)))
    measurement.close()


if __name__ == "__main__":
    main()
