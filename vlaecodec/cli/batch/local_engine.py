"""The engine on this machine: processes with one model each, which share out the cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from vlaecodec.cli.batch.jobs import Job
from vlaecodec.cli.batch.worker import Result, Work, attempt, check_job, died, limit_threads
from vlaecodec.errors import VlaeError

PROCESSES_MAX = 8
"""No more processes than this unless asked for: each holds a model and a picture."""


def count_cores() -> int:
    """The cores that we may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_each(processes: int) -> int:
    """Each process's share of the cores, or fewer if OMP_NUM_THREADS says so."""
    share = max(1, count_cores() // processes)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(share, int(asked))) if asked.isdecimal() else share


def run(
    jobs: list[Job], work: Work, processes: int | None, *, force: bool
) -> Generator[Result, None, None]:
    """Results as they come. One process is this one, with all cores."""
    processes = min(processes or min(count_cores(), PROCESSES_MAX), len(jobs))
    if processes > 1:
        yield from run_pool(jobs, work, processes, force=force)
        return
    for job in jobs:
        yield attempt(work, job, force=force)


def run_pool(
    jobs: list[Job], work: Work, processes: int, *, force: bool
) -> Generator[Result, None, None]:
    """A process that dies takes the pool with it: another pool goes on with the rest.

    What was being done then is done again, one at a time: one bad picture shall cost itself only.
    """
    waiting = deque(jobs)
    context = multiprocessing.get_context("spawn")  # a fork after torch's threads can hang
    begin = partial(_begin_worker, threads_each(processes))
    while waiting:
        running: dict[Future[Result], Job] = {}
        pool = ProcessPoolExecutor(processes, context, begin)
        try:
            while waiting or running:
                while waiting and len(running) < processes:
                    try:
                        check_job(waiting[0], force=force)
                    except VlaeError as problem:
                        yield Result(waiting.popleft(), error=str(problem))
                        continue
                    future = pool.submit(attempt, work, waiting[0], force=force)
                    running[future] = waiting.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    result = future.result()
                    del running[future]
                    yield result
        except BrokenProcessPool:
            finished = [future for future in running if future.exception() is None]
            yield from (future.result() for future in finished)
            suspects = [job for future, job in running.items() if future not in finished]
            if len(suspects) > 1:
                # Their outputs were not there before; what is there now is theirs.
                yield from run_pool(suspects, work, 1, force=True)
            else:
                yield from map(died, suspects)
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_worker(threads: int) -> None:
    """Interrupts are the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_threads(threads)
