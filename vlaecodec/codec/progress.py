"""Progress within one picture, for progress bars."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[float], None]
"""Called after each tile and each later stage with the part done, 0..1."""


class Stages:
    """Counts what is done of a total and tells the caller."""

    def __init__(self, progress: ProgressCallback | None, total: int) -> None:
        self.total = total
        self.done = 0
        self.progress = progress

    def finish_one(self) -> None:
        """A step of search, a tile's latents or pixels, or the reconstruction with its texture."""
        self.finish_up_to(self.done + 1)

    def finish_up_to(self, done: int) -> None:
        """So much is done: some stages may have been left out."""
        self.done = max(self.done, min(done, self.total))
        if self.progress:
            self.progress(self.done / self.total)
