"""From a picture to a file, straight down. `codec/photo.py` has a photo's own steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.bitstream.container import make_robust
from vlaecodec.codec.check import check_file
from vlaecodec.codec.choice import encode_best
from vlaecodec.codec.options import EncodeKeywords, EncodeOptions
from vlaecodec.model.threads import working_threads
from vlaecodec.picture.image import to_picture

_log = logging.getLogger(__name__)


def encode(
    image: Image.Image | NDArray[np.uint8],
    quality: float | None = None,
    *,
    progress: Callable[[float], None] | None = None,
    **options: Unpack[EncodeKeywords],
) -> bytes:
    """Encode a picture; the bytes are a whole .vlae file.

    image: a PIL image, or an array, uint8 or floats from 0 to 1: [H, W] or [H, W, 1] for grey,
    [H, W, 3], or [H, W, 4] with alpha.
    quality: 1 (smallest) to 100 (best); by default 50, or 30 for files with exact pixels.
    progress: called with the part done, 0..1.

    Options, all by keyword:
    lossless: keep every sample exactly.
    max_error: keep every sample within this many grey levels of the original, 1..15.
    target_size (bytes), target_bpp (bits per pixel): choose the best quality whose file is no
    larger. target_psnr (dB over RGB samples), target_ms_ssim (0..1), target_ssimulacra2 (up to
    100): choose the smallest file whose picture, without texture, scores at least this. Give one
    target at most, and no quality beside it.
    effort: 1 (fast) to 9 (smallest at equal quality): how long to search for cheaper latents. It
    has no effect on files with exact pixels, or of small models. By default 1, or 5 if the model
    was trained for another metric than tune.
    tune: "looks" or "psnr" (squared error): the metric to optimise. It chooses the model and what
    the search minimises. By default "looks" for lossy files and "psnr" for files with exact pixels,
    or what the given model was trained for.
    model: a name from `vlaecodec models`; by default the photo model that was trained for tune.
    roi: regions of interest, one or a list. Each is a `Roi`, or its area alone: (left, top, width,
    height), or a mask of the picture's size, a grey PIL image or uint8 array [H, W], white where
    errors count in full. The quality stored in the file is that of the highest-weighted region.
    texture: the strength 0..1 of the texture that decoders draw by default; "auto" measures on the
    picture how much suits each place. By default 0 for photos.
    seed: of the texture's noise, 0..65535; derived from the picture if None.
    strip: do not store the colour profile, EXIF and XMP of `image.info`.
    to_8_bit: reduce samples of more than 8 bits instead of refusing them.
    only_nets: always code with the networks. By default the picture is stored as one lossless WebP
    where that is smaller, or nearer for its bytes; and near quality 100, where the networks do not
    reach the promised PSNR (45 dB at 100), the file is near-lossless.
    robust: store the header once more at the end, and checks of pieces of the latents, so that a
    damaged tile mostly lacks its details alone.
    verify: before the file is returned, decode it in a second way and compare; this takes about as
    long as decoding.
    threads: the number of threads. By default the idle ones of our cores, at most OMP_NUM_THREADS
    and torch's number of threads, and one for a small picture.

    An alpha channel is kept exactly; where it is 0, colours of a lossy file are arbitrary.
    Raises ImageError, ParameterError (also if no quality meets the target), ModelError, or
    ReproductionError if this machine's arithmetic is not exact.
    """
    return encode_picture(image, EncodeOptions(quality=quality, **options), progress)


def encode_picture(
    image: Image.Image | NDArray[np.uint8],
    options: EncodeOptions,
    progress: Callable[[float], None] | None = None,
    *,
    close: bool = False,
) -> bytes:
    """`encode` with its options as one object. close: a PIL image, when its samples are taken."""
    start = time.perf_counter()
    picture = to_picture(image, exact=options.is_exact, to_8_bit=options.to_8_bit, close=close)
    height, width = picture.pixels.shape[:2]
    with working_threads(width * height, options.threads) as threads:
        _log.info("%d x %d pixels, threads: %d", width, height, threads)
        data = encode_best(picture, options, progress)
    _log.info("coded in %.2f s: %d bytes", time.perf_counter() - start, len(data))
    if options.robust:
        data = make_robust(data)
    if options.verify:
        check_file(data, picture, options.allowed_error, threads)
        _log.info("decoded by another way: as it should be")
    return data
