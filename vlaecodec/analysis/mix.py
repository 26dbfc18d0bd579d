"""Mix two files: the structure of one, the top latent or the texture of the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.analysis.inspection import Map, draw_texture, reconstruct_trace, root_mean_square
from vlaecodec.analysis.trace import FileTrace, trace_file
from vlaecodec.bitstream.tiles import LATENT_FACTOR
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import ParameterError
from vlaecodec.picture.image import Picture, Pixels, to_image
from vlaecodec.picture.sections import read_sections
from vlaecodec.pixels.lossless import from_residual
from vlaecodec.pixels.texture import blend

MAX_GAIN = 4.0
"""A draw is amplified by no more than this."""

RMS_FLOOR = 0.25
"""The least strength of a draw, grey levels, so that nothing is divided by zero."""

TAKEN = ("top", "texture")
"""What can be taken from the second file."""


def mix(structure: bytes, other: bytes, take: str) -> Image.Image:
    """A picture with the structure of one file and, of another, its top latent or its texture.

    "top": the anchor is predicted from the other file's top latents, and the first file's symbols
    are added to that prediction; they are the differences of its latents from their own
    prediction. Later passes likewise. Texture as the first file recommends.
    "texture": the first file's texture is drawn, and scaled so that its energy around each place
    equals the other's there: the energy of the other's picture less its mean image.
    The result has the first file's alpha, colour profile, EXIF and XMP. Raises ParameterError if
    the pictures differ in size or the files in model, and what `decode` raises.
    """
    if take not in TAKEN:
        raise ParameterError(f"take must be one of {', '.join(TAKEN)}, not {take!r}")
    for data in (structure, other):
        decode_pixels(data, preview=True, texture=0)  # compares with its checksums
    first, second = trace_file(structure), trace_file(other)
    _check_alike(first, second)
    pixels = _with_top(first, second) if take == "top" else _with_texture(first, second, other)
    alpha, metadata = read_sections(first.container, keep_going=False)
    return to_image(Picture(pixels, first.header.grey, alpha, metadata, first.header.as_rgb))


def _check_alike(first: FileTrace, second: FileTrace) -> None:
    if first.header.fingerprint != second.header.fingerprint:
        raise ParameterError(
            "the files were made with different models, whose latents mean different things: "
            "encode both with the same"
        )
    if first.header.shape != second.header.shape:
        sizes = (f"{t.header.width} x {t.header.height}" for t in (first, second))
        raise ParameterError(
            f"the pictures differ in size, {' and '.join(sizes)}: encode both at the same size"
        )


def _with_top(first: FileTrace, second: FileTrace) -> Pixels:
    base = reconstruct_trace(first, tops=second)
    if first.header.texture_code == 0:
        return base.mean
    return blend(base.mean, draw_texture(first, base), first.header.texture_code)


def _with_texture(first: FileTrace, second: FileTrace, other: bytes) -> Pixels:
    base = reconstruct_trace(first)
    mean, residual = base.mean, draw_texture(first, base)
    shown, still = decode_pixels(other), reconstruct_trace(second).mean
    wanted = root_mean_square(shown.astype(np.int16) - still)
    drawn = np.maximum(_to_pixels(root_mean_square(residual), mean), RMS_FLOOR)
    gain = np.minimum(_to_pixels(wanted, mean) / drawn, MAX_GAIN)
    scaled = np.rint(residual * gain[:, :, None])
    return from_residual(scaled.astype(np.int16), mean)


def _to_pixels(values: Map, like: Pixels) -> NDArray[np.float32]:
    """A map, linear in between, at every pixel: float32 [H, W]."""
    rows, columns = values.shape
    size = (columns * LATENT_FACTOR, rows * LATENT_FACTOR)
    image = Image.fromarray(values.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image)[: like.shape[0], : like.shape[1]]
