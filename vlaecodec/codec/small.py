"""Encode and decode small images with one of the paper's models."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.container import Container, Tile
from vlaecodec.bitstream.header import (
    SEED_MAX,
    Header,
    quality_to_code,
    texture_to_code,
)
from vlaecodec.bitstream.tiles import check_region, pixel_window
from vlaecodec.codec.interface import Draft, Parts
from vlaecodec.codec.options import AUTO, DecodeOptions, EncodeOptions
from vlaecodec.codec.progress import ProgressCallback
from vlaecodec.codec.tiles import check_pixels
from vlaecodec.errors import ParameterError
from vlaecodec.model.registry import PSNR, ModelEntry
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.picture.image import Picture, Pixels, to_grey
from vlaecodec.small.codec import (
    decode_image,
    draw_images,
    encode_image,
    encode_level,
    to_images,
    to_pixels,
)
from vlaecodec.small.coder import Latents, level_quality_code, quality_level
from vlaecodec.small.model import LEVELS, load_small_model

LOSSY_QUALITY = 50.0
"""Default quality of lossy files; a lossless file takes what makes it smallest."""


@dataclass(frozen=True, eq=False)
class SmallDraft(Draft):
    """An image's coded latents, and these as decoded."""

    z: Latents
    pixels: list[Tile]
    """Where the file is to be lossless."""

    @property
    def size_bytes(self) -> int:
        """Of the payloads."""
        return sum(len(tile.payload) for tile in self.latents + self.pixels)


class SmallCodec:
    """Encodes and decodes images of the one size that the model is for."""

    def __init__(self, entry: ModelEntry) -> None:
        self.entry = entry
        self.model = load_small_model(entry)

    def encoder(
        self, picture: Picture, options: EncodeOptions, progress: ProgressCallback | None
    ) -> SmallEncoder:
        """Prepare to encode a picture. Raises ImageError or ParameterError."""
        return SmallEncoder(self, picture, options, progress)

    def decode(
        self, container: Container, options: DecodeOptions, progress: ProgressCallback | None
    ) -> Pixels:
        """The picture in a file, uint8 [H, W, 3].

        Raises DamagedError, ParameterError or ReproductionError.
        """
        header = container.header
        exact = bool(container.pixels) and not options.preview
        if exact and (options.texture or options.seed is not None):
            raise ParameterError("texture and seed are for lossy pictures: ask for a preview")
        if exact and not options.keep_going:
            check_pixels(container, [0])
        code = header.texture_code
        if options.texture is not None:
            code = texture_to_code(options.texture)
        seed = header.seed if options.seed is None else options.seed
        pixels = to_pixels(decode_image(self.model, container, code, seed, preview=options.preview))
        pixels = to_grey(pixels) if header.grey else pixels
        if options.region is not None:
            box = check_region(options.region, header.width, header.height)
            pixels = np.ascontiguousarray(pixels[pixel_window(box)])
        if progress:
            progress(1.0)
        return pixels

    def show_latent(self, latent: NDArray[np.floating], quality_code: int) -> Pixels:
        """What most draws from a z [C, side, side] show. Raises ParameterError."""
        if latent.shape != self.model.latent_shape:
            raise ParameterError(f"the latent must have shape {list(self.model.latent_shape)}")
        units = np.clip(np.rint(latent * LATENT.scale), LATENT.low, LATENT.high).astype(np.int64)
        return to_pixels(draw_images(self.model, units[None], 0, 0))

    def decode_reduced(
        self,
        container: Container,
        size_px: int,
        progress: ProgressCallback | None,
        *,
        keep_going: bool,
    ) -> tuple[Pixels, int]:
        """What most draws show, at full size."""
        return self.decode(container, DecodeOptions(texture=0.0, preview=True), progress), 1


class SmallEncoder:
    """Encodes one image with one set of options."""

    def __init__(
        self,
        codec: SmallCodec,
        picture: Picture,
        options: EncodeOptions,
        progress: ProgressCallback | None,
    ) -> None:
        name = codec.entry.name
        if options.roi is not None or options.tune not in (None, PSNR):
            raise ParameterError(f"roi and tune are for photos; model {name!r} is not")
        self.image = to_images(picture, name, codec.model)
        if options.allowed_error:
            raise ParameterError(f"model {name!r} has no near-lossless files: lossless or lossy")
        self.codec, self.picture = codec, picture
        self.options, self.progress = options, progress

    def encode_latents(self, quality: float | None) -> SmallDraft:
        """Code the latents as finely as a quality 1..100 says; None: the default."""
        if quality is None and self.options.is_exact:
            return min((self._at_level(level) for level in range(LEVELS)), key=_size_bytes)
        quality = LOSSY_QUALITY if quality is None else quality
        return self._at_level(quality_level(quality_to_code(quality)))

    def mean_image(self, draft: SmallDraft) -> Pixels:
        """What most draws show."""
        pixels = to_pixels(draw_images(self.codec.model, draft.z, 0, 0))
        return to_grey(pixels) if self.picture.grey else pixels

    def latent(self, draft: SmallDraft) -> NDArray[np.float32]:
        """z of a draft, float32 [C, side, side]."""
        return draft.z[0].astype(np.float32) / np.float32(LATENT.scale)

    def without_texture(self, draft: SmallDraft) -> Parts:
        """The lossy file of a draft, to be shown as what most draws show."""
        return Parts(self._header(draft, 0), draft.latents, [])

    def finish(self, draft: SmallDraft) -> Parts:
        """The file of a draft: with its pixels, or with the temperature to draw at."""
        strength = self.options.texture
        if strength is None or strength == AUTO:
            strength = 1.0
        code = 0 if self.options.is_exact else texture_to_code(strength)
        if self.progress:
            self.progress(1.0)
        return Parts(self._header(draft, code), draft.latents, draft.pixels)

    def _at_level(self, level: int) -> SmallDraft:
        model = self.codec.model
        tile, z = encode_level(model, self.image, level)
        pixels = [encode_image(model, self.image, z)] if self.options.is_exact else []
        return SmallDraft(level_quality_code(level), [tile], z, pixels)

    def _header(self, draft: SmallDraft, texture_code: int) -> Header:
        seed = self.options.seed
        return Header(
            width=self.image.shape[2],
            height=self.image.shape[1],
            quality_code=draft.quality_code,
            fingerprint=self.codec.entry.fingerprint,
            texture_code=texture_code,
            seed=zlib.crc32(draft.latents[0].payload) % (SEED_MAX + 1) if seed is None else seed,
            max_error=self.options.allowed_error,
            grey=self.picture.grey,
            as_rgb=self.picture.as_rgb,
        )


def _size_bytes(draft: SmallDraft) -> int:
    return draft.size_bytes
