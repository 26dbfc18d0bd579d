"""The pieces that all frozen networks are built from; networks.common.blocks trains them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vlaecodec.frozen.layers import Floats, Layer, fold_channels, unfold_channels
from vlaecodec.frozen.operations import pointwise, requantise, residual
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import POSITIVE, SIGNED, STREAM

Block = Callable[[Floats], Floats]
"""From STREAM [N, H, W, C] to STREAM, of perhaps another resolution."""


def residual_block(weights: Tensors, channels: int) -> Block:
    """Depthwise 3x3, widen 1x1, ReLU, narrow 1x1, add."""
    wide = 2 * channels
    depthwise = Layer.depthwise(weights.within("depthwise"), channels, STREAM, SIGNED)
    widen = Layer.pointwise(weights.within("widen"), (channels, wide), SIGNED, POSITIVE)
    narrow = Layer.pointwise(weights.within("narrow"), (wide, channels), POSITIVE, STREAM)
    return lambda stream: residual(stream, depthwise, widen, narrow)


def residual_blocks(weights: Tensors, channels: int, count: int) -> list[Block]:
    """`count` residual blocks in a row."""
    return [residual_block(weights.within(number), channels) for number in range(count)]


def downsample(weights: Tensors, sizes: tuple[int, int]) -> Block:
    """Half the resolution: 2x2 into channels, then mix."""
    sizes = (4 * sizes[0], sizes[1])
    mix = Layer.pointwise(weights.within("mix"), sizes, SIGNED, STREAM, fold=2)
    return lambda stream: pointwise(fold_channels(to_signed(stream), 2), mix)


def upsample(weights: Tensors, sizes: tuple[int, int]) -> Block:
    """Double the resolution: mix, then channels into 2x2."""
    sizes = (sizes[0], 4 * sizes[1])
    mix = Layer.pointwise(weights.within("mix"), sizes, SIGNED, STREAM, unfold=2)
    return lambda stream: unfold_channels(pointwise(to_signed(stream), mix), 2)


def to_signed(stream: Floats) -> Floats:
    """STREAM as SIGNED."""
    return requantise(stream, STREAM, SIGNED)


def run(blocks: Iterable[Block], stream: Floats) -> Floats:
    """One block after another."""
    for block in blocks:
        stream = block(stream)
    return stream
