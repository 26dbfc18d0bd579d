"""What a model's codec offers, whatever its kind: the photo model's, the small models'."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.container import Container, Tile, write_container
from vlaecodec.bitstream.header import Header, Section
from vlaecodec.codec.options import DecodeOptions, EncodeOptions
from vlaecodec.codec.progress import ProgressCallback
from vlaecodec.picture.image import Picture, Pixels


@dataclass(frozen=True, eq=False)
class Draft:
    """A picture's coded latents: all of a lossy file that changes with quality."""

    quality_code: int
    latents: list[Tile]


@dataclass(frozen=True)
class Parts:
    """A file without the sections that every picture can have."""

    header: Header
    latents: list[Tile]
    pixels: list[Tile]
    sections: dict[Section, bytes] = field(default_factory=dict)

    def write(self, sections: dict[Section, bytes]) -> bytes:
        """The whole file, with more sections. Raises ParameterError for one that is too large."""
        return write_container(self.header, self.latents, self.pixels, sections | self.sections)


D = TypeVar("D", bound=Draft)


class PictureEncoder(Protocol[D]):
    """Encodes one picture with one set of options, at any number of qualities."""

    def encode_latents(self, quality: float | None) -> D:
        """Code the latents at a quality 1..100; None: the default."""
        ...

    def mean_image(self, draft: D) -> Pixels:
        """What decoders will show without texture, uint8 [H, W, 3]."""
        ...

    def latent(self, draft: D) -> NDArray[np.float32]:
        """The latent of a draft as decoders see it, float32 [C, rows, columns]."""
        ...

    def without_texture(self, draft: D) -> Parts:
        """The lossy file of a draft as large as `finish` makes it at most, no texture measured."""
        ...

    def finish(self, draft: D) -> Parts:
        """The file of a draft as the options ask for it: with exact pixels or with texture."""
        ...


class PictureCodec(Protocol):
    """Encodes and decodes pictures with one model."""

    def encoder(
        self, picture: Picture, options: EncodeOptions, progress: ProgressCallback | None
    ) -> PictureEncoder[Any]:
        """Prepare to encode a picture. Raises ParameterError for options the model does not have,
        and ImageError for a picture that it cannot code."""
        ...

    def decode(
        self, container: Container, options: DecodeOptions, progress: ProgressCallback | None
    ) -> Pixels:
        """The picture in a file, or the region of it that is asked for: uint8 [H, W, 3]."""
        ...

    def show_latent(self, latent: NDArray[np.floating], quality_code: int) -> Pixels:
        """The picture of a latent [C, rows, columns], without texture: uint8 [H, W, 3].

        Raises ParameterError if it is not one of the model's.
        """
        ...

    def decode_reduced(
        self,
        container: Container,
        size_px: int,
        progress: ProgressCallback | None,
        *,
        keep_going: bool,
    ) -> tuple[Pixels, int]:
        """A picture whose longer side has at least size_px pixels where the file's has, from the
        latents alone, and how many pixels a side became one."""
        ...
