"""The local decoder: p(x | z), a PixelCNN with a small causal window, exactly.

It sees the residual x - mean of a few decoded pixels, and features of the global decoder's trunk;
everything else about a picture must come through the latent. That split of information is the idea
of the Variational Lossy Autoencoder (arXiv 1611.02731, section 3.1). One masked window followed by
1x1 layers needs no cache between pixels, so a wavefront of pixels is computed at once.

Colours are autoregressive in the order COLOURS: green, then red given green, then blue given both.
Each sample's distribution is a mixture of two logistics with one mean (see tables.residual_tables).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.header import MAX_ERROR
from vlaecodec.networks.architecture import Architecture
from vlaecodec.networks.encoder import FOLD
from vlaecodec.networks.fixed_point import POSITIVE, SIGNED, ExactConv2d, ExactLinear, Format
from vlaecodec.networks.window import Window
from vlaecodec.tables import SCALE_UNITS, TAIL_UNITS

COLOURS = (1, 0, 2)
"""The order in which a pixel's colours are coded."""

RESIDUAL_UNITS = 4
"""SIGNED units per grey level of a residual: +-255 fills the format."""

DISTRIBUTION = Format(frac_bits=7, low=-2047, high=2047)
"""Three outputs per sample, in units of their own: MEAN_UNITS, SCALE_UNITS, TAIL_UNITS."""

CONDITIONS = 2
"""Constant inputs: whether contexts may be unlike any photo, and how coarse their grid is."""

STEP_CONDITIONS = tuple(
    round(SIGNED.scale / 4 * math.log2(2 * e + 1)) for e in range(MAX_ERROR + 1)
)
"""The second condition for each maximum error: a quarter of log2 of the step, SIGNED units."""

_INITIAL_SCALE = 20.0
_INITIAL_TAIL = 2.0
_RESIDUAL_GAIN = 4.0


def local_conditions(*, drawing: bool, max_error: int = 0) -> NDArray[np.float32]:
    """The constant inputs, SIGNED [CONDITIONS].

    drawing: contexts are draws, not a photo's pixels. max_error: of near-lossless coding.
    """
    return np.array([SIGNED.scale * drawing, STEP_CONDITIONS[max_error]], np.float32)


class ColourHead(nn.Module):
    """One colour's distribution, given the hidden units and the colours before it."""

    def __init__(self, width: int, merged: int, known: int) -> None:
        super().__init__()
        self.merge = ExactLinear((width, known), merged, SIGNED, POSITIVE)
        self.leave = ExactLinear((merged, known), 3, SIGNED, DISTRIBUTION)
        with torch.no_grad():
            self.merge.weight[:, width:].mul_(_RESIDUAL_GAIN)
            self.leave.weight.mul_(0.1)
            self.leave.bias[1] = _INITIAL_SCALE * SCALE_UNITS / DISTRIBUTION.scale
            self.leave.bias[2] = _INITIAL_TAIL * TAIL_UNITS / DISTRIBUTION.scale

    def forward(self, hidden: Tensor, known: Tensor) -> Tensor:
        """Both SIGNED [..., channels]; returns DISTRIBUTION [..., 3]."""
        return self.leave(self.merge(hidden, known), known)


class LocalDecoder(nn.Module):
    """p(x | z). Trained as it stands; frozen, it runs as the matrices of local_kernel."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.window = Window(arch.window_width, arch.window_height)
        window_inputs, width = 3 * self.window.size, arch.local_channels
        self.project = ExactConv2d(
            arch.eighth_channels, arch.local_features * FOLD**2, SIGNED, SIGNED
        )
        self.enter = ExactLinear(
            (window_inputs, arch.local_features, CONDITIONS), width, SIGNED, POSITIVE
        )
        self.hidden = nn.ModuleList(
            ExactLinear((width,), width, POSITIVE, POSITIVE) for _ in range(arch.local_layers)
        )
        # A linear predictor of each colour, so that the layers above need only correct it.
        self.predict = ExactLinear((window_inputs,), 3, SIGNED, DISTRIBUTION)
        self.heads = nn.ModuleList(
            ColourHead(width, arch.colour_channels, known) for known in range(3)
        )
        with torch.no_grad():
            self.enter.weight[:, :window_inputs].mul_(_RESIDUAL_GAIN)
            self.predict.weight.mul_(0.1)
            for layer in self.hidden:
                layer.weight.mul_(2**0.5)  # type: ignore[operator]

    def features(self, trunk: Tensor) -> Tensor:
        """SIGNED features of every pixel, [B, 8H, 8W, local_features], from the global decoder's.

        trunk: SIGNED [B, eighth_channels, H, W], what GlobalDecoder.features returns.
        """
        return F.pixel_shuffle(self.project(trunk), FOLD).permute(0, 2, 3, 1)

    def begin(self, window: Tensor, features: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """What all colours of a pixel share: hidden units, and linear predictions of the means.

        All are SIGNED [..., channels]: what Window.gather finds in residuals times RESIDUAL_UNITS,
        features, and CONDITIONS constants. Predictions are DISTRIBUTION [..., 3 colours].
        """
        hidden = self.enter(window, features, conditions)
        for layer in self.hidden:
            hidden = layer(hidden)
        return hidden, self.predict(window)

    def colour(
        self, number: int, hidden: Tensor, predictions: Tensor, known: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, scale and tail of a pixel's colour: whole-number DISTRIBUTION units, [...] each.

        The mean is not clamped: it is the sum of two numbers of that format. known: SIGNED
        [..., number], the pixel's own residuals of the colours before it.
        """
        mean, scale, tail = self.heads[number](hidden, known).unbind(-1)
        return mean + predictions[..., number], scale, tail

    def forward(
        self, window: Tensor, features: Tensor, conditions: Tensor, known: Tensor
    ) -> Tensor:
        """The distributions of any number of pixels, their contexts given (teacher forcing).

        known: SIGNED [..., 2]; the rest as in `begin`. Returns [..., 3 colours, 3 outputs].
        """
        hidden, predictions = self.begin(window, features, conditions)
        outputs = [
            torch.stack(self.colour(number, hidden, predictions, known[..., :number]), dim=-1)
            for number in range(3)
        ]
        return torch.stack(outputs, dim=-2)
