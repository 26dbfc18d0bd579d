"""p(x | z): a causal window and what the latent says of each pixel, to a distribution.

One masked window, then 1x1 layers, as the photo model's local decoder; all exact.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.networks.common.blocks import ResidualBlock, Upsample, residual_blocks
from vlaecodec.networks.common.fixed_point import ExactConv2d, ExactLinear, requantise
from vlaecodec.networks.common.formats import LATENT, LOGIT, POSITIVE, SIGNED, STREAM
from vlaecodec.networks.common.gather import at_places, gather_windows
from vlaecodec.networks.common.window import Window
from vlaecodec.networks.small.preset import Preset

CONTEXT_GAIN = 2.0


class LatentFeatures(nn.Module):
    """From the latent to features of every pixel."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.quantised = False
        self.side = preset.image_px // 4
        quarter, half, full = preset.quarter_channels, preset.half_channels, preset.full_channels
        spread = 1 if preset.latent_px > 1 else self.side**2
        self.enter = ExactConv2d(preset.latent_channels, quarter * spread, LATENT, STREAM)
        self.trunk = nn.Sequential(
            residual_blocks(quarter, preset.blocks),
            Upsample(quarter, half),
            ResidualBlock(half),
            Upsample(half, full),
            ResidualBlock(full),
        )
        self.leave = ExactConv2d(full, preset.local_features, SIGNED, SIGNED)

    def forward(self, z: Tensor) -> Tensor:
        """z: LATENT [B, C, side, side]. Returns SIGNED [B, H, W, local_features]."""
        stream = self.enter(z)
        if stream.shape[-1] != self.side:
            stream = stream.reshape(len(z), -1, self.side, self.side)
        stream = self.trunk(stream.contiguous(memory_format=torch.channels_last))
        trunk = requantise(stream, STREAM, SIGNED, rounding=self.quantised)
        features: Tensor = self.leave(trunk).permute(0, 2, 3, 1)
        return features


class LatentDecoder(nn.Module):
    """What every p(x | z) has: the latent's features, if it sees the latent at all."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.conditional = preset.conditional
        self.features = LatentFeatures(preset)

    def latent_features(self, z: Tensor) -> Tensor:
        """Features of every pixel; without condition those of no latent at all."""
        features: Tensor = self.features(z if self.conditional else torch.zeros_like(z))
        return features


class CausalDecoder(LatentDecoder):
    """p(x | z), pixel by pixel in raster order."""

    def __init__(self, preset: Preset) -> None:
        super().__init__(preset)
        self.grey_context = preset.grey_context
        self.window = Window(preset.window_width, preset.window_height)
        shown = 1 if preset.grey_context else preset.colours
        window_inputs, width = shown * self.window.size, preset.local_channels
        self.enter = ExactLinear((window_inputs, preset.local_features), width, SIGNED, POSITIVE)
        self.hidden = hidden_layers(preset)
        with torch.no_grad():
            self.enter.weight.mul_(CONTEXT_GAIN)

    def hidden_units(self, window: Tensor, features: Tensor) -> Tensor:
        """POSITIVE [..., local_channels], of SIGNED windows and features [..., channels]."""
        hidden: Tensor = self.enter(window, features)
        for layer in self.hidden:
            hidden = layer(hidden)
        return hidden


def hidden_layers(preset: Preset) -> nn.ModuleList:
    """The local networks' layers behind the first, POSITIVE [..., local_channels] each."""
    width, layers = preset.local_channels, preset.local_layers - 1
    hidden = [ExactLinear((width,), width, POSITIVE, POSITIVE) for _ in range(layers)]
    with torch.no_grad():
        for layer in hidden:
            layer.weight.mul_(2**0.5)
    return nn.ModuleList(hidden)


class BinaryDecoder(CausalDecoder):
    """Black and white: the logit of each pixel's being 1."""

    def __init__(self, preset: Preset) -> None:
        super().__init__(preset)
        self.leave = ExactLinear((preset.local_channels,), 1, POSITIVE, LOGIT)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)

    def logits(self, window: Tensor, features: Tensor) -> Tensor:
        """LOGIT units [...]."""
        logit: Tensor = self.leave(self.hidden_units(window, features))[..., 0]
        return logit

    def context(self, image: Tensor) -> Tensor:
        """What windows show of pixels 0 and 1, [B, 1, H, W]: SIGNED [B, H, W, 1]."""
        return (image.permute(0, 2, 3, 1).float() * 2 - 1) * SIGNED.scale

    def nats(self, image: Tensor, features: Tensor, places: Tensor | None = None) -> Tensor:
        """-log p(x | z) of every pixel, float [B, pixels]; image: [B, 1, H, W] of 0 and 1.

        places: int64 [n], the pixels to look at, counted as row * W + column; all by default.
        """
        window = at_places(gather_windows(self.window, self.context(image)), places)
        logit = self.logits(window, at_places(features, places)).float() / LOGIT.scale
        pixels = at_places(image.permute(0, 2, 3, 1), places)[..., 0].float()
        return F.binary_cross_entropy_with_logits(logit, pixels, reduction="none")
