"""Progress bars on standard error, on a terminal only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vlaecodec.cli.reporting import has_terminal


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """Yields a callback that takes the part done, 0..1, or None where no bar is wanted."""
    if quiet or not has_terminal():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def total_bar(
    title: str, files: int, size_bytes: int, *, quiet: bool
) -> Iterator[Callable[[int, int], None]]:
    """A bar for many files: how many are done, megapixels a second, the time that is left.

    size_bytes: of all inputs, which the time is estimated from. Yields what to call after each
    file, with its bytes and its pixels.
    """
    if quiet or not has_terminal():
        yield lambda _size_bytes, _pixels: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description} {task.fields[files]}/{task.fields[total_files]}"),
        BarColumn(),
        TextColumn("{task.fields[speed]:.2f} MP/s"),
        TimeRemainingColumn(),
    )
    start, done, pixels = time.perf_counter(), 0, 0
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=size_bytes, files=0, total_files=files, speed=0.0)

        def advance(size_bytes: int, more_pixels: int) -> None:
            nonlocal done, pixels
            done, pixels = done + 1, pixels + more_pixels
            speed = pixels / 1e6 / (time.perf_counter() - start)
            bar.update(task, advance=size_bytes, files=done, speed=speed)

        yield advance
