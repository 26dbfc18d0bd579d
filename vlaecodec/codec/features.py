"""A picture's latent as an array: features for other models; and pictures from such arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.bitstream.header import quality_to_code
from vlaecodec.codec.kinds import choose_codec
from vlaecodec.codec.options import EncodeOptions
from vlaecodec.errors import ParameterError
from vlaecodec.picture.image import to_picture

FEATURE_QUALITY = 50.0
"""The default quality of latents as features."""


def encode_latent(
    image: Image.Image | NDArray[np.uint8],
    quality: float = FEATURE_QUALITY,
    *,
    model: str | None = None,
    pooled: bool = False,
) -> NDArray[np.float32]:
    """The latent that a file of a picture would hold, as an array: float32 [C, rows, columns].

    For photos each position stands for 16 x 16 pixels; rows and columns are rounded up. Values are
    quantised, so that they cost the bits of such a file, and scaled to about -128..128.
    image, model: as in `encode`. quality: 1..100, how finely the latent is quantised.
    pooled: return each channel's mean over all positions, then each one's deviation, [2 C]: as many
    numbers for a picture of any size.
    Raises ImageError, ParameterError or ModelError.
    """
    options = EncodeOptions(quality=quality, model=model)
    encoder = choose_codec(options).encoder(to_picture(image), options, None)
    latent = encoder.latent(encoder.encode_latents(quality))
    if pooled:
        return np.concatenate([latent.mean((1, 2)), latent.std((1, 2))])
    return latent


def decode_latent(
    latent: NDArray[np.floating],
    quality: float = FEATURE_QUALITY,
    *,
    model: str | None = None,
) -> Image.Image:
    """Decode a latent to its picture, without texture: mode RGB, 16 x 16 pixels a position.

    latent: [C, rows, columns] from `encode_latent`, changed or not; values are rounded to what a
    file can hold. quality, model: those that it was encoded with.
    Raises ParameterError for an array of another shape, and ModelError.
    """
    array = np.asarray(latent)
    if array.ndim != 3 or not np.issubdtype(array.dtype, np.floating):
        raise ParameterError("the latent must be an array of floats, [C, rows, columns]")
    if not np.isfinite(array).all():
        raise ParameterError("the latent must be finite")
    codec = choose_codec(EncodeOptions(quality=quality, model=model))
    return Image.fromarray(codec.show_latent(array, quality_to_code(quality)))
