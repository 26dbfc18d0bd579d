"""Run the jobs of a plan. A file that fails does not stop the others; it is listed at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from itertools import chain
from pathlib import Path

from vlaecodec.cli.batch.jobs import Job, Outcome
from vlaecodec.cli.batch.options import LOCAL, FileOptions
from vlaecodec.cli.batch.plan import Plan
from vlaecodec.cli.batch.report import (
    print_json,
    say_outcome,
    say_result,
    say_saved,
    show_summary,
)
from vlaecodec.cli.batch.shards import Shards
from vlaecodec.cli.batch.worker import Result, Work, collect_losses
from vlaecodec.cli.files import STDIO, check_output
from vlaecodec.cli.logs import LIBRARY
from vlaecodec.cli.progress import progress_bar, total_bar
from vlaecodec.cli.reporting import describe_error, say
from vlaecodec.errors import ParameterError
from vlaecodec.writing import remove_stale

Engine = Callable[..., Generator[Result, None, None]]
"""Called with jobs, their work, a number of processes or None, and force: does the jobs somewhere,
and yields a result for each as it comes."""


def _choose_engine(name: str) -> tuple[Engine, AbstractContextManager[None]]:
    """An engine, and what to enter before the progress bar starts.

    A file alone takes none, and importing their processes and sockets takes a while.
    """
    if name == LOCAL:
        from vlaecodec.cli.batch import local_engine

        return local_engine.run, nullcontext()
    from vlaecodec.cli.batch import ray_engine

    return ray_engine.run, ray_engine.silence_native_output()


def run_plan(
    plan: Plan,
    work: Callable[..., Outcome],
    files: FileOptions,
    *,
    title: str,
    origin: str = "",
) -> None:
    """Run the jobs of a command, many or its only one. origin: as in `say_outcome`.

    work: called with a job and `force`, and for one alone with `progress`.
    """
    for folder in {Path(job.output).parent for job in plan.jobs}:
        remove_stale(folder)
    if plan.many:
        run_many(plan, work, files, title=title)
        return
    if files.engine != LOCAL:
        raise ParameterError(f"--engine {files.engine} is for many files: give --output-dir")
    (job,) = plan.jobs
    if files.as_json and job.output == STDIO:
        raise ParameterError("--json and the output would both go to standard output")
    with progress_bar(title, quiet=files.quiet) as progress:
        outcome = _run_one(job, partial(work, progress=progress), files)
    if not files.quiet and not files.as_json:
        say_outcome(job, outcome, origin=origin)


def _run_one(job: Job, work: Work, files: FileOptions) -> Outcome:
    """Run the only job. Prints its JSON, if asked for, before it raises an error of the job."""
    LIBRARY.info("%s -> %s", job.source, job.target)
    losses: list[str] = []
    try:
        with collect_losses(losses):
            check_output(job.output, job.input, force=files.force)
            outcome = work(job, force=files.force)
    except Exception as problem:
        if files.as_json:
            error = describe_error(problem) or repr(problem)
            print_json(Result(job, error=error, warnings=losses))
        raise
    if files.as_json:
        print_json(Result(job, outcome, warnings=losses))
    return outcome


def run_many(plan: Plan, work: Work, files: FileOptions, *, title: str) -> None:
    """Run all jobs and print a summary. Exits with code 1 if some failed."""
    start = time.perf_counter()
    results = []
    run, prepared = _choose_engine(files.engine)
    with (
        prepared,
        Shards(plan, force=files.force) as shards,
        closing(run(shards.jobs, work, files.processes, force=files.force)) as stream,
    ):
        sizes = {job: job.size_bytes for job in shards.jobs}
        with total_bar(title, len(sizes), sum(sizes.values()), quiet=files.quiet) as advance:
            refused = [Result(job, error=problem) for job, problem in plan.refused]
            for result in chain(refused, shards.failures, shards.gather(stream)):
                results.append(result)
                say_result(result)
                if files.as_json:
                    print_json(result)
                outcome = result.outcome
                if result.job in sizes:
                    advance(sizes[result.job], outcome.width * outcome.height if outcome else 0)
    for line in plan.skipped:
        say(line)
    if not files.quiet and not files.as_json:
        show_summary(results, time.perf_counter() - start)
        say_saved(results)
    if plan.skipped_pictures:
        say(f"pictures that were not coded: {len(plan.skipped_pictures)} in the folders")
    if plan.skipped_pictures or any(result.error is not None for result in results):
        sys.exit(1)
