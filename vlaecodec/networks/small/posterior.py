"""q(z | x) of a small image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.entropy.mixture import MIDDLE_SAMPLE
from vlaecodec.entropy.scales import CODE_SCALE_OCTAVE
from vlaecodec.networks.common.blocks import Downsample, ResidualBlock, residual_blocks
from vlaecodec.networks.common.fixed_point import ExactConv2d, requantise
from vlaecodec.networks.common.formats import CODE_SCALE_INDEX, LATENT, SIGNED, STREAM
from vlaecodec.networks.small.preset import BOTTLENECK, Preset

_INITIAL_SCALE = 20.0


class Posterior(nn.Module):
    """Means and scales of every latent element."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.quantised = False
        half, quarter = preset.half_channels, preset.quarter_channels
        self.enter = ExactConv2d(4 * preset.colours, half, SIGNED, STREAM, kernel_size=3)
        self.trunk = nn.Sequential(
            ResidualBlock(half), Downsample(half, quarter), residual_blocks(quarter, preset.blocks)
        )
        # A vector sees everything at once; a map has the resolution of the trunk.
        width = quarter
        self.narrow: ExactConv2d | None = None
        if preset.latent_px == 1:
            self.narrow = ExactConv2d(quarter, BOTTLENECK, SIGNED, SIGNED)
            width = BOTTLENECK * (preset.image_px // 4) ** 2
        self.mean = ExactConv2d(width, preset.latent_channels, SIGNED, LATENT)
        self.scale = ExactConv2d(width, preset.latent_channels, SIGNED, CODE_SCALE_INDEX)
        with torch.no_grad():
            self.scale.weight.mul_(0.1)
            self.scale.bias.fill_(_INITIAL_SCALE)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """image: SIGNED [B, colours, H, W].

        Returns the mean (LATENT) and the scale index (CODE_SCALE_INDEX units),
        [B, latent_channels, latent_px, latent_px] each.
        """
        stream = self.trunk(self.enter(F.pixel_unshuffle(image, 2)))
        trunk = requantise(stream, STREAM, SIGNED, rounding=self.quantised)
        if self.narrow is not None:
            trunk = self.narrow(trunk).flatten(1)[..., None, None]
        return self.mean(trunk), self.scale(trunk)


def code_deviation(scale_index: Tensor) -> Tensor:
    """Standard deviations in LATENT units, of scale indices in CODE_SCALE_INDEX units."""
    return torch.exp2(scale_index.float() / (CODE_SCALE_INDEX.scale * CODE_SCALE_OCTAVE))


def network_image(image: Tensor) -> Tensor:
    """What the posterior sees, SIGNED [B, colours, H, W], of 0 and 1 or of 0..255."""
    if image.shape[1] == 1:
        return (image.float() * 2 - 1) * SIGNED.scale
    return (image.float() - MIDDLE_SAMPLE) * (SIGNED.scale / 64)
