"""Where the bits go: what the latent carries, and what is left to the causal window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.codec.decode import read_layers
from vlaecodec.codec.encode import encode
from vlaecodec.codec.info import read_info

PICTURE_QUALITIES = (1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)
"""Where a picture's information split is measured."""


@dataclass(frozen=True)
class LayerRates:
    """A file's rate by layer, bits per pixel; checksums and header are left out."""

    quality: float
    top_bpp: float
    """R(h), net of what bits-back coding returned; below zero where it returned more."""
    anchor_bpp: float
    """R(y1 | h)."""
    rest_bpp: float
    """R(y2 | y1)."""
    pixels_bpp: float | None
    """-log2 p(x | z) of the exact pixels, or None where the file does not hold them."""

    @property
    def total_bpp(self) -> float:
        """All layers together."""
        return self.top_bpp + self.anchor_bpp + self.rest_bpp + (self.pixels_bpp or 0.0)


def measure_file(data: bytes) -> LayerRates:
    """The split of a .vlae file, from decoding its latents. Raises what `decode` raises."""
    info = read_info(data)
    split, pixel_bits = read_layers(data)
    pixels = info.width * info.height
    return LayerRates(
        quality=info.quality,
        top_bpp=split.top_bits / pixels,
        anchor_bpp=split.anchor_bits / pixels,
        rest_bpp=split.rest_bits / pixels,
        pixels_bpp=None if info.max_error is None else pixel_bits / pixels,
    )


def measure_picture(image: Image.Image | NDArray[np.uint8], quality: float) -> LayerRates:
    """The split of a picture that is encoded losslessly with the latent of one quality."""
    return measure_file(encode(image, quality, lossless=True))
