"""The convolution that trains for exactness in float32: from one fixed-point format to another."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.networks.common.formats import EXACT_LIMIT, OPERAND_BITS, WEIGHT_LIMIT, Format


def clamp(x: Tensor, to: Format) -> Tensor:
    """Clamp x (whole-number units, any shape) to a format's range."""
    # The same as Format.clamp, but its gradient is one pass over memory.
    return F.hardtanh(x, to.low, to.high)


def round_operand(x: Tensor) -> Tensor:
    """Round whole numbers in float32 to OPERAND_BITS significant bits, ties to even.

    These are the numbers that bfloat16 holds. Any shape; keeps the memory format.
    """
    return x.to(torch.bfloat16).to(torch.float32)


def ste_round_operand(x: Tensor) -> Tensor:
    """`round_operand` with the gradient of the identity (straight-through estimator)."""
    rounded = round_operand(x)
    return x + (rounded - x).detach() if torch.is_grad_enabled() else rounded


def ste_round(x: Tensor) -> Tensor:
    """Round half up, with the gradient of the identity (straight-through estimator)."""
    rounded = torch.floor(x + 0.5)
    return x + (rounded - x).detach() if torch.is_grad_enabled() else rounded


class ExactConv2d(nn.Module):
    """A convolution from one fixed-point format to another.

    Input and output are float32 [B, C, H, W] in whole-number units of `source` and `target`. Two
    states share this one module:

    - float training: no rounding, only the target's clamp;
    - quantisation-aware training (`quantised = True`): weights, bias and output rounded with the
      straight-through estimator: the same numbers as frozen.layers computes from what is exported.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        source: Format,
        target: Format,
        kernel_size: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.source = source
        self.target = target
        self.padding = kernel_size // 2
        self.groups = groups
        self.quantised = False
        self.held_exponents: Tensor | None = None
        """In place of `weight_exponents`, where weights have been stored already."""
        shape = (out_channels, in_channels // groups, kernel_size, kernel_size)
        fan_in = shape[1] * kernel_size**2
        self.weight = nn.Parameter(torch.empty(shape).normal_(0.0, fan_in**-0.5))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def weight_exponents(self) -> Tensor:
        """Per output channel, the k for which weights are stored as round(w * 2**k).

        The largest k that keeps the weights within limits, the sum below 2**24 for every input the
        source format can hold, and the rescaling a right shift of at least one bit: the overflow
        proof holds by construction. Shape [out_channels], whole numbers in float32.
        """
        if self.held_exponents is not None:
            return self.held_exponents
        weight = self.weight.detach().flatten(1).double()
        bias = self.bias.detach().double().abs()
        fan_in = weight.shape[1]
        by_width = torch.floor(torch.log2(WEIGHT_LIMIT / weight.abs().amax(1).clamp_min(1e-9)))
        # The worst sum is sum|w|*max|a| + |b| with each rounded weight off by half a step at most.
        # The offset that rounds to nearest, half a target unit, is part of the sum.
        # Rounding to OPERAND_BITS adds at most 2**-OPERAND_BITS of each weight; the limits of
        # formats are operands themselves.
        growth = 1 + 2.0**-OPERAND_BITS
        unit = growth * weight.abs().sum(1) * self.source.magnitude + bias * self.source.scale
        unit = unit + 0.5 * self.source.scale / self.target.scale
        slack = 0.5 * growth * fan_in * self.source.magnitude + 1.0
        by_sum = torch.floor(torch.log2((EXACT_LIMIT - slack) / unit.clamp_min(1e-9)))
        largest = 24 + self.target.frac_bits - self.source.frac_bits
        smallest = 1 + self.target.frac_bits - self.source.frac_bits
        return torch.minimum(by_width, by_sum).clamp(smallest, largest - 2).float()

    def integer_parameters(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights (within WEIGHT_LIMIT), biases and right shifts, as whole numbers.

        The layer computes clamp(floor((sum(w * a) + b + 2**(shift - 1)) / 2**shift)), a being its
        inputs, rounded as operands. Raises ValueError if weights are too large to be held at any
        resolution.
        """
        exponents = self.weight_exponents()
        per_weight = torch.exp2(exponents).view(-1, 1, 1, 1)
        weight = round_operand(torch.floor(self.weight.detach() * per_weight + 0.5))
        if weight.abs().max() > WEIGHT_LIMIT:
            raise ValueError("a convolution's weights are too large to be held")
        bias = torch.floor(self.bias.detach() * torch.exp2(exponents) * self.source.scale + 0.5)
        shift = exponents + self.source.frac_bits - self.target.frac_bits
        return weight, bias, shift

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self._training_parameters()
        x = ste_round_operand(x) if self.quantised else x
        x = F.conv2d(x, weight, bias, padding=self.padding, groups=self.groups)
        return clamp(ste_round(x) if self.quantised else x, self.target)

    def _training_parameters(self) -> tuple[Tensor, Tensor]:
        """Weights and biases that take source units to target units; rounded if `quantised`."""
        gain = self.target.scale / self.source.scale
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if self.quantised:
            exponents = self.weight_exponents()
            step = torch.exp2(exponents)
            rounded = ste_round(weight * step.view(-1, 1, 1, 1)).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT)
            rounded = ste_round_operand(rounded)
            weight = rounded / step.view(-1, 1, 1, 1)
            step = step * self.source.scale
            bias = ste_round(bias * step) / step
        return weight * gain, bias * self.target.scale


class ExactLinear(ExactConv2d):
    """A 1x1 convolution on rows of channels: [..., in_channels] to [..., out_channels].

    Takes the input channels whole, or in parts that it does not need joined.
    """

    def __init__(
        self, in_channels: tuple[int, ...], out_channels: int, source: Format, target: Format
    ) -> None:
        super().__init__(sum(in_channels), out_channels, source, target)
        self.in_channels = in_channels
        self.out_channels = out_channels

    def forward(self, *parts: Tensor) -> Tensor:
        if self.quantised:
            parts = tuple(ste_round_operand(part) for part in parts)
        weight, bias = self._training_parameters()
        x = self._sum(parts, weight, bias)
        return clamp(ste_round(x) if self.quantised else x, self.target)

    def _sum(self, parts: tuple[Tensor, ...], weight: Tensor, bias: Tensor) -> Tensor:
        first, *others = weight.flatten(1).split(self.in_channels, dim=1)
        x = F.linear(parts[0], first, bias)
        for part, columns in zip(parts[1:], others, strict=True):
            x = x + F.linear(part, columns)
        return x


def exact_layers(network: nn.Module) -> dict[str, ExactConv2d]:
    """Every exact convolution of a network, by name."""
    return {n: m for n, m in network.named_modules() if isinstance(m, ExactConv2d)}


def set_quantised(network: nn.Module, quantised: bool) -> None:
    """Switch the rounding of quantisation-aware training on or off, in all of a network."""
    for module in network.modules():
        if hasattr(module, "quantised"):
            module.quantised = quantised  # type: ignore[assignment]


def requantise(x: Tensor, source: Format, target: Format, *, rounding: bool) -> Tensor:
    """Move x (whole-number units of `source`) to the coarser format `target`."""
    x = x * (target.scale / source.scale)
    return clamp(ste_round(x) if rounding else x, target)
