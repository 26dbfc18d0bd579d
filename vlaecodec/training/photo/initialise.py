"""Start a photo model as a linear transform coder, which training then bends into a better one.

The analysis network begins as a Karhunen-Loeve transform of 16 x 16 pixel blocks, in two stages
that match its layers; the decoder begins as the inverse; residual blocks begin as the identity.
From random weights the first hours of a CPU would go into finding something like it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.bitstream.tiles import FOLD, LATENT_FACTOR
from vlaecodec.entropy.scales import SCALE_MIN, SCALE_RATIO
from vlaecodec.networks.common.blocks import ResidualBlock
from vlaecodec.networks.common.fixed_point import ExactConv2d
from vlaecodec.networks.common.quality import KNOTS
from vlaecodec.networks.photo.analysis import FloatBlock
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.networks.photo.prior import AnchorPrior, PassPrior
from vlaecodec.networks.photo.rate_distortion import rate_weight
from vlaecodec.training.photo.data import Photo

_SMALL = 0.05
_SAMPLES = 60_000
_HEADROOM = 1.6


@torch.no_grad()
def initialise_as_transform(model: GlobalNetworks, photos: list[Photo], seed: int) -> None:
    """Set the linear layers of `model` from the statistics of `photos`."""
    arch = model.arch
    blocks = _sample_blocks(photos, LATENT_FACTOR, seed)
    eighths = F.pixel_unshuffle(blocks, FOLD)
    first, first_scale = _principal(eighths, arch.eighth_channels)
    coefficients = torch.einsum("ck,bkyx->bcyx", first, eighths)
    second, second_scale = _principal(F.pixel_unshuffle(coefficients, 2), arch.latent_channels)
    order = _interleave(arch.latent_channels)
    second, second_scale = second[order], second_scale[order]

    unscale = first_scale.repeat_interleave(4)
    _set(model.analysis.enter, first / first_scale[:, None])
    _set(model.analysis.down, second * unscale / second_scale[:, None])
    _set(model.analysis.leave, torch.eye(arch.latent_channels))
    _set(model.decoder.enter, torch.eye(arch.latent_channels))
    _set(model.decoder.up.mix, (second / unscale * second_scale[:, None]).T)
    mid_grey = model.decoder.leave.bias.clone()
    _set(model.decoder.leave, (first * first_scale[:, None]).T)
    model.decoder.leave.bias.copy_(mid_grey)

    for module in model.modules():
        if isinstance(module, ResidualBlock | FloatBlock):
            _set(module.narrow, torch.zeros_like(module.narrow.weight[:, :, 0, 0]))
    # A uniform quantiser's error step**2 / 12 balances lambda at 2.16 / lambda grey levels squared.
    step = 5.1 / rate_weight(torch.linspace(0, 1, KNOTS)).sqrt() / 64
    model.step.log_step.copy_((step[:, None] / second_scale[None, :]).log())
    for prior in model.modules():
        if isinstance(prior, AnchorPrior | PassPrior):
            # A channel that is divided by s = c * std**0.5 keeps the deviation s / c**2.
            index = torch.log(second_scale / _HEADROOM**2 / SCALE_MIN) / math.log(SCALE_RATIO)
            prior.head.scale_weights(_SMALL)
            prior.head.start_at(1, index)


def _sample_blocks(photos: list[Photo], size: int, seed: int) -> Tensor:
    """Random blocks, float [N, 3, size, size], as the analysis network sees them."""
    rng = np.random.default_rng(seed)
    blocks = []
    for index in rng.integers(len(photos), size=_SAMPLES):
        photo: NDArray[np.uint8] = photos[index]
        top = rng.integers(photo.shape[0] - size + 1)
        left = rng.integers(photo.shape[1] - size + 1)
        blocks.append(photo[top : top + size, left : left + size].transpose(2, 0, 1))
    return (torch.from_numpy(np.stack(blocks)).float() - 128) / 64


def _principal(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The strongest directions of x [N, K, H, W] over K, and the scales to divide them by.

    Returns [count, K] orthonormal rows and [count]. Scales grow with the square root of a channel's
    deviation, so that neither the strongest nor the weakest channel leaves the range in which
    fixed-point numbers are fine enough; _HEADROOM keeps white and black areas off the clamps.
    """
    samples = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).double()
    values, vectors = torch.linalg.eigh(samples.T @ samples / len(samples))
    values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
    return vectors.T.float(), _HEADROOM * values.clamp_min(1e-6).sqrt().sqrt().float()


def _interleave(channels: int) -> Tensor:
    """An order that deals channels out to the four quarters in turn, strongest first."""
    return torch.arange(channels).reshape(-1, 4).T.reshape(-1)


def _set(layer: nn.Conv2d | ExactConv2d, weight: Tensor) -> None:
    """Give a layer this matrix at its middle tap; what it leaves out keeps small random values."""
    rows, columns = weight.shape
    layer.weight.mul_(_SMALL)
    middle = layer.weight.shape[-1] // 2
    layer.weight[:rows, :columns, middle, middle] = weight
    if layer.bias is not None:
        layer.bias.zero_()
