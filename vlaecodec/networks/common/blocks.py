"""The pieces that all exact networks are built from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.networks.common.fixed_point import ExactConv2d, requantise
from vlaecodec.networks.common.formats import POSITIVE, SIGNED, STREAM, Format


class ResidualBlock(nn.Module):
    """Depthwise 3x3, widen 1x1, ReLU, narrow 1x1, add. Exact; receptive field 3x3.

    Maps STREAM [B, C, H, W] to STREAM [B, C, H, W]. Depthwise layers suit exact arithmetic: nine
    taps leave room for the wide stream, and pointwise layers for ten-bit activations.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = ExactConv2d(
            channels, channels, STREAM, SIGNED, kernel_size=3, groups=channels
        )
        self.widen = ExactConv2d(channels, 2 * channels, SIGNED, POSITIVE)
        self.narrow = ExactConv2d(2 * channels, channels, POSITIVE, STREAM)
        with torch.no_grad():
            self.depthwise.weight.mul_(0.5)
            self.depthwise.weight[:, :, 1, 1] += 0.7
            self.widen.weight.mul_(2**0.5)
            self.narrow.weight.mul_(0.5)

    def forward(self, stream: Tensor) -> Tensor:
        return STREAM.clamp(stream + self.narrow(self.widen(self.depthwise(stream))))


def residual_blocks(channels: int, count: int) -> nn.Sequential:
    """`count` residual blocks in a row."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


class Downsample(nn.Module):
    """Halve the resolution of the stream, exactly: fold 2x2 into channels, then mix."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.quantised = False
        self.mix = ExactConv2d(4 * in_channels, out_channels, SIGNED, STREAM)

    def forward(self, stream: Tensor) -> Tensor:
        narrow = requantise(stream, STREAM, SIGNED, rounding=self.quantised)
        return self.mix(F.pixel_unshuffle(narrow, 2))


class Upsample(nn.Module):
    """Double the resolution of the stream, exactly: mix, then unfold channels into 2x2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.quantised = False
        self.mix = ExactConv2d(in_channels, 4 * out_channels, SIGNED, STREAM)

    def forward(self, stream: Tensor) -> Tensor:
        narrow = requantise(stream, STREAM, SIGNED, rounding=self.quantised)
        return F.pixel_shuffle(self.mix(narrow), 2)


class Head(nn.Module):
    """From the stream to several outputs, each with a format of its own."""

    def __init__(self, channels: int, outputs: int, targets: tuple[Format, ...]) -> None:
        super().__init__()
        self.quantised = False
        self.layers = nn.ModuleList(
            ExactConv2d(channels, outputs, SIGNED, target) for target in targets
        )

    def start_at(self, index: int, value: float | Tensor) -> None:
        """Let one of the outputs begin its training near a value, or one value per channel."""
        with torch.no_grad():
            self._exact_layers()[index].bias.copy_(torch.as_tensor(value))

    def scale_weights(self, factor: float) -> None:
        """Multiply all weights; a small factor makes the biases decide at first."""
        with torch.no_grad():
            for layer in self._exact_layers():
                layer.weight.mul_(factor)

    def _exact_layers(self) -> list[ExactConv2d]:
        return [layer for layer in self.layers if isinstance(layer, ExactConv2d)]

    def forward(self, stream: Tensor) -> list[Tensor]:
        narrow = requantise(stream, STREAM, SIGNED, rounding=self.quantised)
        return [layer(narrow) for layer in self.layers]
