"""Progress through a list of work, on standard error, on a terminal only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from vlaecodec.cli.reporting import has_terminal

T = TypeVar("T")


def each(title: str, work: Sequence[T]) -> Iterator[T]:
    """Yield the items of `work`, with a progress bar."""
    console = Console(stderr=True)
    yield from track(work, title, console=console, transient=True, disable=not has_terminal())
