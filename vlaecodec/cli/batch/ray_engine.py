"""The Ray engine: actors of a cluster, each with a model; all see the same file system."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import warnings
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vlaecodec.cli.batch.jobs import Job
from vlaecodec.cli.batch.worker import Result, Work, check_job, limit_threads, run_job, worker_died
from vlaecodec.errors import EngineError, ParameterError, VlaeError

JOBS_PER_BLOCK_MAX = 16
"""Jobs that an actor takes at a time; it reports when it has done them."""

ATTEMPTS = 2
"""Ray gives the jobs of an actor that died to another one, without end. A job that was being done
so many times when its actor died is not begun again: one bad picture shall cost itself only."""


class Ledger:
    """An actor that outlives the others and counts the attempts at each job that did not end.

    A job that has ended may begin again, if its actor died before it could report.
    """

    def __init__(self) -> None:
        self.begun: set[int] = set()
        self.open: Counter[int] = Counter()

    def begin(self, number: int) -> tuple[bool, int]:
        """Whether this job has begun before; how often it has without ending, with this time."""
        before = number in self.begun
        self.begun.add(number)
        self.open[number] += 1
        return before, self.open[number]

    def end(self, number: int) -> None:
        del self.open[number]


class Codec:
    """An actor: a process with one thread and one model, in the folder that the driver is in."""

    def __init__(
        self, ledger: Any, work: Work, force: bool, folder: str, environment: dict[str, str]
    ) -> None:
        os.chdir(folder)
        os.environ.update(environment)
        limit_threads(1)
        self.ledger, self.work, self.force = ledger, work, force

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """batch: numbers of jobs, as `index`, and `job`, pickled. Returns `result`, pickled."""
        results = [
            pickle.dumps(self._run_job(int(number), pickle.loads(job)))
            for number, job in zip(batch["index"], batch["job"], strict=True)
        ]
        return {"result": results}

    def _run_job(self, number: int, job: Job) -> Result:
        import ray

        before, attempts = ray.get(self.ledger.begin.remote(number))
        if attempts > ATTEMPTS:
            return worker_died(job)
        # The driver saw to it that nothing was there; what is there now is an earlier attempt's.
        result = run_job(self.work, job, force=self.force or before)
        self.ledger.end.remote(number)
        return result


@contextmanager
def silence_native_output() -> Iterator[None]:
    """Drop what Ray's native code writes to descriptors 1 and 2; our own messages get through."""
    if sys.stderr is None or sys.stderr is not sys.__stderr__:
        yield
        return
    with os.fdopen(os.dup(2), "w") as ours, Path(os.devnull).open("wb") as nowhere:
        output = os.dup(1)
        try:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            sys.stderr = ours
            yield
        finally:
            ours.flush()
            if sys.stdout is not None:
                sys.stdout.flush()
            os.dup2(output, 1)
            os.dup2(ours.fileno(), 2)
            os.close(output)
            sys.stderr = sys.__stderr__


def run(
    jobs: list[Job], work: Work, actors: int | None, *, force: bool
) -> Generator[Result, None, None]:
    """Yield results as jobs finish, on the cluster at RAY_ADDRESS or one started on this machine.

    actors: by default one for each CPU of the cluster. Raises ParameterError without Ray, and
    EngineError if the cluster fails us.
    """
    try:
        import ray.data
    except ImportError as error:
        raise ParameterError("--engine ray needs Ray: pip install 'vlaecodec[ray]'") from error
    todo = []
    for job in jobs:
        try:
            check_job(job, force=force)
            todo.append(job)
        except VlaeError as problem:
            yield Result(job, error=str(problem))
    if not todo:
        return
    with _cluster() as cpus, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Ray's own messages
        try:
            actors = min(actors or cpus, cpus, len(todo))
            yield from _run_dataset(todo, work, actors, force=force)
        except (ray.exceptions.RayError, RuntimeError) as error:
            raise EngineError(f"Ray: {_last_line(error)}") from error


@contextmanager
def _cluster() -> Iterator[int]:
    """Connect to a cluster, or start one; yields its CPUs."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage statistics are sent
    try:
        ray.init(logging_level=logging.CRITICAL, log_to_driver=False, include_dashboard=False)
    except Exception as error:  # Ray raises just that where it does not start in time
        raise EngineError(f"Ray: {_last_line(error)}") from error
    try:
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        ray.shutdown()


def _run_dataset(jobs: list[Job], work: Work, actors: int, *, force: bool) -> Iterator[Result]:
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    ledger = ray.remote(num_cpus=0)(Ledger).remote()
    environment = {k: v for k, v in os.environ.items() if k.startswith("VLAECODEC_")}
    per_block = min(JOBS_PER_BLOCK_MAX, -(-len(jobs) // (4 * actors)))
    rows = ray.data.from_items(
        [{"index": index, "job": pickle.dumps(job)} for index, job in enumerate(jobs)],
        override_num_blocks=-(-len(jobs) // per_block),
    ).map_batches(
        Codec,
        fn_constructor_args=(ledger, work, force, str(Path.cwd()), environment),
        batch_size=None,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=1,
    )
    for row in rows.iter_rows():
        yield pickle.loads(row["result"])


def _last_line(error: Exception) -> str:
    """The last line of an error's message: Ray's quote whole tracebacks."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else repr(error)
