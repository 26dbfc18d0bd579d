"""From a file to a picture, straight down; the mirror of `encode`."""

from __future__ import annotations

import logging
import time
from typing import Unpack

import numpy as np
from PIL import Image

from vlaecodec.bitstream.container import Container, make_robust, read_container
from vlaecodec.bitstream.header import MAX_PIXELS
from vlaecodec.bitstream.tiles import check_region, pixel_window
from vlaecodec.codec.info import FileInfo, read_info
from vlaecodec.codec.kinds import codec_of
from vlaecodec.codec.options import DecodeKeywords, DecodeOptions
from vlaecodec.codec.progress import ProgressCallback
from vlaecodec.codec.stored import decode_samples
from vlaecodec.errors import DamagedError
from vlaecodec.model.threads import working_threads
from vlaecodec.picture.image import Picture, Pixels, to_image
from vlaecodec.picture.overlay import lay_over
from vlaecodec.picture.sections import read_overlay, read_sections
from vlaecodec.pixels.texture_map import read_map

_log = logging.getLogger(__name__)


def decode(
    data: bytes, *, progress: ProgressCallback | None = None, **options: Unpack[DecodeKeywords]
) -> Image.Image:
    """Decode a .vlae file to a picture: mode RGB, RGBA, L or LA.

    Colour profile, EXIF and XMP are in its `info` as `icc_profile`, `exif` and `xmp`.
    progress: called with the part done, 0..1.

    Options, all by keyword:
    texture: strength 0..1 of the drawn texture: 0 is the mean image, 1 a full draw; by default what
    the file recommends. seed: of the texture's noise, 0..65535; by default the file's.
    preview: decode only the lossy part of a lossless file.
    region: decode only this part: (left, top, width, height), pixels. They are the same as in the
    whole picture. This decodes the tiles that the part touches, the latents of their neighbours,
    and with texture 72 pixels around it.
    keep_going: decode damaged files, with a LossWarning. A damaged tile is filled with the colours
    around it, or in a robust file mostly shown without its details; a damaged alpha channel,
    profile, EXIF or XMP is left out; where only exact pixels are damaged, the lossy picture shows.
    max_pixels: refuse larger pictures; by default 100 megapixels.
    block_px: compute the mean image in blocks of this size, a multiple of 16. Smaller blocks take
    less memory and more time; the pixels are the same.
    threads: the number of threads. By default the idle ones of our cores, at most OMP_NUM_THREADS
    and torch's number of threads, and one for a small picture.

    Raises DamagedError, ModelError, ParameterError (also for more than max_pixels) or
    ReproductionError.
    """
    return decode_picture(data, DecodeOptions(**options), progress)


def decode_picture(
    data: bytes, options: DecodeOptions, progress: ProgressCallback | None = None
) -> Image.Image:
    """`decode` with its options as one object."""
    container = read_container(data, options.max_pixels, keep_going=options.keep_going)
    header = container.header
    alpha, metadata = read_sections(container, keep_going=options.keep_going)
    pixels = _decode(container, options, progress)
    if header.webp_alpha:
        alpha = decode_samples(container)[..., 3]
    if alpha is not None and options.region is not None:
        window = pixel_window(check_region(options.region, header.width, header.height))
        alpha = np.ascontiguousarray(alpha[window])
    return to_image(Picture(pixels, header.grey, alpha, metadata, header.as_rgb))


def decode_pixels(
    data: bytes, *, progress: ProgressCallback | None = None, **options: Unpack[DecodeKeywords]
) -> Pixels:
    """Like `decode`, but returns uint8 [H, W, 3] without alpha."""
    chosen = DecodeOptions(**options)
    container = read_container(data, chosen.max_pixels, keep_going=chosen.keep_going)
    return _decode(container, chosen, progress)


def _decode(
    container: Container, options: DecodeOptions, progress: ProgressCallback | None
) -> Pixels:
    header = container.header
    whole = (0, 0, header.width, header.height)
    box = check_region(options.region or whole, header.width, header.height)
    area_px = (box.right - box.left) * (box.bottom - box.top)
    start = time.perf_counter()
    with working_threads(area_px, options.threads) as threads:
        tiles = len(container.latents)
        _log.info("%d x %d pixels, tiles: %d, threads: %d", *whole[2:], tiles, threads)
        pixels = codec_of(container).decode(container, options, progress)
    _log.info("decoded in %.2f s", time.perf_counter() - start)
    overlay = read_overlay(container, keep_going=options.keep_going)
    return pixels if overlay is None else lay_over(pixels, overlay[pixel_window(box)])


def verify(
    data: bytes, *, max_pixels: int = MAX_PIXELS, progress: ProgressCallback | None = None
) -> FileInfo:
    """Decode a file and compare every part with its checksums; returns its information.

    Raises DamagedError, also if only exact pixels are damaged, and ReproductionError if this
    machine computes other values than the encoder's did.
    """
    container = read_container(data, max_pixels)
    if lost := sum(tile is None for tile in container.pixels):
        raise DamagedError(f"the pixels of {lost} of {len(container.pixels)} tiles are damaged")
    if container.header.robust and make_robust(data) != data:
        raise DamagedError(
            "the second header or the checks at the end are damaged; the picture is intact"
        )
    read_sections(container, keep_going=False)
    read_map(container, keep_going=False)
    options = DecodeOptions(texture=None if container.pixels else 0)
    _decode(container, options, progress)
    return read_info(data)
