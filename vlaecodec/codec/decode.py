"""From a file to a picture, straight down; the mirror of `encoder`."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

from vlaecodec.binary.codec import decode_small
from vlaecodec.bitstream.container import Container, read_container
from vlaecodec.bitstream.header import MAX_PIXELS, Header, check_seed, texture_to_code
from vlaecodec.bitstream.tiles import LATENT_FACTOR, Region, check_region, pixel_window, view_of
from vlaecodec.codec import tiles as tile_coder
from vlaecodec.codec.progress import ProgressCallback, Stages
from vlaecodec.errors import DamagedError, ParameterError
from vlaecodec.latents.coder import RateSplit
from vlaecodec.model.frozen import PhotoModel, load_model
from vlaecodec.model.registry import find_fingerprint
from vlaecodec.model.tiled import SYNTHESIS_BLOCK_PX, synthesise
from vlaecodec.picture.image import Picture, Pixels, to_grey, to_image
from vlaecodec.picture.sections import read_sections
from vlaecodec.pixels import texture
from vlaecodec.pixels.texture import MEAN_REACH


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
    return to_image(Picture(pixels, header.grey, alpha, metadata, header.as_rgb))


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
