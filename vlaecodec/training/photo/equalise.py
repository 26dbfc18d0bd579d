"""Larger numbers between layers, so that rounding them costs less; the function stays the same.

Between two layers a channel can be multiplied by a factor that the next layer's weights take back:
clamps at zero do not mind (cross-layer equalisation, arXiv 1906.04721, section 4.1). Training in
floating point does not care how large numbers are, and may leave hidden units at a few units of
their format, where rounding to whole ones is an error of some per cent. Factors are powers of two,
which change no digit of a weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import torch
from torch import Tensor, nn

from vlaecodec.networks.common.blocks import ResidualBlock
from vlaecodec.networks.common.fixed_point import ExactConv2d, set_quantised
from vlaecodec.networks.common.formats import POSITIVE, SIGNED, Format
from vlaecodec.networks.common.quality import QualityAffine
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.networks.photo.prior import PassPrior
from vlaecodec.networks.photo.rate_distortion import code_latent, round_latents
from vlaecodec.training.photo.data import Photo, center_crops
from vlaecodec.training.photo.synthetic import draw_pictures

POSITIONS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Qualities at which numbers are looked at."""

HEADROOM = 1.4
"""The largest number seen, times this, is still within its format."""

STREAM_HEADROOM = 2.0
"""For streams, to which all blocks add."""

LARGEST_FACTOR = 256.0

PICTURE_PX = 256
DRAWINGS = 16

Largest = dict[nn.Module, Tensor]
"""For each layer the largest magnitude of each of its output channels, [C]."""


def telling_pictures(photos: list[Photo]) -> Tensor:
    """What to equalise on: middles of photos, drawings, and the corners of the cube of colours.

    Float [B, 3, PICTURE_PX, PICTURE_PX].
    """
    corners = torch.tensor(list(product((0.0, 255.0), repeat=3)))[:, :, None, None]
    return torch.cat(
        [
            center_crops(photos, PICTURE_PX).float(),
            center_crops(draw_pictures(DRAWINGS, seed=5), PICTURE_PX).float(),
            corners.expand(-1, -1, PICTURE_PX, PICTURE_PX),
        ]
    )


@torch.no_grad()
def equalise(network: GlobalNetworks, images: Tensor) -> None:
    """Rescale the exact layers of a network in place, after what they compute of `images`.

    images: float [B, 3, H, W] in grey levels, H and W multiples of 64; photos and drawings as
    various as those that it will code.
    """
    set_quantised(network, False)
    with _watch(network) as largest:
        compute(network, images)
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            signed = _factors(SIGNED, largest[module.depthwise])
            positive = _factors(POSITIVE, largest[module.widen])
            _scale_between(module.depthwise, module.widen, signed)
            _scale_between(module.widen, module.narrow, positive)
    decoder = network.decoder
    priors = [p for p in network.pass_priors if isinstance(p, PassPrior)]
    stages = [
        (decoder.enter, decoder.sixteenth_bias, decoder.sixteenth, [decoder.up.mix]),
        (decoder.up.mix, decoder.eighth_bias, decoder.eighth, [decoder.leave]),
        *((p.enter, p.bias, p.trunk, list(p.head.layers)) for p in priors),
    ]
    for stage in stages:
        _scale_stream(largest, *stage)  # type: ignore[arg-type]


def compute(network: GlobalNetworks, images: Tensor) -> None:
    """Let the networks see the pictures, float [B, 3, H, W], at all qualities of POSITIONS."""
    for position in POSITIONS:
        for image in images.contiguous(memory_format=torch.channels_last).split(4):
            quality = torch.full((len(image),), position)
            y = network.analysis(image, quality)
            coded = code_latent(network, y, quality, round_latents, quantised=False)
            network.decoder(coded.known, quality)


@contextmanager
def _watch(network: nn.Module) -> Iterator[Largest]:
    """Note the largest outputs of layers and blocks while the network runs."""
    largest: Largest = {}

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        found = output.abs().amax((0, 2, 3))
        largest[module] = torch.maximum(largest.get(module, found), found)

    kinds = ExactConv2d, QualityAffine, ResidualBlock
    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, kinds)]
    try:
        yield largest
    finally:
        for hook in hooks:
            hook.remove()


def _factors(target: Format, largest: Tensor, headroom: float = HEADROOM) -> Tensor:
    """What channels of a format may be multiplied by, given their largest numbers [C]."""
    room = target.magnitude / headroom / largest.clamp_min(1e-6)
    return torch.exp2(torch.floor(torch.log2(room))).clamp(1.0, LARGEST_FACTOR)


def _scale_between(layer: ExactConv2d, following: ExactConv2d, factors: Tensor) -> None:
    """Multiply what `layer` writes, and divide what `following` does with it."""
    _scale_rows(layer, factors)
    following.weight.div_(factors.view(1, -1, 1, 1))


def _scale_stream(
    largest: Largest,
    enter: ExactConv2d,
    affine: QualityAffine,
    blocks: nn.Sequential,
    leave: list[ExactConv2d],
) -> None:
    """Multiply the stream that goes from `enter` through the blocks to the layers that leave it.

    Those read it in the format SIGNED, which has a quarter of its digits: they set the limit.
    """
    units = SIGNED.scale / enter.target.scale
    written = torch.stack([largest[layer] for layer in (affine, *blocks)]).amax(0)
    folds = enter.weight.shape[0] // len(written)  # of an Upsample: 4 places for each channel
    written = torch.maximum(written, largest[enter].view(-1, folds).amax(1))
    factors = _factors(SIGNED, units * written, STREAM_HEADROOM)
    _scale_rows(enter, factors.repeat_interleave(folds))
    affine.knots.mul_(factors)
    for block in blocks:
        assert isinstance(block, ResidualBlock)
        block.depthwise.weight.div_(factors.view(-1, 1, 1, 1))
        _scale_rows(block.narrow, factors)
    for layer in leave:
        layer.weight.div_(factors.view(1, -1, 1, 1))


def _scale_rows(layer: ExactConv2d, factors: Tensor) -> None:
    layer.weight.mul_(factors.view(-1, 1, 1, 1))
    layer.bias.mul_(factors)
