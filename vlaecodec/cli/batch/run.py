"""Plans carried out. Of many files, what fails does not stop the rest and is listed at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from itertools import chain
from pathlib import Path

from vlaecodec.cli.batch import local_engine, ray_engine
from vlaecodec.cli.batch.jobs import LOCAL, Outcome, say_outcome
from vlaecodec.cli.batch.plan import Plan
from vlaecodec.cli.batch.shards import Shards
from vlaecodec.cli.batch.worker import Result, Work
from vlaecodec.cli.files import check_output
from vlaecodec.cli.progress import progress_bar, total_bar
from vlaecodec.cli.reporting import printable, say
from vlaecodec.errors import ParameterError
from vlaecodec.writing import remove_stale

Engine = Callable[..., Generator[Result, None, None]]
"""Called with jobs, their work, a number of processes or None, and force: does the jobs somewhere,
and yields a result for each as it comes."""

ENGINES: dict[str, tuple[Engine, Callable[[], AbstractContextManager[None]]]] = {
    "local": (local_engine.run, nullcontext),
    "ray": (ray_engine.run, ray_engine.surroundings),
}
"""Each with what is entered before there is a progress bar."""

TABLE_ROWS = 40
"""Beyond so many files the table shows only those that failed."""


def carry_out(
    plan: Plan,
    work: Callable[..., Outcome],
    *,
    engine: str,
    processes: int | None,
    title: str,
    force: bool,
    quiet: bool,
    origin: str = "",
) -> None:
    """Do the jobs of a command, many at a time or its only one. origin: as in `say_outcome`.

    work: called with a job and `force`, and for one alone with `progress`.
    """
    for folder in {Path(job.output).parent for job in plan.jobs}:
        remove_stale(folder)
    if plan.many:
        run_many(plan, work, engine, processes, title=title, force=force, quiet=quiet)
        return
    if engine != LOCAL:
        raise ParameterError(f"--engine {engine} is for many files: give --output-dir")
    (job,) = plan.jobs
    check_output(job.output, job.input, force=force)
    with progress_bar(title, quiet=quiet) as progress:
        outcome = work(job, force=force, progress=progress)
    if not quiet:
        say_outcome(job, outcome, origin=origin)


def run_many(
    plan: Plan,
    work: Work,
    engine: str,
    processes: int | None,
    *,
    title: str,
    force: bool,
    quiet: bool,
) -> None:
    """Do all jobs, and say how it went. Exits with code 1 if some failed."""
    start = time.perf_counter()
    results = []
    run, surroundings = ENGINES[engine]
    with (
        surroundings(),
        Shards(plan, force=force) as shards,
        closing(run(shards.jobs, work, processes, force=force)) as stream,
    ):
        sizes = {job: job.size_bytes for job in shards.jobs}
        with total_bar(title, len(sizes), sum(sizes.values()), quiet=quiet) as advance:
            refused = [Result(job, error=problem) for job, problem in plan.refused]
            for result in chain(refused, shards.failures, shards.gather(stream)):
                results.append(result)
                for warning in result.warnings:
                    say(f"warning: {result.job.source}: {warning}")
                if result.error is not None:
                    say(result.error)
                outcome = result.outcome
                if result.job in sizes:
                    advance(sizes[result.job], outcome.width * outcome.height if outcome else 0)
    for line in plan.passed_over:
        say(line)
    if not quiet:
        _show_summary(results, time.perf_counter() - start)
        _say_saved(results)
    if plan.pictures_left:
        say(f"pictures that were not coded: {len(plan.pictures_left)} in the folders")
    if plan.pictures_left or any(result.error is not None for result in results):
        sys.exit(1)


def _show_summary(results: list[Result], seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    done = [(r.job, r.outcome) for r in results if r.outcome is not None]
    failed = [r for r in results if r.outcome is None]
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="ellipsis")  # the one that gives way to the others
    for name in ("pixels", "bytes", "bpp", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    if len(results) <= TABLE_ROWS:
        for job, outcome in sorted(done, key=lambda pair: pair[0].target):
            table.add_row(Text(printable(job.target)), *_cells(outcome))
    for result in failed:
        table.add_row(Text(printable(result.job.source)), "failed", style="red")
    pixels = sum(o.width * o.height for _, o in done)
    size = sum(o.size_bytes for _, o in done)
    total = f"{len(done)} done, {len(failed)} failed"
    rate = f"{8 * size / pixels:.3f}" if pixels else ""
    table.add_section()
    table.add_row(total, f"{pixels / 1e6:.2f} MP", str(size), rate, f"{seconds:.2f}", style="bold")
    console = Console(stderr=True, highlight=False)
    with suppress(OSError):  # the files are written, whoever can be told
        console.print(table)
        if done:
            console.print(f"{len(done) / seconds:.2f} files/s, {pixels / 1e6 / seconds:.2f} MP/s")


def _say_saved(results: list[Result]) -> None:
    """How much smaller the outputs are than their inputs; nothing where they are larger."""
    done = [(r.job.size_bytes, r.outcome.size_bytes) for r in results if r.outcome is not None]
    before, after = (sum(sizes) for sizes in zip(*done, strict=True)) if done else (0, 0)
    if after < before:
        say(f"{before} bytes became {after}: {1 - after / before:.0%} saved")


def _cells(outcome: Outcome) -> tuple[str, str, str, str]:
    return (
        f"{outcome.width} x {outcome.height}",
        str(outcome.size_bytes),
        f"{outcome.rate_bpp:.3f}",
        f"{outcome.seconds:.2f}",
    )
