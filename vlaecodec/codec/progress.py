"""How far a picture is: what progress bars are told."""

from __future__ import annotations

from collections.abc import Callable

from vlaecodec.bitstream.tiles import View, boxes_of

ProgressCallback = Callable[[float], None]
"""Called after each tile and each later stage with the part done, 0..1."""


class Stages:
    """Counts what is done and tells the caller."""

    def __init__(
        self,
        progress: ProgressCallback | None,
        shape: tuple[int, ...],
        *,
        with_pixels: bool,
        view: View | None = None,
        search_steps: int = 0,
    ) -> None:
        tiles = len(view.needed) if view else len(list(boxes_of(shape)))
        shown = len(view.tiles) if view else tiles
        self.total = tiles * (1 + search_steps) + shown * with_pixels + 1
        self.done = 0
        self.progress = progress

    def finish_one(self) -> None:
        """A step of search, a tile's latents or pixels, or the mean image with its texture."""
        self.done += 1
        if self.progress:
            self.progress(self.done / self.total)
