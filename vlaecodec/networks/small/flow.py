"""Autoregressive flows on whole numbers: f in z = f(eps), and its inverse.

Every step moves each element by an amount that the elements before it decide (mean-only, as the
paper's), in the opposite order from the step before. On a grid the amount is rounded, so a step is
a bijection of whole numbers, and a density needs no volume term: p(z) = p(eps).

As a prior the inverse runs in one pass a step, and drawing element by element; that is the AF prior
of VLAE (arXiv 1611.02731, section 3.2).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlaecodec.networks.common.fixed_point import ExactConv2d
from vlaecodec.networks.common.formats import LATENT, POSITIVE
from vlaecodec.networks.small.preset import Preset


def mask_weight(layer: ExactConv2d, mask: Tensor) -> None:
    """Zero a convolution's weights where the mask [out, in, k, k] is 0, for good."""
    with torch.no_grad():
        kept = mask.mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)
        # As much variance as if all inputs were there.
        layer.weight.mul_(mask / kept.sqrt())
    layer.weight.register_hook(lambda gradient: gradient * mask.to(gradient.device))


class VectorShift(nn.Module):
    """MADE with two hidden layers: how far each element moves, given those before it."""

    def __init__(self, elements: int, hidden: int, context: int = 0) -> None:
        super().__init__()
        self.elements = elements
        self.enter = ExactConv2d(elements + context, hidden, LATENT, POSITIVE)
        self.hidden = ExactConv2d(hidden, hidden, POSITIVE, POSITIVE)
        self.leave = ExactConv2d(hidden, elements, POSITIVE, LATENT)
        # A unit of degree d sees elements 0..d - 1, and only elements from d on see it.
        places = torch.arange(elements)
        degrees = torch.arange(hidden) % elements
        seen = (degrees[:, None] > places[None, :]).float()
        seen = torch.cat([seen, torch.ones(hidden, context)], dim=1)
        mask_weight(self.enter, seen[:, :, None, None])
        mask_weight(self.hidden, (degrees[:, None] >= degrees[None, :]).float()[..., None, None])
        mask_weight(self.leave, (places[:, None] >= degrees[None, :]).float()[..., None, None])
        with torch.no_grad():
            self.enter.weight.mul_(2**0.5)
            self.hidden.weight.mul_(2**0.5)
            self.leave.weight.mul_(0.1)

    def forward(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """z: LATENT [B, elements, 1, 1]; context: LATENT [B, context, 1, 1]."""
        x = z if context is None else torch.cat([z, context], dim=1)
        shift: Tensor = self.leave(self.hidden(self.enter(x)))
        return shift

    def fronts(self) -> list[Tensor]:
        """Masks of what can be computed at once, in order: bool [elements, 1, 1] each."""
        places = torch.arange(self.elements)[:, None, None]
        return [places == place for place in range(self.elements)]


class MapShift(nn.Module):
    """A PixelCNN of two 3x3 layers: how far each position of a map moves, given those before it."""

    def __init__(self, channels: int, hidden: int, side: int, context: int = 0) -> None:
        super().__init__()
        self.side = side
        self.enter = ExactConv2d(channels, hidden, LATENT, POSITIVE, kernel_size=3)
        self.context = ExactConv2d(context, hidden, LATENT, POSITIVE) if context else None
        self.hidden = ExactConv2d(hidden, hidden, POSITIVE, POSITIVE, kernel_size=3)
        self.leave = ExactConv2d(hidden, channels, POSITIVE, LATENT)
        before = torch.zeros(3, 3)
        before[0], before[1, 0] = 1, 1
        mask_weight(self.enter, before.expand_as(self.enter.weight).clone())
        before[1, 1] = 1
        mask_weight(self.hidden, before.expand_as(self.hidden.weight).clone())
        with torch.no_grad():
            self.enter.weight.mul_(2**0.5)
            self.hidden.weight.mul_(2**0.5)
            self.leave.weight.mul_(0.1)

    def forward(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """z: LATENT [B, channels, H, W]; context: LATENT [B, context, H, W]."""
        hidden = self.enter(z)
        if context is not None and self.context is not None:
            hidden = POSITIVE.clamp(hidden + self.context(context))
        shift: Tensor = self.leave(self.hidden(hidden))
        return shift

    def fronts(self) -> list[Tensor]:
        """Masks of what can be computed at once, in order: bool [1, H, W] each."""
        rows, columns = torch.arange(self.side)[:, None], torch.arange(self.side)[None, :]
        # Two layers, each of which sees one position to the upper right.
        time = columns + 2 * rows
        return [(time == t)[None] for t in range(int(time.max()) + 1)]


class Flow(nn.Module):
    """A stack of shifts. `invert` takes z to eps in one pass a step; `draw` is the way back."""

    def __init__(self, preset: Preset, context: int = 0) -> None:
        super().__init__()
        channels, hidden, side = preset.latent_channels, preset.flow_channels, preset.latent_px
        self.steps = nn.ModuleList(
            VectorShift(channels, hidden, context)
            if side == 1
            else MapShift(channels, hidden, side, context)
            for _ in range(preset.flow_steps)
        )
        # Of maps the order of positions turns round, of vectors that of elements.
        self.turned = (1,) if side == 1 else (2, 3)

    def invert(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """eps of z, both LATENT [B, channels, side, side]."""
        turned_context = context if context is None or self.turned == (1,) else context.flip(2, 3)
        for number, step in enumerate(self.steps):
            shift = step(z, turned_context if number % 2 else context)
            z = LATENT.clamp(z - shift.float()).flip(self.turned)
        return z.flip(self.turned) if len(self.steps) % 2 else z

    def draw(self, eps: Tensor) -> Tensor:
        """z of eps, as `invert` undoes it; eps small enough that nothing is clamped."""
        z = eps.flip(self.turned) if len(self.steps) % 2 else eps
        for step in reversed(self.steps):
            moved = z.flip(self.turned)
            z = torch.zeros_like(moved)
            for front in step.fronts():  # type: ignore[operator]
                z = torch.where(front.to(z.device), LATENT.clamp(moved + step(z).float()), z)
        return z
