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
    lossless: keep every sample. max_error: keep every sample to within so many grey levels, 1..15.
    target_size (bytes), target_bpp (bits per pixel): the largest file that does not exceed it.
    target_psnr (dB over RGB samples), target_ms_ssim (0..1), target_ssimulacra2 (up to 100): the
    smallest file whose reconstruction, without texture, comes at least as near. One target at most,
    in place of quality.
    effort: 1 (fast) to 9 (smallest at equal quality): how long to search for cheaper latents; of no
    effect on files with exact pixels or of small models. By default 1, or 5 if the model was
    trained for something else than tune.
    tune: what to aim for, "looks" or "psnr", the least squared error: chooses the model and what
    search descends on. By default what the chosen model was trained for, "looks" for lossy files
    and "psnr" for files with exact pixels.
    model: a name from `vlaecodec models`; by default the one for photos that is trained for tune.
    roi: regions of interest, one or a list, each a `Roi` or its area alone: (left, top, width,
    height), or a mask, a grey PIL image or uint8 array [H, W] of the picture's size, white where
    errors count in full. The file's quality is that of the highest-weighted region.
    texture: the strength 0..1 of drawn texture that decoders use by default; "auto" measures it on
    the picture. By default 0 for photos.
    seed: of the texture's noise, 0..65535; derived from the picture if None.
    strip: leave out the colour profile, EXIF and XMP that `image.info` holds.
    to_8_bit: reduce samples of more than 8 bits instead of refusing them.
    only_nets: code with the networks alone. By default a picture that is smaller so, or nearer for
    its bytes, is stored as one lossless WebP, and qualities near 100 that the networks do not come
    near enough for are near-lossless: quality 100 has 45 dB PSNR at least.
    robust: store the header once more at the end, so that damage to it does not lose the picture.
    verify: decode the file, by another way than it was made, before it is returned; takes about as
    long as decoding.
    threads: how many to compute with; by default the idle cores that are ours, at most as many as
    OMP_NUM_THREADS says or torch has, and one for a small picture.

    An alpha channel is kept exactly; where it is 0 the colours of a lossy file may be anything.
    Raises ImageError, ParameterError (also if no quality meets the target), ModelError, or
    ReproductionError if this machine computes what no other would.
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
