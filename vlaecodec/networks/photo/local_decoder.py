"""The local decoder: p(x | z), a PixelCNN that follows sub-grids instead of rows, exactly.

A pixel sees some decoded pixels on all sides, as residuals x - mean and by how much their means
differ from the pixel's own, and features of the global decoder's trunk; everything else about a
picture must come through the latent. That split of information is the idea of the Variational Lossy
Autoencoder (arXiv 1611.02731, section 3.1). No pixel of a sub-grid sees another of it, so p(x | z)
is a product of ten factors, each one small network on all its pixels at once, where raster order
takes thousands.

There are two of them. One codes exact pixels. One draws texture, and does not see how means differ:
a draw that follows its neighbours' values drifts away from the mean image.

Colours are autoregressive in the order COLOURS: green, then red given green, then blue given both.
Each sample's distribution is a mixture of two logistics with one mean (see tables.residual_tables).

Whatever is multiplied is a whole number of at most eight significant bits: residuals and contrasts
are grey levels within +-255, hidden units 0..255.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.entropy.scales import SCALE_UNITS, TAIL_UNITS
from vlaecodec.networks.common.constants import constant
from vlaecodec.networks.common.fixed_point import ExactConv2d, ExactLinear
from vlaecodec.networks.common.formats import SIGNED
from vlaecodec.networks.photo.architecture import Architecture, LocalSizes
from vlaecodec.networks.photo.distribution import (
    CLASS_BOUNDS,
    CLASSES,
    DISTRIBUTION,
    GREY,
    HIDDEN,
    MIDDLE_GREY,
)
from vlaecodec.networks.photo.subgrids import SubGrid, subgrids

_INITIAL_SCALE = 20.0
_INITIAL_TAIL = 2.0
_RESIDUAL_GAIN = 4.0
_CONDITION_GAIN = 0.25


class _Whole(torch.autograd.Function):
    """Round to whole numbers and clamp; the gradient is the clamp's."""

    @staticmethod
    def forward(context: Any, x: Tensor, low: int, high: int) -> Tensor:
        context.save_for_backward(x)
        context.limits = low, high
        return torch.round(x).clamp_(low, high)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = context.saved_tensors
        passed: Tensor = torch.ops.aten.hardtanh_backward(gradients[0], x, *context.limits)
        return passed, None, None


class WholeLinear(ExactLinear):
    """An exact linear layer whose training rounds its outputs to the whole numbers they will be."""

    def forward(self, *parts: Tensor) -> Tensor:
        if self.quantised:
            return super().forward(*parts)
        x = self._sum(parts, *self._training_parameters())
        return _Whole.apply(x, self.target.low, self.target.high)


class Entrance(nn.Module):
    """What a sub-grid has of its own: from what its pixels see to hidden units and predictions."""

    def __init__(self, sizes: LocalSizes, neighbours: int, *, drawing: bool) -> None:
        super().__init__()
        self.linear = (3 if drawing else 6) * neighbours + 3
        others = sizes.features + (0 if drawing else 1)
        self.enter = WholeLinear((self.linear, others), sizes.channels, GREY, HIDDEN)
        # Linear predictors of each colour for each class, so that the rest need only correct them.
        self.predict = nn.ModuleList(
            ExactLinear((self.linear, previous), 1 if drawing else CLASSES, GREY, DISTRIBUTION)
            for previous in range(3)
        )
        with torch.no_grad():
            self.enter.weight[:, : self.linear].mul_(_RESIDUAL_GAIN)
            if not drawing:
                self.enter.weight[:, -1].mul_(_CONDITION_GAIN)
            for number, layer in enumerate(self.predict):
                layer.weight.zero_()  # type: ignore[operator]
                if neighbours:  # the mean of the four nearest
                    layer.weight[:, number:12:3] = 0.25  # type: ignore[operator]

    def predictions(self, seen: Tensor, own: Tensor) -> Tensor:
        """The linear predictions of each colour and class, DISTRIBUTION [..., 3, classes]."""
        # Training's autocast would round weights to 8 bits: as much as smooth colours vary.
        with torch.autocast(seen.device.type, enabled=False):
            seen, own = seen.float(), own.float()
            layers = [layer for layer in self.predict if isinstance(layer, ExactLinear)]
            if layers[0].quantised:
                rows = [layer(seen, own[..., :n]) for n, layer in enumerate(layers)]
                return torch.stack(rows, dim=-2)
            # One product for all three.
            weight = torch.cat(
                [F.pad(layer.weight.flatten(1), (0, 2 - n)) for n, layer in enumerate(layers)]
            )
            bias = torch.cat([layer.bias for layer in layers]) * DISTRIBUTION.scale
            gain = DISTRIBUTION.scale / GREY.scale
            both = F.linear(torch.cat([seen, own], -1), weight * gain, bias)
            return DISTRIBUTION.clamp(both).unflatten(-1, (3, -1))


class ColourHead(nn.Module):
    """One colour's distribution, given the hidden units and the colours before it."""

    def __init__(self, sizes: LocalSizes, previous: int) -> None:
        super().__init__()
        width, merged = sizes.channels, sizes.colour_channels
        self.merge = WholeLinear((width, previous), merged, GREY, HIDDEN)
        self.leave = ExactLinear((merged, previous), 3, GREY, DISTRIBUTION)
        with torch.no_grad():
            self.merge.weight.mul_(2**0.5)
            self.merge.weight[:, width:].mul_(_RESIDUAL_GAIN)
            self.leave.weight.mul_(0.1)
            self.leave.bias[1] = _INITIAL_SCALE * SCALE_UNITS / DISTRIBUTION.scale
            self.leave.bias[2] = _INITIAL_TAIL * TAIL_UNITS / DISTRIBUTION.scale

    def forward(self, hidden: Tensor, predictions: Tensor, previous: Tensor) -> Tensor:
        """Mean (not clamped), scale and tail in DISTRIBUTION units, [..., 3].

        hidden: HIDDEN [..., width]. predictions: DISTRIBUTION [..., classes]. previous: the pixel's
        own residuals of the colours before, GREY [..., previous].
        """
        outputs = self.leave(self.merge(hidden, previous), previous)
        mean, scale, tail = outputs.float().unbind(-1)
        limits = constant(tuple(CLASS_BOUNDS[: predictions.shape[-1] - 1]), scale.device)
        classes = (scale.detach()[..., None] >= limits).sum(-1)
        predicted = predictions.gather(-1, classes[..., None])[..., 0]
        return torch.stack((mean + predicted, scale, tail), dim=-1)


class LocalDecoder(nn.Module):
    """p(x | z), sub-grid by sub-grid. Files are coded with frozen.local, by pixels.kernel."""

    def __init__(self, arch: Architecture, *, drawing: bool = False) -> None:
        super().__init__()
        self.drawing, self.classes = drawing, 1 if drawing else CLASSES
        sizes = arch.texture if drawing else arch.local
        self.subgrids = subgrids(sizes.neighbours)
        self.project = ExactConv2d(arch.eighth_channels, sizes.features * FOLD**2, SIGNED, GREY)
        self.entrances = nn.ModuleList(
            Entrance(sizes, len(grid.neighbours), drawing=drawing) for grid in self.subgrids
        )
        width = sizes.channels
        self.hidden = nn.ModuleList(
            WholeLinear((width,), width, HIDDEN, HIDDEN) for _ in range(sizes.layers)
        )
        self.heads = nn.ModuleList(ColourHead(sizes, previous) for previous in range(3))
        with torch.no_grad():
            for layer in self.hidden:
                layer.weight.mul_(2**0.5)  # type: ignore[operator]
        self.reach = max(grid.reach for grid in self.subgrids)
        """Pixels; how far a neighbour can be."""
        self.grain = arch.grain
        """How draws are shown."""

    def features(self, trunk: Tensor) -> Tensor:
        """GREY features of every pixel, [B, 8H, 8W, local_features].

        trunk: SIGNED [B, eighth_channels, H, W], what GlobalDecoder.features returns.
        """
        x = self.project(trunk)
        if not self.project.quantised:
            x = _Whole.apply(x, GREY.low, GREY.high)
        return F.pixel_shuffle(x, FOLD).permute(0, 2, 3, 1)

    def pad(self, residual: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Both [B, H, W, 3], with a border of `reach`: zeros, and the nearest mean."""
        reach = self.reach
        residual = F.pad(residual, (0, 0, reach, reach, reach, reach))
        lines = torch.arange(-reach, mean.shape[1] + reach).clamp(0, mean.shape[1] - 1)
        columns = torch.arange(-reach, mean.shape[2] + reach).clamp(0, mean.shape[2] - 1)
        return residual, mean[:, lines][:, :, columns]

    def gather(self, grid: SubGrid, residual: Tensor, mean: Tensor, own: Tensor) -> Tensor:
        """What a sub-grid's pixels see: GREY [B, rows, columns, channels].

        Of each neighbour three residuals; then unless drawing of each three differences of its mean
        to the pixel's own; then that less MIDDLE_GREY. residual, mean: bordered as `pad` does. own:
        the mean at the sub-grid's pixels.
        """
        rows, columns = own.shape[1:3]

        def at(picture: Tensor, dy: int, dx: int) -> Tensor:
            top, left = self.reach + grid.row + dy, self.reach + grid.column + dx
            return picture[
                :,
                top : top + (rows - 1) * grid.step + 1 : grid.step,
                left : left + (columns - 1) * grid.step + 1 : grid.step,
            ]

        parts = [at(residual, *place) for place in grid.neighbours]
        if not self.drawing:
            parts += [at(mean, *place) for place in grid.neighbours]
        seen = torch.cat([*parts, own], dim=3)
        if not self.drawing:
            contrasts = seen[..., 3 * len(grid.neighbours) : -3]
            contrasts -= own.repeat(1, 1, 1, len(grid.neighbours))
        seen[..., -3:] -= MIDDLE_GREY
        return seen

    def forward(
        self, trunk: Tensor, mean: Tensor, context: Tensor, target: Tensor, condition: Tensor
    ) -> Iterator[tuple[SubGrid, Tensor]]:
        """The distributions of all pixels, their contexts given (teacher forcing), by sub-grid.

        trunk: SIGNED. mean, context: whole grey levels by COLOURS, bordered as `pad` does, [B, H +
        2 reach, W + 2 reach, 3]; context is what neighbours show. target: the pixels' own
        residuals, [B, H, W, 3]. condition: GREY [B]. Yields each sub-grid with [B, rows, columns, 3
        colours, 3 outputs].
        """
        features = self.features(trunk)
        kind, reach = features.dtype, self.reach
        mean, context = mean.to(kind), context.to(kind)
        inner = mean[:, reach:-reach, reach:-reach]
        for grid, entrance in zip(self.subgrids, self.entrances, strict=True):
            seen = self.gather(grid, context, mean, inner[(slice(None), *grid.places)])
            others = features[(slice(None), *grid.places)]
            if not self.drawing:
                one = condition.to(kind)[:, None, None, None].expand(*others.shape[:3], 1)
                others = torch.cat([others, one], dim=3)
            own = target[(slice(None), *grid.places)][..., :2].to(kind)
            assert isinstance(entrance, Entrance)
            hidden = entrance.enter(seen, others)
            for layer in self.hidden:
                hidden = layer(hidden)
            predictions = entrance.predictions(seen, own)
            outputs = [
                head(hidden, predictions[..., number, :], own[..., :number])
                for number, head in enumerate(self.heads)
            ]
            yield grid, torch.stack(outputs, dim=-2)
