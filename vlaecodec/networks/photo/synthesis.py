"""The global decoder (synthesis network): from y to the mean image, exactly."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.networks.common.blocks import Upsample, residual_blocks
from vlaecodec.networks.common.fixed_point import ExactConv2d, requantise
from vlaecodec.networks.common.formats import LATENT, PIXEL, SIGNED, STREAM
from vlaecodec.networks.common.quality import QualityAffine
from vlaecodec.networks.photo.architecture import Architecture


class GlobalDecoder(nn.Module):
    """g_s: y and quality to the mean image, and features for a local decoder."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        eighth, sixteenth = arch.eighth_channels, arch.sixteenth_channels
        self.quantised = False
        self.enter = ExactConv2d(arch.latent_channels, sixteenth, LATENT, STREAM)
        self.sixteenth_bias = QualityAffine(sixteenth)
        self.sixteenth = residual_blocks(sixteenth, arch.decoder_sixteenth_blocks)
        self.up = Upsample(sixteenth, eighth)
        self.eighth_bias = QualityAffine(eighth)
        self.eighth = residual_blocks(eighth, arch.decoder_eighth_blocks)
        # 3x3, so that the blocks of pixels it makes overlap.
        self.leave = ExactConv2d(eighth, 3 * FOLD**2, SIGNED, PIXEL, kernel_size=3)
        with torch.no_grad():
            self.leave.bias.fill_(128 / 64)
        # In latents, along each side: how far the mean image can depend on y.
        self.halo = arch.decoder_sixteenth_blocks + -(-(arch.decoder_eighth_blocks + 1) // 2)

    def features(self, latent: Tensor, quality: Tensor) -> Tensor:
        """latent: LATENT [B, C, H, W]. Returns SIGNED [B, eighth_channels, 2H, 2W]."""
        stream = self.sixteenth(self.sixteenth_bias(self.enter(latent), quality))
        stream = self.eighth(self.eighth_bias(self.up(stream), quality))
        return requantise(stream, STREAM, SIGNED, rounding=self.quantised)

    def mean_image(self, features: Tensor) -> Tensor:
        """The mean image in sixteenths of a grey level: PIXEL [B, 3, 16H, 16W]."""
        return F.pixel_shuffle(self.leave(features), FOLD)

    def forward(self, latent: Tensor, quality: Tensor) -> Tensor:
        return self.mean_image(self.features(latent, quality))
