"""A photo's coded latents, and what they tell of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from vlaecodec.codec.interface import Draft
from vlaecodec.model.frozen import LatentArray
from vlaecodec.model.tiled import Reconstruction


@dataclass(frozen=True, eq=False)
class PhotoDraft(Draft):
    """What is not kept of a large picture is decoded again, if anybody asks for it."""

    tell: Callable[[], tuple[LatentArray, Reconstruction]]
    """The latents as decoders see them, and the reconstruction; called once at most."""

    @property
    def latent(self) -> LatentArray:
        """The whole picture's, [C, rows, columns]."""
        return self._told[0]

    @property
    def base(self) -> Reconstruction:
        """Of the whole picture."""
        return self._told[1]

    @cached_property
    def _told(self) -> tuple[LatentArray, Reconstruction]:
        return self.tell()
