"""The local decoder: p(x | z), a PixelCNN with a small causal window, exactly.

It sees a few decoded pixels, as residuals x - mean and by how much their means differ from the
pixel's own, and features of the global decoder's trunk; everything else about a picture must come
through the latent. That split of information is the idea of the Variational Lossy Autoencoder
(arXiv 1611.02731, section 3.1). One masked window followed by 1x1 layers needs no cache between
pixels, so a wavefront of pixels is computed at once.

There are two of them. One codes exact pixels: without the differences of means its window would
know no pixel's value, and the rounding of four means would drown what colours have in common, which
cost a fifth of an exact file. One draws texture, and does without: a draw that follows its
neighbours' values drifts away from the mean image.

Colours are autoregressive in the order COLOURS: green, then red given green, then blue given both.
Each sample's distribution is a mixture of two logistics with one mean (see tables.residual_tables).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.entropy.scales import SCALE_UNITS, TAIL_UNITS
from vlaecodec.networks.common.fixed_point import ExactConv2d, ExactLinear
from vlaecodec.networks.common.formats import POSITIVE, SIGNED
from vlaecodec.networks.common.gather import gather_windows
from vlaecodec.networks.common.window import Window
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.distribution import (
    CLASS_BOUNDS,
    CLASSES,
    CONDITIONS,
    DISTRIBUTION,
    MIDDLE_GREY,
    RESIDUAL_UNITS,
)

_INITIAL_SCALE = 20.0
_INITIAL_TAIL = 2.0
_RESIDUAL_GAIN = 4.0


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

    def __init__(self, arch: Architecture, *, drawing: bool = False) -> None:
        super().__init__()
        self.drawing, self.classes = drawing, 1 if drawing else CLASSES
        self.window = Window(arch.window_width, arch.window_height)
        window_inputs, width = 3 * self.window.size, arch.local_channels
        contrast_inputs = 0 if drawing else window_inputs + 3
        self.project = ExactConv2d(
            arch.eighth_channels, arch.local_features * FOLD**2, SIGNED, SIGNED
        )
        self.enter = ExactLinear(
            (window_inputs, contrast_inputs, arch.local_features, CONDITIONS),
            width,
            SIGNED,
            POSITIVE,
        )
        self.hidden = nn.ModuleList(
            ExactLinear((width,), width, POSITIVE, POSITIVE) for _ in range(arch.local_layers)
        )
        # Linear predictors of each colour for each class, so that the rest need only correct them.
        self.predict = ExactLinear(
            (window_inputs, contrast_inputs), 3 * self.classes, SIGNED, DISTRIBUTION
        )
        self.heads = nn.ModuleList(
            ColourHead(width, arch.colour_channels, known) for known in range(3)
        )
        with torch.no_grad():
            self.enter.weight[:, :window_inputs].mul_(_RESIDUAL_GAIN)
            self.predict.weight.mul_(0.1)
            for layer in self.hidden:
                layer.weight.mul_(2**0.5)  # type: ignore[operator]

    @property
    def linear_inputs(self) -> int:
        """How many inputs linear predictors have: windows and contrasts."""
        return sum(self.predict.in_channels)

    def features(self, trunk: Tensor) -> Tensor:
        """SIGNED features of every pixel, [B, 8H, 8W, local_features], from the global decoder's.

        trunk: SIGNED [B, eighth_channels, H, W], what GlobalDecoder.features returns.
        """
        return F.pixel_shuffle(self.project(trunk), FOLD).permute(0, 2, 3, 1)

    def contrasts(self, mean: Tensor) -> Tensor:
        """What windows show of the mean image, SIGNED [B, H, W, 3 * (window.size + 1)].

        The means in each pixel's window less the pixel's own, and that less MIDDLE_GREY; beyond the
        borders the nearest mean counts. When drawing: nothing, [B, H, W, 0].

        mean: [B, H, W, 3], whole grey levels, by COLOURS.
        """
        if self.drawing:
            return mean[..., :0]
        around = gather_windows(self.window, mean, repeat_border=True)
        around = around - mean.repeat(1, 1, 1, self.window.size)
        return torch.cat([around, mean - MIDDLE_GREY], dim=3) * RESIDUAL_UNITS

    def begin(
        self, window: Tensor, contrasts: Tensor, features: Tensor, conditions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What all colours of a pixel share: hidden units, and linear predictions of the means.

        All are SIGNED [..., channels]: what Window.gather finds in residuals times RESIDUAL_UNITS,
        contrasts, features, and CONDITIONS constants. Predictions are DISTRIBUTION, class by class:
        [..., 3 * classes].
        """
        hidden = self.enter(window, contrasts, features, conditions)
        for layer in self.hidden:
            hidden = layer(hidden)
        # Training's autocast would round weights to 8 bits: as much as smooth colours vary.
        with torch.autocast(window.device.type, enabled=False):
            return hidden, self.predict(window.float(), contrasts.float())

    def colour(
        self, number: int, hidden: Tensor, predictions: Tensor, known: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, scale and tail of a pixel's colour: whole-number DISTRIBUTION units, [...] each.

        The mean is not clamped: it is the sum of two numbers of that format. known: SIGNED
        [..., number], the pixel's own residuals of the colours before it.
        """
        mean, scale, tail = self.heads[number](hidden, known).unbind(-1)
        bounds = CLASS_BOUNDS[: self.classes - 1]
        limits = torch.tensor(bounds, dtype=scale.dtype, device=scale.device)
        column = 3 * (scale.detach()[..., None] >= limits).sum(-1) + number
        return mean + predictions.gather(-1, column[..., None])[..., 0], scale, tail

    def forward(
        self,
        window: Tensor,
        contrasts: Tensor,
        features: Tensor,
        conditions: Tensor,
        known: Tensor,
    ) -> Tensor:
        """The distributions of any number of pixels, their contexts given (teacher forcing).

        known: SIGNED [..., 2]; the rest as in `begin`. Returns [..., 3 colours, 3 outputs].
        """
        hidden, predictions = self.begin(window, contrasts, features, conditions)
        outputs = [
            torch.stack(self.colour(number, hidden, predictions, known[..., :number]), dim=-1)
            for number in range(3)
        ]
        return torch.stack(outputs, dim=-2)
