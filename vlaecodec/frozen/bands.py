"""Work on parts of arrays that fit the cache, by as many threads as are ours.

numpy lets go of the interpreter while it computes, so that plain threads run side by side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import Context, ContextVar
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor

J = TypeVar("J")

MOST_SIDE_BY_SIDE = 4
"""More large jobs are not begun at once: each has arrays of its own."""

_count: ContextVar[int | None] = ContextVar("count", default=None)
_pool: ContextVar[Executor | None] = ContextVar("pool", default=None)
_between: ContextVar[Callable[[], None] | None] = ContextVar("between", default=None)


@contextmanager
def workers(count: int, between: Callable[[], None] | None = None) -> Iterator[None]:
    """Within it, this thread shares its work among `count`. between: called before each."""
    with ExitStack() as stack:
        stack.callback(_count.reset, _count.set(count))
        stack.callback(_between.reset, _between.set(between))
        if count > 1:
            from concurrent.futures import ThreadPoolExecutor  # takes a while to import

            pool = stack.enter_context(ThreadPoolExecutor(count - 1))
            stack.callback(_pool.reset, _pool.set(pool))
        yield


def count_workers() -> int | None:
    """Among how many this thread shares its work; None: nobody has said."""
    return _count.get()


def do_all(work: Callable[[J], None], jobs: Sequence[J]) -> None:
    """Call `work` with every job, in any order. Raises what one of them raises."""
    pool, between = _pool.get(), _between.get()
    if between is not None:
        between()
    if pool is None or len(jobs) == 1:
        for job in jobs:
            work(job)
        return
    # A future for each job would take as long as a small job does.
    left = deque(jobs)

    def share() -> None:
        try:
            for job in _take_all(left):
                work(job)
        except BaseException:
            left.clear()
            raise

    others = [pool.submit(share) for _ in range(min(_count.get() or 1, len(jobs)) - 1)]
    try:
        Context().run(share)  # there and here work finds nobody to share it further
    finally:
        for other in others:
            other.exception()  # waits
    for other in others:
        other.result()


def _take_all(left: deque[J]) -> Iterator[J]:
    while True:
        try:
            job = left.popleft()
        except IndexError:
            return
        yield job


def in_groups(jobs: Iterable[J], size_of: Callable[[J], Hashable]) -> list[list[J]]:
    """Jobs in groups for `do_all`: as many of one size as there are threads, or one alone.

    What is done side by side shares no further work among threads, so one job alone does. size_of:
    what jobs that take as long have in common. Where threads are many, memory is not: all alone.
    """
    count = _count.get() or 1
    count = count if count <= MOST_SIDE_BY_SIDE else 1
    alike: dict[Hashable, list[J]] = {}
    for job in jobs:
        alike.setdefault(size_of(job), []).append(job)
    groups = []
    for same in alike.values():
        whole = len(same) - len(same) % count
        groups += [same[start : start + count] for start in range(0, whole, count)]
        groups += [[job] for job in same[whole:]]
    return groups


def split(length: int, size: int) -> list[slice]:
    """A range in parts of at most `size`, all about as large."""
    count = max(1, -(-length // max(1, size)))
    bounds = [length * number // count for number in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]
