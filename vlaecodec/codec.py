"""From a picture to a file, straight down, and back again. The one place that spells it out."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vlaecodec import latent_search, texture, tile_coder
from vlaecodec.container import Container, Tile, read_container, write_container
from vlaecodec.detail import Roi, share_out, weigh_detail
from vlaecodec.errors import DamagedError, ParameterError
from vlaecodec.header import (
    MAX_PIXELS,
    SEED_MAX,
    Header,
    check_max_error,
    check_seed,
    quality_to_code,
    texture_to_code,
)
from vlaecodec.image import Picture, Pixels, to_grey, to_image, to_picture
from vlaecodec.latent_coder import RateSplit
from vlaecodec.model import PhotoModel, load_model
from vlaecodec.networks.encoder import LATENT_FACTOR
from vlaecodec.region import Region, check_region, view_of
from vlaecodec.registry import PSNR, find_fingerprint, find_model
from vlaecodec.sections import read_sections, write_sections
from vlaecodec.small_codec import decode_small, encode_small
from vlaecodec.stages import ProgressCallback, Stages
from vlaecodec.texture import MEAN_REACH
from vlaecodec.thaw import load_float_twin
from vlaecodec.tiling import (
    SYNTHESIS_BLOCK_PX,
    boxes_of,
    pixel_window,
    synthesise,
)

LOSSY_QUALITY = 50.0
"""The quality where none is asked for."""

PIXELS_QUALITY = 30.0
"""The same for files that hold the pixels too: where latents and pixels together are smallest."""


def encode(
    image: Image.Image | NDArray[np.uint8],
    quality: float | None = None,
    *,
    lossless: bool = False,
    max_error: int | None = None,
    texture: float | None = None,
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
    texture: the strength 0..1 that decoders use by default; measured on the picture if None.
    seed: of the texture's noise, 0..65535; derived from the picture if None.
    model: a name from `vlaecodec models`; by default the one for photos that is tuned for `tune`.
    effort: 1 (fast) to 9 (smallest at equal quality): how long to search for cheaper latents; of no
    effect on files with exact pixels or of small models. By default 1, or 5 if the model was
    trained for another tune.
    tune: the likeness to aim for, "psnr" or "ms-ssim", which spends more where contrast is low: at
    one quality about as near by that measure, in three quarters of the bytes. It chooses the model
    and what search descends on; by default "psnr", or what the chosen model was trained for.
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
    entry = find_model(model, tune)
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
        return encode_small(
            picture, entry, quality, error=error, texture=texture, seed=seed, strip=strip
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
    header = Header(width, height, code, entry.fingerprint, strength, seed, error, grey)
    return write_container(header, latents, exact, write_sections(picture, strip=strip))


def decode(
    data: bytes,
    *,
    texture: float | None = None,
    seed: int | None = None,
    preview: bool = False,
    region: Region | None = None,
    keep_going: bool = False,
    max_pixels: int = MAX_PIXELS,
    progress: ProgressCallback | None = None,
) -> Image.Image:
    """Decode a .vlae file to a picture: mode RGB, RGBA, L or LA.

    Colour profile, EXIF and XMP are in its `info` as `icc_profile`, `exif` and `xmp`.

    texture: strength 0..1 of the regenerated texture: 0 is the mean image, 1 a full draw; by
    default what the file recommends. seed: draws another texture than the file's.
    preview: of a file that holds exact pixels, show only what its latents tell.
    region: only this part, left, top, width, height: the same pixels as in the whole picture. Takes
    the tiles that it touches and their neighbours' latents; with texture all rows from the top.
    With `keep_going` a damaged tile becomes grey and there is no texture, and a damaged alpha
    channel or EXIF is left out, with a LossWarning.
    Damage to exact pixels alone always leaves the lossy picture there, with a LossWarning.
    Raises DamagedError, ModelError, ParameterError (also for more than max_pixels) or
    ReproductionError.
    """
    container = read_container(data, max_pixels, keep_going=keep_going)
    header = container.header
    alpha, metadata = read_sections(container, keep_going=keep_going)
    pixels = _decode_container(
        container,
        texture=texture,
        seed=seed,
        preview=preview,
        region=region,
        keep_going=keep_going,
        progress=progress,
    )
    if alpha is not None and region is not None:
        alpha = np.ascontiguousarray(
            alpha[pixel_window(check_region(region, header.width, header.height))]
        )
    return to_image(Picture(pixels, header.grey, alpha, metadata))


def decode_pixels(
    data: bytes,
    *,
    texture: float | None = None,
    seed: int | None = None,
    preview: bool = False,
    region: Region | None = None,
    keep_going: bool = False,
    max_pixels: int = MAX_PIXELS,
    progress: ProgressCallback | None = None,
    block_px: int = SYNTHESIS_BLOCK_PX,
) -> Pixels:
    """Like `decode`, but returns uint8 [H, W, 3] without alpha. `block_px` bounds memory."""
    return _decode_container(
        read_container(data, max_pixels, keep_going=keep_going),
        texture=texture,
        seed=seed,
        preview=preview,
        region=region,
        keep_going=keep_going,
        progress=progress,
        block_px=block_px,
    )


def _decode_container(
    container: Container,
    *,
    texture: float | None = None,
    seed: int | None = None,
    preview: bool = False,
    region: Region | None = None,
    keep_going: bool = False,
    progress: ProgressCallback | None = None,
    block_px: int = SYNTHESIS_BLOCK_PX,
) -> Pixels:
    """What `decode_pixels` does once the file is parsed."""
    header = container.header
    exact = bool(container.pixels) and not preview
    if exact and (texture is not None or seed is not None):
        raise ParameterError("texture and seed are for lossy pictures: ask for a preview")
    entry = find_fingerprint(header.fingerprint)
    if entry.small:
        small = decode_small(container, texture, seed, preview=preview)
        if region is not None:
            small = small[pixel_window(check_region(region, header.width, header.height))]
        return np.ascontiguousarray(small)
    strength = header.texture_code if texture is None else texture_to_code(texture)
    seed = header.seed if seed is None else check_seed(seed)
    shape = (header.height, header.width, 3)
    photo_model = load_model(entry)
    view = view_of(
        header.width,
        header.height,
        region,
        photo_model.synthesis_halo * LATENT_FACTOR,
        texture_px=MEAN_REACH if strength > 0 and not exact else None,
    )
    stages = Stages(progress, shape, with_pixels=exact, view=view)

    latent, broken, _ = tile_coder.decode_latents(
        photo_model, container, stages, keep_going=keep_going, needed=view.needed
    )
    mean, trunk = synthesise(photo_model, latent, header.quality_code, shape, block_px, view.window)
    tile_coder.check_mean(mean, container, broken, view)
    mean = to_grey(mean) if header.grey else mean
    if exact:
        decoded = tile_coder.decode_pixels(
            photo_model, container, mean, trunk, broken, stages, view
        )
    else:
        # Draws go on from one pixel to the next, and would carry damage across the picture.
        strength = 0 if broken else strength
        mean = mean[: view.crop.bottom + MEAN_REACH]
        decoded = _textured(photo_model, mean, trunk, strength, seed, block_px, grey=header.grey)
    stages.finish_one()
    tile_coder.paint_broken(decoded, broken, view)
    return np.ascontiguousarray(decoded[pixel_window(view.crop)])


def verify(data: bytes, *, progress: ProgressCallback | None = None) -> Header:
    """Decode a file and compare every part with its checksums; returns the header.

    Raises DamagedError also where only exact pixels are damaged, and ReproductionError where this
    machine computes something else than the encoder's did.
    """
    container = read_container(data)
    if lost := sum(tile is None for tile in container.pixels):
        raise DamagedError(f"the pixels of {lost} of {len(container.pixels)} tiles are damaged")
    read_sections(container, keep_going=False)
    _decode_container(container, texture=None if container.pixels else 0, progress=progress)
    return container.header


def read_layers(data: bytes) -> tuple[RateSplit, int]:
    """Where a file's bits went: the latents' layers, all tiles together, and the pixels' bits."""
    container = read_container(data)
    model = load_model(find_fingerprint(container.header.fingerprint))
    shape = (container.header.height, container.header.width, 3)
    stages = Stages(None, shape, with_pixels=False)
    _, _, split = tile_coder.decode_latents(model, container, stages, keep_going=False)
    return split, sum(8 * len(tile.payload) for tile in container.pixels if tile is not None)


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
    strength: float | None,
    seed: int,
    error: int | None,
    *,
    grey: bool,
) -> int:
    """The recommended strength: as asked for, else measured. None for a preview of exact pixels."""
    if strength is not None:
        return texture_to_code(strength)
    if error is not None:
        return 0
    return texture.recommend_strength(model, pixels, mean, trunk, seed, colours=1 if grey else 3)


def _textured(
    model: PhotoModel,
    mean: Pixels,
    trunk: Tensor,
    strength: int,
    seed: int,
    block_px: int,
    *,
    grey: bool,
) -> Pixels:
    """The mean image with a draw blended in."""
    if strength == 0:
        return mean
    rows, colours = min(block_px, texture.BAND_ROWS), 1 if grey else 3
    residual = texture.draw_residual(model, mean, trunk, seed, rows, colours=colours)
    return texture.blend(mean, residual, strength)
