"""The analysis network: from the image to the latent y.

It only decides what is sent, so it may compute in plain floating point: two machines may write
different files, but never read one differently.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.networks.common.quality import KNOTS, interpolate_knots
from vlaecodec.networks.photo.architecture import Architecture


class FloatBlock(nn.Module):
    """Depthwise 3x3, widen 1x1, ReLU, narrow 1x1, add; the float twin of ResidualBlock."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.narrow = nn.Conv2d(2 * channels, channels, 1)
        with torch.no_grad():
            self.depthwise.weight.normal_(0.0, 0.5 / 3)
            self.depthwise.weight[:, :, 1, 1] += 0.7
            self.widen.weight.normal_(0.0, (2 / channels) ** 0.5)
            self.narrow.weight.normal_(0.0, 0.5 * (2 * channels) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(F.relu(self.widen(self.depthwise(x))))


class AnalysisNetwork(nn.Module):
    """g_a: pixels and quality to y, before quantisation."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        eighth, sixteenth = arch.eighth_channels, arch.sixteenth_channels
        taps = arch.encoder_taps
        # 3x3 where the resolution changes, so that the blocks of pixels it sees overlap.
        self.enter = nn.Conv2d(3 * FOLD**2, eighth, taps, padding=taps // 2)
        self.eighth_bias = nn.Parameter(torch.zeros(KNOTS, eighth))
        self.eighth_gain = nn.Parameter(torch.zeros(KNOTS, eighth))
        self.eighth = nn.Sequential(
            *(FloatBlock(eighth) for _ in range(arch.encoder_eighth_blocks))
        )
        self.down = nn.Conv2d(4 * eighth, sixteenth, 1)
        self.sixteenth_bias = nn.Parameter(torch.zeros(KNOTS, sixteenth))
        self.sixteenth_gain = nn.Parameter(torch.zeros(KNOTS, sixteenth))
        self.sixteenth = nn.Sequential(
            *(FloatBlock(sixteenth) for _ in range(arch.encoder_sixteenth_blocks))
        )
        self.leave = nn.Conv2d(sixteenth, arch.latent_channels, 1)
        # In latents, along each side: how far y can depend on the image around it.
        eighth_reach = arch.encoder_eighth_blocks + taps // 2
        self.halo = arch.encoder_sixteenth_blocks + -(-eighth_reach // 2)

    def forward(self, image: Tensor, quality: Tensor) -> Tensor:
        """image: float [B, 3, H, W] in 0..255, H and W multiples of 16; quality: [B] in [0, 1].

        Returns y in units of value, float [B, C, H/16, W/16].
        """
        x = self.enter(F.pixel_unshuffle((image - 128) / 64, FOLD))
        x = self.eighth(_affine(x, self.eighth_gain, self.eighth_bias, quality))
        x = self.down(F.pixel_unshuffle(x, 2))
        x = self.sixteenth(_affine(x, self.sixteenth_gain, self.sixteenth_bias, quality))
        return self.leave(x)


def _affine(x: Tensor, gain_knots: Tensor, bias_knots: Tensor, quality: Tensor) -> Tensor:
    """Scale and shift each channel as the quality wants it; gains are base-2 logarithms."""
    gain = torch.exp2(interpolate_knots(gain_knots, quality))
    return x * gain + interpolate_knots(bias_knots, quality)
