"""Measuring how long an action takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONG_S = 5.0
"""By default, an action that takes longer than this is not repeated for its median."""


def timed(action: Callable[[], T], runs: int, long_s: float = LONG_S) -> tuple[T, float]:
    """What an action returns, and the median of its seconds over at most `runs` calls.

    The first call counts, so warm up before; once `long_s` have passed, no call is added.
    """
    times: list[float] = []
    while True:
        start = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - start)
        if len(times) >= runs or sum(times) > long_s:
            return result, statistics.median(times)
