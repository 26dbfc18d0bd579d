"""The frozen global decoder: from y to the mean image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.frozen.blocks import residual_blocks, run, to_signed, upsample
from vlaecodec.frozen.layers import Layer, unfold_channels
from vlaecodec.frozen.operations import as_operand, convolve, pointwise
from vlaecodec.frozen.quality import QualityAffine
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import LATENT, PIXEL, PIXEL_UNITS, SIGNED, STREAM
from vlaecodec.networks.photo.architecture import Architecture

Features = NDArray[np.int16]
"""The decoder's features, SIGNED [channels, rows, columns], one for each FOLD x FOLD pixels."""


class GlobalDecoder:
    """g_s: y and quality to features, and from these to the mean image."""

    def __init__(self, weights: Tensors, arch: Architecture) -> None:
        eighth, sixteenth = arch.eighth_channels, arch.sixteenth_channels
        sizes, outputs = (arch.latent_channels, sixteenth), 3 * FOLD**2
        self.enter = Layer.pointwise(weights.within("enter"), sizes, LATENT, STREAM)
        self.sixteenth_bias = QualityAffine(weights.within("sixteenth_bias"), sixteenth)
        self.sixteenth = residual_blocks(
            weights.within("sixteenth"), sixteenth, arch.decoder_sixteenth_blocks
        )
        self.up = upsample(weights.within("up"), (sixteenth, eighth))
        self.eighth_bias = QualityAffine(weights.within("eighth_bias"), eighth)
        self.eighth = residual_blocks(weights.within("eighth"), eighth, arch.decoder_eighth_blocks)
        self.leave = Layer.convolution(
            weights.within("leave"), (eighth, outputs), SIGNED, PIXEL, unfold=FOLD
        )
        self.halo = arch.decoder_sixteenth_blocks + -(-(arch.decoder_eighth_blocks + 1) // 2)
        """In latents, along each side: how far the mean image can depend on y."""

    def features(self, latent: NDArray[Any], code: int, *, coarse: bool = False) -> Features:
        """Of y in LATENT units [C, rows, columns]: [channels, 2 rows, 2 columns].

        coarse: without the blocks at 1/16, which add mostly detail to averages. Averages of 8 x 8
        pixels stay within 54 dB of exact ones on validation photos at quality 50; without the
        blocks at 1/8 they would be at 34.
        """
        y = as_operand(np.moveaxis(latent, 0, -1)[None])
        stream = self.sixteenth_bias(pointwise(y, self.enter), code)
        stream = run([] if coarse else self.sixteenth, stream)
        stream = run(self.eighth, self.eighth_bias(self.up(stream), code))
        return np.moveaxis(to_signed(stream)[0].astype(np.int16), -1, 0)

    def mean_image(self, features: Features) -> NDArray[np.uint8]:
        """In grey levels, [8 rows, 8 columns, 3]."""
        pixels = convolve(as_operand(np.moveaxis(features, 0, -1)[None]), self.leave).astype(
            np.int16
        )
        levels = ((pixels + PIXEL_UNITS // 2) // PIXEL_UNITS).astype(np.uint8)
        picture: NDArray[np.uint8] = unfold_channels(levels, FOLD)[0]
        return picture
