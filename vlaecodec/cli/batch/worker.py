"""Run jobs one after another in a worker of any engine; each has a result, whatever happens."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlaecodec.cli.batch.jobs import Job, Outcome
from vlaecodec.cli.files import check_input, check_output, make_folder
from vlaecodec.cli.logs import LIBRARY, gathered_log
from vlaecodec.cli.reporting import describe_error
from vlaecodec.errors import LossWarning


@dataclass(frozen=True)
class Result:
    """A job that is done, or has failed."""

    job: Job
    outcome: Outcome | None = None
    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    log: list[logging.LogRecord] = field(default_factory=list)


temporary_folders: set[Path] = set()
"""Folders of outputs that wait for their shard; removed if the parent process has ended."""

Work = Callable[..., Outcome]
"""Called with a job and `force`: makes one file; picklable. Raises VlaeError."""


def limit_threads(threads: int) -> None:
    """Limit the threads of this process, of libraries imported already and later."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def check_job(job: Job, *, force: bool) -> None:
    """Make the output's folder; raise VlaeError if the job could not read or write."""
    check_input(job.input)
    make_folder(str(Path(job.output).parent))
    check_output(job.output, job.input, force=force)


def run_job(work: Work, job: Job, *, force: bool) -> Result:
    """Run a job. Any error goes into its result, so that the other jobs go on."""
    losses: list[str] = []
    with gathered_log() as log, collect_losses(losses, pass_on=False):
        try:
            LIBRARY.info("%s -> %s", job.source, job.target)
            if job.member is not None:
                temporary_folders.add(Path(job.output).parent)
            check_job(job, force=force)
            outcome, error = work(job, force=force), None
        except Exception as problem:
            outcome, error = None, describe_error(problem) or f"{job.source}: {problem!r}"
    return Result(job, outcome, error, losses, log)


@contextmanager
def collect_losses(losses: list[str], *, pass_on: bool = True) -> Iterator[None]:
    """Add the texts of LossWarnings to a list. pass_on: show all warnings as before, too."""

    def hear(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        if issubclass(category, LossWarning):
            losses.append(str(message))
        if pass_on:
            before(message, category, *rest)

    with warnings.catch_warnings():
        before: Callable[..., None] = warnings.showwarning
        warnings.simplefilter("always", LossWarning)
        warnings.showwarning = hear  # type: ignore[assignment]
        yield


def worker_died(job: Job) -> Result:
    """The result of a job whose process has gone."""
    return Result(job, error=f"{job.source}: the process working on it died; out of memory?")
