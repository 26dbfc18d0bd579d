"""From a picture to a file, straight down. The one place that spells it out."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vlaecodec.binary.codec import encode_small
from vlaecodec.bitstream.container import Tile, write_container
from vlaecodec.bitstream.header import (
    SEED_MAX,
    Header,
    check_max_error,
    check_seed,
    quality_to_code,
    texture_to_code,
)
from vlaecodec.bitstream.tiles import boxes_of
from vlaecodec.codec import tiles as tile_coder
from vlaecodec.codec.progress import ProgressCallback, Stages
from vlaecodec.errors import ParameterError
from vlaecodec.latents import search as latent_search
from vlaecodec.latents.importance import Roi, share_out, weigh_detail
from vlaecodec.model.float_weights import load_float_twin
from vlaecodec.model.frozen import PhotoModel, load_model
from vlaecodec.model.registry import PSNR, find_model
from vlaecodec.model.tiled import synthesise
from vlaecodec.picture.image import Pixels, to_grey, to_picture
from vlaecodec.picture.sections import write_sections
from vlaecodec.pixels import texture

LOSSY_QUALITY = 50.0
"""The quality where none is asked for."""

PIXELS_QUALITY = 30.0
"""The same for files that hold the pixels too: where latents and pixels together are smallest."""


AUTO_TEXTURE = "auto"
"""Asks `encode` to measure how much texture the picture wants."""


def encode(
    image: Image.Image | NDArray[np.uint8],
    quality: float | None = None,
    *,
    lossless: bool = False,
    max_error: int | None = None,
    texture: float | str | None = None,
    seed: int | None = None,
    model: str | None = None,
    effort: int | None = None,
    tune: str | None = None,
    roi: Roi | list[Roi] | None = None,
    keep: float | str = 1.0,
    strip: bool = False,
    to_8_bit: bool = False,
    progress: ProgressCallback | None = None,
) -> bytes:
    """Encode a picture; the bytes are a whole .vlae file.

    image: a PIL image, or a uint8 array [H, W, 3] or [H, W].
    quality: 1 (smallest) to 100 (best); by default LOSSY_QUALITY or PIXELS_QUALITY.
    lossless: keep every sample. max_error: keep every sample to within so many grey levels, 1..15.
    texture: the strength 0..1 of drawn texture that decoders use by default; "auto" measures it on
    the picture. By default 0 for photos.
    seed: of the texture's noise, 0..65535; derived from the picture if None.
    model: a name from `vlaecodec models`; by default the one for photos that is tuned for `tune`.
    effort: 1 (fast) to 9 (smallest at equal quality): how long to search for cheaper latents; of no
    effect on files with exact pixels or of small models. By default 1, or 5 if the model was
    trained for another tune.
    tune: what to aim for, "psnr" or "looks", which spends more where contrast is low: at
    one quality about as near by that measure, in three quarters of the bytes. It chooses the model
    and what search descends on; by default what the chosen model was trained for, "looks" for
    lossy files and "psnr" for files with exact pixels.
    roi: regions of interest, one or a list: each (left, top, width, height) or a mask, a grey PIL
    image or uint8 array [H, W] of the picture's size (white counts in full, black not at all), or
    a tuple of such and a gain, 1/64 to 64, 4 by default: how much more errors count there. All in
    pixels of the upright picture. The file's quality is that of its most important place.
    keep: how much errors count in pure texture, which decoders regenerate: above 0 to 1, or "auto".
    strip: leave out the colour profile, EXIF and XMP that `image.info` holds.
    to_8_bit: reduce samples of more than 8 bits instead of refusing them.
    An alpha channel is kept exactly; where it is 0 the colours of a lossy file may be anything.
    Raises ImageError, ParameterError or ModelError.
    """
    error = _allowed_error(lossless=lossless, max_error=max_error)
    picture = to_picture(image, exact=error is not None, to_8_bit=to_8_bit)
    pixels, grey = picture.pixels, picture.grey
    entry = find_model(model, PSNR if tune is None and error is not None else tune)
    detail = roi is not None or keep != 1
    if detail and (entry.small or error is not None):
        raise ParameterError(
            "roi and keep are for lossy photos: not with lossless, max_error or a small model"
        )
    if tune not in (None, PSNR) and (entry.small or error is not None):
        raise ParameterError(
            "tune is for lossy photos: not with lossless, max_error or a small model"
        )
    tune = tune or entry.tuned_for
    search = latent_search.plan_search(effort, tune, entry)
    if search.steps and detail and tune != PSNR:
        raise ParameterError(
            f"search for {tune} weighs all places alike: roi and keep go with effort 1 or tune psnr"
        )
    if entry.small:
        temperature = None if texture == AUTO_TEXTURE else texture
        return encode_small(
            picture, entry, quality, error=error, texture=temperature, seed=seed, strip=strip
        )
    if quality is None:
        quality = LOSSY_QUALITY if error is None else PIXELS_QUALITY
    code, weights = quality_to_code(quality), None
    if detail:
        code, weights = share_out(weigh_detail(pixels, roi, keep), code)
    photo_model = load_model(entry)
    # What search saves in latents, exact pixels pay: files of both kinds were as large.
    steps = search.steps if error is None else 0
    twin = load_float_twin(entry, photo_model) if steps else None
    stages = Stages(progress, pixels.shape, with_pixels=error is not None, search_steps=steps)

    latent, payloads = tile_coder.encode_latents(
        photo_model, twin, pixels, code, search, stages, weights
    )
    mean, trunk = synthesise(photo_model, latent, code, pixels.shape)
    tiles = list(zip(payloads, boxes_of(pixels.shape), strict=True))
    latents = [Tile(payload, tile_coder.pixel_crc_of(mean, box)) for payload, box in tiles]
    mean = to_grey(mean) if grey else mean
    exact = []
    if error is not None:
        exact = tile_coder.encode_pixels(photo_model, pixels, mean, trunk, error, stages, grey=grey)
    seed = zlib.crc32(b"".join(payloads)) % (SEED_MAX + 1) if seed is None else check_seed(seed)
    strength = _strength_code(photo_model, pixels, mean, trunk, texture, seed, error, grey=grey)
    stages.finish_one()
    height, width = pixels.shape[:2]
    fingerprint, as_rgb = entry.fingerprint, picture.as_rgb
    header = Header(width, height, code, fingerprint, strength, seed, error, grey, as_rgb)
    return write_container(header, latents, exact, write_sections(picture, strip=strip))


def _allowed_error(*, lossless: bool, max_error: int | None) -> int | None:
    """The largest error of a file with pixels, 0 for lossless; None for a file of latents alone."""
    if max_error is None:
        return 0 if lossless else None
    if lossless:
        raise ParameterError("lossless or max_error: not both")
    return check_max_error(max_error)


def _strength_code(
    model: PhotoModel,
    pixels: Pixels,
    mean: Pixels,
    trunk: Tensor,
    strength: float | str | None,
    seed: int,
    error: int | None,
    *,
    grey: bool,
) -> int:
    """The strength that a file recommends: as asked for, or measured; none with exact pixels."""
    if strength != AUTO_TEXTURE:
        return texture_to_code(0 if strength is None else strength)
    if error is not None:
        return 0
    return texture.recommend_strength(model, pixels, mean, trunk, seed, colours=1 if grey else 3)
