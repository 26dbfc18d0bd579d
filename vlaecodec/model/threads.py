"""How many threads a picture takes: what the machine can spare, and one for a small picture."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vlaecodec.errors import ParameterError
from vlaecodec.frozen.bands import count_workers, workers
from vlaecodec.model.turns import Turns

SMALL_PX = 2**17
"""Pictures of fewer pixels take one thread: others would wait for each other most of the time."""

_CGROUPS = Path("/sys/fs/cgroup")
_LOAD = Path("/proc/loadavg")


def count_cores() -> int:
    """The cores that we may use: by affinity, and by the quota of our control group."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return max(1, min(cores, round(_read_quota() or cores)))


def check_threads(threads: int) -> int:
    """The number itself. Raises ParameterError unless it is one of threads."""
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise ParameterError(f"threads must be a whole number from 1, not {threads!r}")
    return threads


@contextmanager
def working_threads(pixels: int, threads: int | None = None) -> Iterator[int]:
    """Within it, what this thread computes takes so many threads; others' settings are untouched.

    Yields the number.

    pixels: of the picture that is worked on. threads: by default what the program allows torch, no
    more than the cores that are ours and idle, and one for small pictures. Where more threads of
    the program want to compute than there are cores for, this waits for its turn.
    """
    note_use()
    with _turns.taken(), _small_products:
        chosen = _choose(pixels, _count_allowed()) if threads is None else threads
        with workers(chosen, _turns.pass_on):
            yield chosen


@contextmanager
def torch_threads() -> Iterator[None]:
    """Within it, what this thread computes with torch takes as many threads as its picture does."""
    chosen = count_workers()
    if chosen is None:
        yield
        return
    # A fork's OpenMP waits for threads that it does not have.
    chosen = 1 if _process.forked else chosen
    # OpenMP keeps the number of each thread; torch.set_num_threads would be for all that begin.
    pools = [each for each in _list_pools("torch") if each.user_api == "openmp"]
    before = [pool.num_threads for pool in pools]
    for pool in pools:
        pool.set_num_threads(chosen)
    try:
        yield
    finally:
        for pool, number in zip(pools, before, strict=True):
            pool.set_num_threads(number)


def note_use() -> None:
    """Remember that this process has computed: a fork of it has none of the threads that did."""
    _process.used = True


def _count_allowed() -> int:
    """How many threads the program, or who started it, allows torch; any number by default."""
    if "torch" in sys.modules:
        return int(sys.modules["torch"].get_num_threads())
    named = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(named) if named.isdecimal() and int(named) else count_cores()


def _choose(pixels: int, allowed: int) -> int:
    if pixels < SMALL_PX:
        return 1
    return max(1, min(allowed, count_cores(), _count_idle()))


def _count_idle() -> int:
    """The machine's cores that nothing else runs on just now, as far as it tells."""
    cores = os.cpu_count() or 1
    try:
        running = int(_LOAD.read_text().split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return cores
    return cores - (running - 1)  # one of them is this thread


def _read_quota() -> float | None:
    """How many cores' time our control group may take; None: any."""
    quotas = []
    try:
        own = Path("/proc/self/cgroup").read_text().partition("0::")[2].partition("\n")[0]
        # A group's quota bounds those below it.
        folders = [_CGROUPS, *(_CGROUPS / part for part in _paths_down(own))]
    except OSError:
        folders = [_CGROUPS]
    for folder in folders:
        quotas.append(_divide(folder / "cpu.max"))
    first = _CGROUPS / "cpu"  # version 1
    quotas.append(_divide(first / "cpu.cfs_quota_us", first / "cpu.cfs_period_us"))
    return min((quota for quota in quotas if quota is not None), default=None)


def _paths_down(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _divide(*files: Path) -> float | None:
    """Quota over period, microseconds, of one file with both or of two."""
    try:
        quota, period = " ".join(file.read_text() for file in files).split()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max"
        return None


@functools.cache
def _list_pools(_loaded: str) -> list[Any]:
    """The thread pools of the libraries that compute, once the one named is loaded."""
    import threadpoolctl

    return list(threadpoolctl.ThreadpoolController().lib_controllers)


class _SmallProducts:
    """Products of numpy's take one thread: ours are small, and many.

    BLAS has one number for the process: the first thread in sets it, the last one out restores it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self._before: list[int] = []

    def __enter__(self) -> None:
        with self.lock:
            if not self.users:
                self._before = [pool.num_threads for pool in self._pools()]
                self._set([1] * len(self._before))
            self.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users = max(0, self.users - 1)
            if not self.users:
                self._set(self._before)

    def _set(self, numbers: list[int]) -> None:
        for pool, number in zip(self._pools(), numbers, strict=False):
            # From 3.8 on, threadpoolctl silently ignores all threads but the first one that asked.
            release = getattr(pool, "clear_controlling_thread", lambda **_: None)
            release(force=True)
            pool.set_num_threads(number)
            release(force=True)

    def _pools(self) -> list[Any]:
        return [pool for pool in _list_pools("numpy") if pool.internal_api == "openblas"]


_small_products = _SmallProducts()
_turns = Turns(lambda busy: busy < count_cores() and _count_idle() > 0)


class _Process:
    """Whether this process has computed, or was forked from one that had."""

    def __init__(self) -> None:
        self.used = False
        self.forked = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=_small_products.lock.acquire,
                after_in_parent=_small_products.lock.release,
                after_in_child=self._begin_child,
            )

    def _begin_child(self) -> None:
        _small_products.lock.release()
        _small_products.users = 0
        _turns.forget()
        self.forked = self.forked or self.used
        if self.forked and "torch" in sys.modules:
            # OpenMP's threads are gone, and waiting for them would never end.
            sys.modules["torch"].set_num_threads(1)


_process = _Process()
