"""Encode and decode photos with a photo model, step by step."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.container import Container, Tile
from vlaecodec.bitstream.header import (
    SEED_MAX,
    Header,
    check_seed,
    quality_to_code,
    texture_to_code,
)
from vlaecodec.bitstream.tiles import (
    LATENT_FACTOR,
    latent_window,
    pixel_window,
    plan_view,
    tiles_of,
)
from vlaecodec.codec import rescue, smooth, strips, tiles
from vlaecodec.codec.again import StepDistances, find_again
from vlaecodec.codec.analyse import analyse_tiles
from vlaecodec.codec.interface import Parts
from vlaecodec.codec.options import AUTO, DecodeOptions, EncodeOptions
from vlaecodec.codec.photo_draft import PhotoDraft
from vlaecodec.codec.progress import ProgressCallback, Stages
from vlaecodec.codec.rate_control import TRIES
from vlaecodec.codec.searched import code_no_larger, count_bytes
from vlaecodec.codec.textured import Sections, empty_map, recommend_texture, with_texture
from vlaecodec.errors import ParameterError
from vlaecodec.latents.effort import plan_search
from vlaecodec.latents.importance import scale_to_peak
from vlaecodec.latents.predictor import FloatLatent
from vlaecodec.latents.rdo_quantisation import rdo_quantise_tiles
from vlaecodec.model.frozen import LatentArray, PhotoModel, load_model
from vlaecodec.model.reduced import choose_factor, reconstruct_reduced
from vlaecodec.model.registry import PSNR, ModelEntry
from vlaecodec.model.tiled import SYNTHESIS_BLOCK_PX, AnyPixels, Reconstruction, reconstruct
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.picture.image import Picture, Pixels
from vlaecodec.picture.roi import Weights, weigh_pixels
from vlaecodec.pixels import texture
from vlaecodec.pixels.texture_map import read_map

LOSSY_QUALITY = 50.0
"""Default quality of lossy files."""

EXACT_QUALITY = 30.0
"""Default quality of files with exact pixels; it minimises their size on the validation photos."""


class PhotoCodec:
    """Encodes and decodes photos of any size."""

    def __init__(self, entry: ModelEntry) -> None:
        self.entry = entry
        self.model = load_model(entry)

    def encoder(
        self, picture: Picture, options: EncodeOptions, progress: ProgressCallback | None
    ) -> PhotoEncoder:
        """Prepare to encode a picture. Raises ParameterError."""
        return PhotoEncoder(self.entry, self.model, picture, options, progress)

    def decode(
        self, container: Container, options: DecodeOptions, progress: ProgressCallback | None
    ) -> Pixels:
        """The picture in a file, or a region of it: uint8 [H, W, 3].

        Raises DamagedError, ParameterError or ReproductionError.
        """
        model, header = self.model, container.header
        exact = bool(container.pixels) and not options.preview
        if exact and (options.texture or options.seed is not None):
            raise ParameterError("texture and seed are for lossy pictures: ask for a preview")
        strength = header.texture_code
        if options.texture is not None:
            strength = texture_to_code(options.texture)
        seed = header.seed if options.seed is None else options.seed
        view = plan_view(
            header.width,
            header.height,
            options.region,
            model.synthesis_halo * LATENT_FACTOR,
            texture_px=texture.margin_px(model) if strength > 0 and not exact else 0,
        )
        shown = [tile.index for tile in view.tiles]
        if exact and not options.keep_going:
            tiles.check_pixels(container, shown)
        stages = Stages(progress, len(view.needed) + exact * len(view.tiles) + 1)

        latent, damage = tiles.decode_latents(
            model, container, stages, keep_going=options.keep_going, needed=view.needed
        )
        tiles.check_any(damage, shown)
        block_px = options.block_px or SYNTHESIS_BLOCK_PX
        base = reconstruct(model, latent, header.quality_code, header.shape, block_px, view.window)
        tiles.check_mean(base.mean, container, damage, view)
        base = base.as_grey() if header.grey else base
        if exact:
            decoded = tiles.decode_pixels(model, container, base, damage, stages, view)
        else:
            decoded = base.mean
            # Draws would carry damage on to what lies around it.
            if strength > 0 and not damage.tiles:
                strengths = read_map(container, keep_going=options.keep_going)
                decoded = with_texture(model, base, strength, seed, strengths, view)
        stages.finish_one()
        rescue.show_damage(decoded, damage, view)
        return np.ascontiguousarray(decoded[pixel_window(view.crop)])

    def decode_reduced(
        self,
        container: Container,
        size_px: int,
        progress: ProgressCallback | None,
        *,
        keep_going: bool,
    ) -> tuple[Pixels, int]:
        """Averages of the mean image, and their side; `keep_going` as in `vlaecodec.decode`."""
        header, model = container.header, self.model
        factor = choose_factor(header.width, header.height, size_px)
        boxes = list(tiles_of(header.shape))
        stages = Stages(progress, len(boxes) + 1)
        latent, damage = tiles.decode_latents(model, container, stages, keep_going=keep_going)
        tiles.check_any(damage, range(len(boxes)))
        if factor == 1:
            base = reconstruct(model, latent, header.quality_code, header.shape)
            small = (base.as_grey() if header.grey else base).mean
        else:
            small = reconstruct_reduced(model, latent, header.quality_code, header.shape, factor)
        rescue.continue_colours(small, [boxes[index] for index in damage.lost], factor)
        rescue.warn_of_damage(len(damage.lost), len(damage.coarse), len(boxes))
        stages.finish_one()
        return small, factor

    def show_latent(self, latent: NDArray[np.floating], quality_code: int) -> Pixels:
        """The mean image of a latent [C, rows, columns]. Raises ParameterError."""
        channels, rows, columns = latent.shape
        expected = self.model.arch.latent_channels
        if channels != expected or not rows or not columns:
            raise ParameterError(f"the latent must have {expected} channels, not {channels}")
        units = np.clip(np.rint(latent * LATENT.scale), LATENT.low, LATENT.high).astype(np.int16)
        shape = (LATENT_FACTOR * rows, LATENT_FACTOR * columns)
        return reconstruct(self.model, units, quality_code, shape).mean


class PhotoEncoder:
    """Encodes one picture with one set of options."""

    def __init__(
        self,
        entry: ModelEntry,
        model: PhotoModel,
        picture: Picture,
        options: EncodeOptions,
        progress: ProgressCallback | None,
    ) -> None:
        self.entry, self.model = entry, model
        self.picture, self.options = picture, options
        shape = picture.pixels.shape
        self.search = plan_search(options.effort, options.tune or entry.tuned_for or PSNR, entry)
        if self.search.steps and options.roi is not None and self.search.tune != PSNR:
            raise ParameterError(
                f"roi cannot be combined with an effort above 1 for {self.search.tune}: choose "
                "effort 1 or tune psnr"
            )
        # Search saves bits of latents and costs as many bits of exact pixels.
        self.search_steps = 0 if options.is_exact else self.search.steps
        is_large = shape[0] * shape[1] > strips.LARGE_PX
        self._in_strips = is_large and not options.is_exact and options.target is None
        self.weights: Weights | None = None
        if options.roi is not None:
            self.weights = weigh_pixels(shape, options.rois)
        tile_count = len(list(tiles_of(shape)))
        self._finish_steps = options.is_exact * tile_count + 1
        drafts = TRIES if options.target else 1
        draft_steps = tile_count * (1 + self.search_steps)
        self.stages = Stages(progress, drafts * draft_steps + self._finish_steps)

    def encode_latents(self, quality: float | None) -> PhotoDraft:
        """Code the latents at a quality 1..100; None: the default."""
        if quality is None:
            quality = EXACT_QUALITY if self.options.is_exact else LOSSY_QUALITY
        quality_code, weights = quality_to_code(quality), None
        if self.weights is not None:
            quality_code, weights = scale_to_peak(self.weights, quality_code)

        ys = analyse_tiles(self.model, self.picture.pixels, quality_code, self.stages.finish_one)
        if weights is not None:
            found = self._search(list(ys), quality_code, weights) if self.search_steps else list(ys)
            return self._code_sparing(found, quality_code, weights)
        if self.search_steps:
            return self._code_searched(list(ys), quality_code)
        if self.options.is_exact or self.picture.pixels[..., 0].size > strips.HUGE_PX:
            return self._code(ys, quality_code)
        return self._code_once_more(ys, quality_code)

    def _code_searched(self, ys: list[FloatLatent], quality_code: int) -> PhotoDraft:
        """The draft of what search finds."""
        found = self._search(ys, quality_code, None)
        if self.options.target is not None:  # which is what quality is found by
            return self._code(found, quality_code)
        plain = self._code(ys, quality_code)
        return code_no_larger(lambda code: self._code(found, code), quality_code, plain)

    def _code_once_more(self, ys: Iterable[FloatLatent], quality_code: int) -> PhotoDraft:
        """The draft of y; where its mean image shows that it could be nearer, a nearer one."""
        steps, pixels = StepDistances(self.model, quality_code), self.picture.pixels
        seen = map(steps.add, ys)
        kept = None if self._in_strips else list(seen)
        draft = self._code(seen if kept is None else kept, quality_code)
        if kept and smooth.is_smooth(pixels, draft.base.mean, count_bytes(draft)):
            return self._code_smooth(draft)
        if not steps.look_decoded():
            return draft
        return find_again(
            pixels,
            kept or self._analyse(pixels, quality_code),
            draft,
            analyse=lambda shown: self._analyse(shown, quality_code),
            code=lambda guess: self._code(guess, quality_code),
            show=self.mean_image,
        )

    def _code_smooth(self, draft: PhotoDraft) -> PhotoDraft:
        """A nearer draft of a smooth picture, of which this is one."""
        pixels, code = self.picture.pixels, draft.quality_code
        weights = np.full(pixels.shape[:2], smooth.WEIGHT, np.float32)

        def code_sparing(other: AnyPixels) -> PhotoDraft:
            return self._code_sparing(self._analyse(other, code), code, weights)

        def code_latent(latent: FloatLatent) -> PhotoDraft:
            return self._code((latent[latent_window(box)] for box in tiles_of(pixels.shape)), code)

        return smooth.code_smooth(pixels, draft, self, code_sparing, code_latent)

    def _analyse(self, pixels: AnyPixels, quality_code: int) -> list[FloatLatent]:
        return list(analyse_tiles(self.model, pixels, quality_code))

    def _code_sparing(
        self, ys: list[FloatLatent], quality_code: int, weights: Weights
    ) -> PhotoDraft:
        """Every tile's y, with fewer bits where errors count less."""
        return self._code(rdo_quantise_tiles(self.model, ys, quality_code, weights), quality_code)

    def _code(self, ys: Iterable[FloatLatent], quality_code: int) -> PhotoDraft:
        """Every tile's y, quantised and coded."""
        shape = self.picture.pixels.shape
        if self._in_strips:
            sealed = strips.code_strips(self.model, ys, shape, quality_code)
            return PhotoDraft(quality_code, sealed, lambda: self._decode(sealed, quality_code))
        latent, payloads = tiles.code_latents(self.model, ys, shape, quality_code)
        base = reconstruct(self.model, latent, quality_code, shape)
        sealed = tiles.seal_latents(payloads, base.mean)
        base = base.as_grey() if self.picture.grey else base
        return PhotoDraft(quality_code, sealed, lambda: (latent, base))

    def _decode(self, sealed: list[Tile], quality_code: int) -> tuple[LatentArray, Reconstruction]:
        """What was not kept."""
        shape = self.picture.pixels.shape
        latent = strips.decode_strips(self.model, sealed, shape, quality_code)
        base = reconstruct(self.model, latent, quality_code, shape)
        return latent, base.as_grey() if self.picture.grey else base

    def mean_image(self, draft: PhotoDraft) -> Pixels:
        """What decoders will show without texture."""
        return draft.base.mean

    def latent(self, draft: PhotoDraft) -> NDArray[np.float32]:
        """The latent of a draft as decoders see it, float32 [C, rows, columns]."""
        return draft.latent.astype(np.float32) / np.float32(LATENT.scale)

    def without_texture(self, draft: PhotoDraft) -> Parts:
        """The lossy file of a draft as large as `finish` makes it at most, no texture measured."""
        sections = empty_map(self.picture.pixels) if self.options.texture == AUTO else {}
        return Parts(self._header(draft), draft.latents, [], sections)

    def finish(self, draft: PhotoDraft) -> Parts:
        """The file of a draft: with exact pixels, or with the texture to draw."""
        self.stages.finish_up_to(self.stages.total - self._finish_steps)
        pixels, max_error, strength_code = [], self.options.allowed_error, 0
        sections: Sections = {}
        if max_error is not None:
            pixels = tiles.code_pixels(
                self.model, self.picture.pixels, draft.base, max_error, self.stages
            )
        elif self.options.texture == AUTO:
            pixels_seen, seed = self.picture.pixels, self._seed(draft)
            strength_code, sections = recommend_texture(
                self.model, pixels_seen, draft.base, seed, draft.quality_code
            )
        if self.options.texture is not None and self.options.texture != AUTO:
            strength_code = texture_to_code(self.options.texture)
        self.stages.finish_one()
        return Parts(self._header(draft, strength_code), draft.latents, pixels, sections)

    def _search(
        self, ys: list[FloatLatent], quality_code: int, weights: Weights | None
    ) -> list[FloatLatent]:
        """Search for cheaper latents."""
        from vlaecodec.latents.search import search_tiles
        from vlaecodec.model.float_weights import load_float_model

        network = load_float_model(self.entry, self.model)
        pixels, after_step = self.picture.pixels, self.stages.finish_one
        found = search_tiles(network, ys, pixels, quality_code, self.search, after_step, weights)
        return list(found)

    def _seed(self, draft: PhotoDraft) -> int:
        if self.options.seed is not None:
            return check_seed(self.options.seed)
        return zlib.crc32(b"".join(tile.payload for tile in draft.latents)) % (SEED_MAX + 1)

    def _header(self, draft: PhotoDraft, texture_code: int = 0) -> Header:
        height, width = self.picture.pixels.shape[:2]
        return Header(
            width,
            height,
            draft.quality_code,
            self.entry.fingerprint,
            texture_code,
            self._seed(draft),
            self.options.allowed_error,
            self.picture.grey,
            self.picture.as_rgb,
        )
