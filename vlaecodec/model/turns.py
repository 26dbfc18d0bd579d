"""Turns for the threads of a program: no more of them compute at once than cores can be spared.

numpy lets go of the interpreter in each of thousands of operations and has to wait for it after
each. Where other programs want the cores too, every such wait is one for a core: beside them, two
threads took more than ten times as long a file as one after the other.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TURN_CPU_S = 0.25
"""Who has computed for so long lets the next one in. Each change costs a wait for a core."""

STALL_S = 5.0
"""Who lets nobody in for so long may itself wait for others, in a callback: the next begins."""

_LOOK_AGAIN_S = 0.5
"""How often those who wait look whether cores have become idle."""


class Turns:
    """Who may compute. may_join: called with how many do; whether one more has a core."""

    def __init__(self, may_join: Callable[[int], bool]) -> None:
        self._may_join = may_join
        self._own = threading.local()
        self._begin(busy=0)

    def _begin(self, busy: int) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._busy = busy
        self._moved_s = time.monotonic()
        """When somebody last came or went."""

    def forget(self) -> None:
        """In a fork: of the threads that computed or waited this one is there at most."""
        self._begin(busy=int(self._depth() > 0))

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Within it, this thread has a turn; within another of its turns it has one already."""
        self._own.depth = self._depth() + 1
        try:
            if self._own.depth == 1:
                self._enter()
            yield
        finally:
            self._own.depth -= 1
            if not self._own.depth:
                self._leave()

    def pass_on(self) -> None:
        """Between two pieces of work: let others in, if they wait and the turn was long."""
        if self._waiting and time.thread_time() - self._own.since_s > TURN_CPU_S:
            self._leave()
            self._enter()

    def _depth(self) -> int:
        return getattr(self._own, "depth", 0)

    def _enter(self) -> None:
        called = threading.Event()
        with self._lock:
            self._waiting.append(called)
        try:
            while not self._is_next(called):
                called.wait(_LOOK_AGAIN_S)
                called.clear()
        finally:  # an interrupt ends waiting, too
            with self._lock:
                self._waiting.remove(called)
                self._busy += 1
                self._call_next()
        self._own.since_s = time.thread_time()

    def _leave(self) -> None:
        with self._lock:
            self._busy -= 1
            self._call_next()

    def _call_next(self) -> None:
        """Only one, for each that wakes waits for a core."""
        self._moved_s = time.monotonic()
        if self._waiting:
            self._waiting[0].set()

    def _is_next(self, called: threading.Event) -> bool:
        with self._lock:
            if self._waiting[0] is not called:
                return False
            is_stalled = time.monotonic() - self._moved_s > STALL_S
            return not self._busy or is_stalled or self._may_join(self._busy)
