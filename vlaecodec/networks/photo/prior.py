"""The autoregressive prior over the latents: p(h), q(h | y1), p(y1 | h), p(y2 | y1).

y [B, C, H, W] is coded in four passes. Pass k codes, at a position with parity p = 2 (row % 2) +
column % 2, the quarter of the channels whose index is p xor ORDER[k]: every pass covers every
position, and after each pass every position knows something. The first pass is the anchor y1, the
only part that depends on the top latent h; the other three are y2. So the decoder knows all that
q(h | y1) needs before it decodes y2, which is what bits-back coding of h asks for.

Four passes of wide parallel work replace the serial raster scan of a PixelCNN prior; the
factorisation is still autoregressive (VLAE, arXiv 1611.02731, section 3.2; the partition into
passes: arXiv 2302.14402).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.networks.common.blocks import Downsample, Head, Upsample, residual_blocks
from vlaecodec.networks.common.fixed_point import ExactConv2d
from vlaecodec.networks.common.formats import LATENT, SCALE_INDEX, STREAM, TOP, TOP_SCALE_INDEX
from vlaecodec.networks.common.quality import QualityAffine
from vlaecodec.networks.photo.architecture import ORDER, TOP_FACTOR, Architecture

_INITIAL_SCALE = 21.0
_INITIAL_TOP_SCALE = 10.0


def pass_mask(number: int, height: int, width: int, device: torch.device) -> Tensor:
    """Which channel quarter pass `number` codes where: float [4, 1, height, width] of 0 and 1."""
    rows, columns = (torch.arange(n, device=device) % 2 for n in (height, width))
    parity = 2 * rows[:, None] + columns[None, :]
    quarter = torch.arange(4, device=device)[:, None, None]
    return (quarter == (parity ^ ORDER[number])).float().unsqueeze(1)


def gather_pass(x: Tensor, number: int) -> Tensor:
    """The part of x [B, C, H, W] that pass `number` codes: [B, C/4, H, W]."""
    batch, channels, height, width = x.shape
    quarters = x.reshape(batch, 4, channels // 4, height, width)
    return (quarters * pass_mask(number, height, width, x.device).to(x.dtype)).sum(1)


def scatter_pass(part: Tensor, number: int) -> Tensor:
    """Put a part [B, C/4, H, W] back in its place, zeros elsewhere: [B, C, H, W]."""
    batch, channels, height, width = part.shape
    mask = pass_mask(number, height, width, part.device).to(part.dtype)
    return (part.unsqueeze(1) * mask).reshape(batch, 4 * channels, height, width)


class TopPosterior(nn.Module):
    """q(h | y1): a Gaussian for each element of the top latent, on the grid of h."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        width = arch.prior_channels
        self.enter = ExactConv2d(arch.latent_channels, width, LATENT, STREAM)
        self.bias = QualityAffine(width)
        self.trunk = nn.Sequential(
            residual_blocks(width, 1),
            Downsample(width, width),
            residual_blocks(width, 1),
            Downsample(width, width),
            residual_blocks(width, 1),
        )
        self.head = Head(width, arch.top_channels, (TOP, TOP_SCALE_INDEX))
        self.head.start_at(1, _INITIAL_TOP_SCALE)

    def forward(self, anchor: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """anchor: LATENT [B, C, H, W], zero outside the first pass.

        Returns the mean (TOP units) and the scale index (TOP_SCALE_INDEX units), both
        [B, top, ceil(H / 4), ceil(W / 4)].
        """
        height, width = anchor.shape[-2:]
        padded = F.pad(anchor, (0, -width % TOP_FACTOR, 0, -height % TOP_FACTOR))
        mean, scale = self.head(self.trunk(self.bias(self.enter(padded), quality)))
        return mean, scale


class AnchorPrior(nn.Module):
    """p(y1 | h)."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        width = arch.prior_channels
        self.enter = ExactConv2d(arch.top_channels, width, TOP, STREAM)
        self.bias = QualityAffine(width)
        self.trunk = nn.Sequential(
            residual_blocks(width, 1),
            Upsample(width, width),
            residual_blocks(width, 1),
            Upsample(width, width),
            residual_blocks(width, 1),
        )
        self.head = Head(width, arch.latent_channels, (LATENT, SCALE_INDEX))
        self.head.start_at(1, _INITIAL_SCALE)

    def forward(
        self, top: Tensor, quality: Tensor, height: int, width: int
    ) -> tuple[Tensor, Tensor]:
        """top: TOP [B, top, ceil(height / 4), ceil(width / 4)].

        Returns the mean (LATENT units) and scale index (SCALE_INDEX units) of the first pass,
        [B, C/4, height, width].
        """
        stream = self.trunk(self.bias(self.enter(top), quality))[..., :height, :width]
        mean, scale = (gather_pass(x, 0) for x in self.head(stream))
        return mean, scale


class PassPrior(nn.Module):
    """p(pass k of y | the passes before), k = 1..3."""

    def __init__(self, arch: Architecture, number: int) -> None:
        super().__init__()
        self.number = number
        self.enter = ExactConv2d(arch.latent_channels, arch.prior_channels, LATENT, STREAM)
        self.bias = QualityAffine(arch.prior_channels)
        self.trunk = residual_blocks(arch.prior_channels, arch.prior_blocks)
        self.head = Head(arch.prior_channels, arch.latent_channels, (LATENT, SCALE_INDEX))
        self.head.start_at(1, _INITIAL_SCALE)

    def forward(self, decoded: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """decoded: LATENT [B, C, H, W], zero where not yet coded.

        Returns the mean (LATENT units) and scale index (SCALE_INDEX units), [B, C/4, H, W].
        """
        stream = self.trunk(self.bias(self.enter(decoded), quality))
        mean, scale = (gather_pass(x, self.number) for x in self.head(stream))
        return mean, scale
