"""Many files: processes with one model and one thread each; what fails does not stop the rest."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from vlaecodec.cli.files import check_input, check_output, file_size, make_folder
from vlaecodec.cli.jobs import Job, Outcome
from vlaecodec.cli.progress import total_bar
from vlaecodec.cli.reporting import describe_error, say
from vlaecodec.errors import LossWarning

DEFAULT_JOBS_MAX = 8
"""No more processes than this unless asked for: each holds a model and a picture."""

TABLE_ROWS = 40
"""Beyond so many files the table shows only those that failed."""


@dataclass(frozen=True)
class Result:
    """A job that is done, or has failed."""

    job: Job
    outcome: Outcome | None = None
    error: str | None = None
    warnings: list[str] = field(default_factory=list)


Work = Callable[[Job], Outcome]
"""Makes one file; picklable. Raises VlaeError."""


def default_jobs() -> int:
    """One process for each core that we may use, up to DEFAULT_JOBS_MAX."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min(cores, DEFAULT_JOBS_MAX)


def run_many(
    jobs: list[Job], work: Work, processes: int | None, *, title: str, force: bool, quiet: bool
) -> None:
    """Do all jobs, and say how it went. Exits with code 1 if some failed."""
    start = time.perf_counter()
    results = []
    processes = min(processes or default_jobs(), len(jobs))
    sizes = {job: file_size(job.input) for job in jobs}
    with total_bar(title, len(jobs), sum(sizes.values()), quiet=quiet) as advance:
        for result in _run(jobs, work, processes, force=force):
            results.append(result)
            for warning in result.warnings:
                say(f"warning: {result.job.input}: {warning}")
            if result.error is not None:
                say(result.error)
            outcome = result.outcome
            advance(sizes[result.job], outcome.width * outcome.height if outcome else 0)
    if not quiet:
        _show_summary(results, time.perf_counter() - start)
    if any(result.error is not None for result in results):
        sys.exit(1)


def _run(jobs: list[Job], work: Work, processes: int, *, force: bool) -> Iterator[Result]:
    """Results as they come."""
    if processes == 1:
        return (_attempt(work, job, force) for job in jobs)
    return _run_pool(jobs, work, processes, force=force)


def _run_pool(jobs: list[Job], work: Work, processes: int, *, force: bool) -> Iterator[Result]:
    """A process that dies takes the pool with it: another pool goes on with the rest."""
    waiting = deque(jobs)
    context = multiprocessing.get_context("spawn")  # a fork after torch's threads can hang
    while waiting:
        running: dict[Future[Result], Job] = {}
        pool = ProcessPoolExecutor(processes, context, _begin_worker)
        try:
            while waiting or running:
                while waiting and len(running) < processes:
                    job = waiting.popleft()
                    running[pool.submit(_attempt, work, job, force)] = job
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    result = future.result()
                    del running[future]
                    yield result
        except BrokenProcessPool:
            suspects = list(running.values())
            if len(suspects) > 1:
                yield from _run_pool(suspects, work, 1, force=force)
            else:
                died = f"{suspects[0].input}: the process working on it died; out of memory?"
                yield Result(suspects[0], error=died)
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """One thread a process; interrupts are the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)


def _attempt(work: Work, job: Job, force: bool) -> Result:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LossWarning)
        try:
            check_input(job.input)
            make_folder(str(Path(job.output).parent))
            check_output(job.output, job.input, force=force)
            outcome, error = work(job), None
        except Exception as problem:
            # Whatever went wrong with this file, the others are not to suffer for it.
            outcome, error = None, describe_error(problem) or f"{job.input}: {problem!r}"
    losses = [str(w.message) for w in caught if issubclass(w.category, LossWarning)]
    return Result(job, outcome, error, losses)


def _show_summary(results: list[Result], seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    done = [(r.job, r.outcome) for r in results if r.outcome is not None]
    failed = [r for r in results if r.outcome is None]
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="ellipsis", no_wrap=True)
    for name in ("pixels", "bytes", "bpp", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    if len(results) <= TABLE_ROWS:
        for job, outcome in sorted(done, key=lambda pair: pair[0].output):
            table.add_row(job.output, *_cells(outcome))
    for result in failed:
        table.add_row(result.job.input, "failed", style="red")
    pixels = sum(o.width * o.height for _, o in done)
    size = sum(o.size_bytes for _, o in done)
    total = f"{len(done)} done, {len(failed)} failed"
    rate = f"{8 * size / pixels:.3f}" if pixels else ""
    table.add_section()
    table.add_row(total, f"{pixels / 1e6:.2f} MP", str(size), rate, f"{seconds:.2f}", style="bold")
    console = Console(stderr=True, highlight=False)
    console.print(table)
    if done:
        console.print(f"{len(done) / seconds:.2f} files/s, {pixels / 1e6 / seconds:.2f} MP/s")


def _cells(outcome: Outcome) -> tuple[str, str, str, str]:
    return (
        f"{outcome.width} x {outcome.height}",
        str(outcome.size_bytes),
        f"{outcome.rate_bpp:.3f}",
        f"{outcome.seconds:.2f}",
    )
