"""What any engine's worker does: one job after another, each with a result whatever happens."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vlaecodec.cli.batch.jobs import Job, Outcome
from vlaecodec.cli.files import check_input, check_output, make_folder
from vlaecodec.cli.reporting import describe_error
from vlaecodec.errors import LossWarning


@dataclass(frozen=True)
class Result:
    """A job that is done, or has failed."""

    job: Job
    outcome: Outcome | None = None
    error: str | None = None
    warnings: list[str] = field(default_factory=list)


waiting_folders: set[Path] = set()
"""Where outputs of this process wait for their shard; of no use to anyone without the parent."""

Work = Callable[..., Outcome]
"""Called with a job and `force`: makes one file; picklable. Raises VlaeError."""


def limit_threads(threads: int) -> None:
    """So many threads for this process: those of what is imported already, and of what will be."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def check_job(job: Job, *, force: bool) -> None:
    """Make the output's folder; raise VlaeError if the job could not read or write."""
    check_input(job.input)
    make_folder(str(Path(job.output).parent))
    check_output(job.output, job.input, force=force)


def attempt(work: Work, job: Job, *, force: bool) -> Result:
    """Do a job. Whatever goes wrong with it, the others are not to suffer for it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LossWarning)
        try:
            if job.member is not None:
                waiting_folders.add(Path(job.output).parent)
            check_job(job, force=force)
            outcome, error = work(job, force=force), None
        except Exception as problem:
            outcome, error = None, describe_error(problem) or f"{job.source}: {problem!r}"
    losses = [str(w.message) for w in caught if issubclass(w.category, LossWarning)]
    return Result(job, outcome, error, losses)


def died(job: Job) -> Result:
    """The result of a job whose process has gone."""
    return Result(job, error=f"{job.source}: the process working on it died; out of memory?")
