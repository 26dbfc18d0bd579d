"""A frozen convolution: whole-number weights, and the proof that no sum of them can overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import EXACT_LIMIT, OPERAND_BITS, Format

Floats = NDArray[np.float32]

_SPLIT = np.float32(2 ** (24 - OPERAND_BITS) + 1)


def round_operand(x: Floats) -> Floats:
    """Whole numbers in float32 rounded to OPERAND_BITS significant bits, ties to even.

    These are the numbers that bfloat16 holds. Dekker's splitting (1971): for our formats' numbers
    its ties go to even too, which a test tries for every one of them.
    """
    large = x * _SPLIT
    low = large - x
    return np.subtract(large, low, out=large)


class Layer:
    """A convolution from one fixed-point format to another: pointwise, 3x3 or depthwise 3x3.

    It computes clamp(floor((sum(w * a) + b + 2**(shift - 1)) / 2**shift)), a being its inputs,
    rounded as operands.

    weights: as stored, `weight` [out, in, k, k], `bias` and `shift` [out]. shape: of `weight`, as
    the architecture says. unfold: outputs are a square of pixels, side by side: ordered as
    `unfold_channels` takes them. fold: inputs are one, likewise.
    Raises ValueError if the weights are of another shape, or if some input in the source format
    could make a partial sum inexact.
    """

    def __init__(
        self,
        weights: Tensors,
        shape: tuple[int, int, int, int],
        source: Format,
        target: Format,
        *,
        unfold: int = 1,
        fold: int = 1,
    ) -> None:
        weight, bias, shift = (
            weights[name].astype(np.float32) for name in ("weight", "bias", "shift")
        )
        weight = round_operand(weight)
        if weight.shape != shape or not bias.shape == shift.shape == shape[:1]:
            raise ValueError("a convolution's weights have another shape")
        # Sums of so few of at most eleven bits are exact in float32.
        worst = np.abs(weight).reshape(shape[0], -1).sum(1).astype(np.float64) * source.magnitude
        half = np.exp2(shift - 1)
        if not ((worst + np.abs(bias) + half < EXACT_LIMIT) & (shift >= 1)).all():
            raise ValueError("a convolution could leave the exact range of float32")
        scale = np.exp2(-shift)
        weight *= scale[:, None, None, None]
        bias = (bias + half) * scale
        if unfold > 1:
            weight, bias = _together(weight, 0, unfold), _together(bias, 0, unfold)
        if fold > 1:
            weight = _together(weight, 1, fold)
        self.source, self.target = source, target
        self.matrix: Floats = np.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(
            shape[0], -1
        )
        """[out, taps * in], row by row of the taps, with the rescaling folded in."""
        self.bias: Floats = np.ascontiguousarray(bias)
        """[out], with the rescaling and the half that rounds to nearest."""

    @classmethod
    def pointwise(
        cls, weights: Tensors, sizes: tuple[int, int], source: Format, target: Format, **order: int
    ) -> Layer:
        """A 1x1 convolution between formats; sizes: channels in and out."""
        return cls(weights, (sizes[1], sizes[0], 1, 1), source, target, **order)

    @classmethod
    def depthwise(cls, weights: Tensors, channels: int, *formats: Format) -> Layer:
        """A 3x3 convolution of each channel by itself."""
        return cls(weights, (channels, 1, 3, 3), *formats)

    @classmethod
    def convolution(
        cls, weights: Tensors, sizes: tuple[int, int], source: Format, target: Format, **order: int
    ) -> Layer:
        """A 3x3 convolution; sizes: channels in and out."""
        return cls(weights, (sizes[1], sizes[0], 3, 3), source, target, **order)

    @property
    def outputs(self) -> int:
        """How many channels come out."""
        return len(self.bias)

    @property
    def taps(self) -> Floats:
        """The weights of a 3x3 convolution, [out, 9 taps, in]."""
        return self.matrix.reshape(self.outputs, 9, -1)

    def part(self, outputs: slice) -> Layer:
        """The layer of some of the outputs."""
        return self.remade(self.matrix[outputs], self.bias[outputs], self.target)

    def remade(self, matrix: Floats, bias: Floats, target: Format) -> Layer:
        """A layer on the same inputs with other numbers, of which nothing is proved."""
        layer = object.__new__(Layer)
        layer.source, layer.target = self.source, target
        layer.matrix, layer.bias = matrix, bias
        return layer


def _together(x: NDArray[Any], axis: int, side: int) -> NDArray[Any]:
    """From channels that each have a square of pixels to pixels that each have all channels."""
    order = np.arange(x.shape[axis]).reshape(-1, side**2).T.ravel()
    return x.take(order, axis)


def unfold_channels(x: Any, side: int) -> Any:
    """[N, H, W, side * side * C] to [N, side * H, side * W, C], of arrays or tensors."""
    count, height, width, channels = x.shape
    split = x.reshape(count, height, width, side, side, channels // side**2).swapaxes(2, 3)
    return split.reshape(count, side * height, side * width, channels // side**2)


def fold_channels(x: Any, side: int) -> Any:
    """The inverse of unfold_channels."""
    count, height, width, channels = x.shape
    split = x.reshape(count, height // side, side, width // side, side, channels).swapaxes(2, 3)
    return split.reshape(count, height // side, width // side, side**2 * channels)
