"""The local engine: processes on this machine that share the cores, each with a model."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from types import FrameType

from vlaecodec.cli.batch.jobs import Job
from vlaecodec.cli.batch.worker import (
    Result,
    Work,
    check_job,
    limit_threads,
    run_job,
    temporary_folders,
    worker_died,
)
from vlaecodec.errors import VlaeError
from vlaecodec.model.threads import count_cores
from vlaecodec.writing import remove_unfinished

PROCESSES_MAX = 8
"""No more processes than this unless asked for: each holds a model and a picture."""


GRACE_S = 2.0
"""How long workers have to end of themselves."""

FOLLOW_S = 0.5
"""How often a worker looks whether its parent lives."""


def threads_each(processes: int) -> int:
    """Each process's share of the cores, or fewer if OMP_NUM_THREADS says so."""
    share = max(1, count_cores() // processes)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(share, int(asked))) if asked.isdecimal() else share


def run(
    jobs: list[Job], work: Work, processes: int | None, *, force: bool
) -> Generator[Result, None, None]:
    """Yield results as jobs finish. A single process is this one, with all cores."""
    processes = min(processes or min(count_cores(), PROCESSES_MAX), len(jobs))
    if processes > 1:
        yield from run_pool(jobs, work, processes, force=force)
        return
    for job in jobs:
        yield run_job(work, job, force=force)


def run_pool(
    jobs: list[Job], work: Work, processes: int, *, force: bool
) -> Generator[Result, None, None]:
    """A process that dies takes the pool with it: another pool goes on with the rest.

    What was being done then is done again, one at a time: one bad picture shall cost itself only.
    """
    waiting = deque(jobs)
    context = multiprocessing.get_context("spawn")  # a fork after torch's threads can hang
    begin = partial(_begin_worker, threads_each(processes), os.getpid())
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
                    future = pool.submit(run_job, work, waiting[0], force=force)
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
                yield from map(worker_died, suspects)
        except BaseException:  # an interrupt, a signal, or nobody wants the results
            _end_workers()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _end_workers() -> None:
    """Let workers remove what they have begun to write, and end those that do not."""
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + GRACE_S
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
        worker.kill()


def _begin_worker(threads: int, parent: int) -> None:
    """Leave interrupts to the parent, and end when it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_worker)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    limit_threads(threads)


def _end_worker(number: int, _frame: FrameType | None) -> None:
    remove_unfinished()
    os._exit(128 + number)


def _follow(parent: int) -> None:
    """End this process soon after its parent has ended, for whatever reason."""
    while os.getppid() == parent:
        time.sleep(FOLLOW_S)
    remove_unfinished()
    for folder in temporary_folders:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
