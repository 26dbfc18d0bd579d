"""The training objective: rate of both latents + lambda * distortion, in one forward pass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.networks.fixed_point import LATENT, ste_round
from vlaecodec.networks.global_decoder import PIXEL_UNITS
from vlaecodec.networks.photo_vlae import PhotoVLAE
from vlaecodec.networks.prior import (
    PASSES,
    SCALE_INDEX,
    TOP,
    TOP_SCALE_INDEX,
    gather_pass,
    scatter_pass,
)
from vlaecodec.tables import SCALE_MIN, SCALE_RATIO, SCALES, TOP_SCALE_OCTAVE

LAMBDA_MIN = 0.0005
LAMBDA_MAX = 0.25
"""Bits per pixel per squared grey level, at quality 1 and at quality 100."""


COARSE_PX = 8
"""Errors of this size and up show as blocks in smooth areas long before they cost much PSNR."""


@dataclass
class Losses:
    """Per-image terms, each float [B]."""

    latent_bpp: Tensor
    top_bpp: Tensor
    mse: Tensor
    coarse_mse: Tensor
    """Of the picture averaged over COARSE_PX x COARSE_PX blocks."""
    pixel_bpp: Tensor | None = None
    """Of the pixels given the latents, from the local decoder."""

    @property
    def rate_bpp(self) -> Tensor:
        return self.latent_bpp + self.top_bpp


def rate_weight(quality: Tensor) -> Tensor:
    """lambda at quality positions [B] in [0, 1]: geometric, so that equal steps look equal."""
    return LAMBDA_MIN * (LAMBDA_MAX / LAMBDA_MIN) ** quality


def gaussian_bits(deviation: Tensor, scale: Tensor) -> Tensor:
    """-log2 of a Gaussian's mass on the unit interval around `deviation` from its mean."""
    magnitude = deviation.abs()
    root = scale * math.sqrt(2)
    mass = 0.5 * (torch.erf((magnitude + 0.5) / root) - torch.erf((magnitude - 0.5) / root))
    # Where erf saturates, the tail's logarithm keeps a useful gradient.
    tail = (magnitude / scale) ** 2 * (0.5 / math.log(2)) + torch.log2(scale) + 1.3
    return torch.where(mass > 1e-5, -torch.log2(mass.clamp_min(1e-5)), tail.clamp_min(16.6))


def scale_in_steps(index: Tensor, log_step: Tensor, *, quantised: bool) -> Tensor:
    """Scales, in quantisation steps, from predicted indices (SCALE_INDEX units)."""
    index = index / SCALE_INDEX.scale - log_step / math.log(SCALE_RATIO)
    if quantised:
        index = ste_round(index)
    return SCALE_MIN * torch.exp(index.clamp(0, SCALES - 1) * math.log(SCALE_RATIO))


def top_divergence_bits(mean: Tensor, scale_index: Tensor) -> tuple[Tensor, Tensor]:
    """KL(q(h | y1) || N(0, 1)) in bits per element, and the posterior's standard deviation."""
    mean = mean / TOP.scale
    scale = torch.exp2(scale_index / TOP_SCALE_INDEX.scale / TOP_SCALE_OCTAVE) / TOP.scale
    nats = 0.5 * (mean**2 + scale**2 - 1) - torch.log(scale)
    return nats / math.log(2), scale


def forward_losses(
    model: PhotoVLAE, image: Tensor, quality: Tensor, *, quantised: bool
) -> tuple[Losses, Tensor, Tensor]:
    """One pass over a batch. image: float [B, 3, H, W] in 0..255; quality: [B] in [0, 1].

    The decoder and the prior's contexts see rounded latents (straight-through), the rate is
    measured with uniform noise (Minnen and Singh, arXiv 2007.08739). The anchor is rounded to whole
    steps, later passes around their predicted mean. Returns the losses, the mean image, and the
    decoder's trunk, SIGNED, that the local decoder takes its features from.
    """
    pixels = image.shape[-1] * image.shape[-2]
    y = model.analysis(image, quality)
    step = model.step.step(quality)
    log_step = torch.log(step)

    def part(x: Tensor, number: int) -> Tensor:
        return gather_pass(x.expand_as(y), number)

    def to_latent(value: Tensor) -> Tensor:
        value = value * LATENT.scale
        return LATENT.clamp(ste_round(value) if quantised else value)

    target, part_step = part(y, 0), part(step, 0)
    anchor = to_latent(ste_round(target / part_step) * part_step)
    known = scatter_pass(anchor, 0)
    top_mean, top_scale_index = model.posterior(known, quality)
    if quantised:
        top_scale_index = ste_round(top_scale_index / 16) * 16
    top_bits, top_scale = top_divergence_bits(top_mean, top_scale_index)
    noise = torch.randn_like(top_scale) * top_scale * TOP.scale
    top = top_mean + noise
    top = TOP.clamp(ste_round(top) if quantised else top)
    height, width = y.shape[-2:]

    bits = torch.zeros_like(quality)
    for number in range(PASSES):
        if number == 0:
            mean, index = model.anchor_prior(top, quality, height, width)
        else:
            mean, index = model.pass_priors[number - 1](known, quality)
            target, part_step = part(y, number), part(step, number)
        scale = scale_in_steps(index, part(log_step, number), quantised=quantised)
        deviation = (target - mean / LATENT.scale) / part_step
        noisy = deviation + torch.rand_like(deviation) - 0.5
        bits = bits + gaussian_bits(noisy, scale).sum((1, 2, 3))
        if number > 0:
            value = to_latent(mean / LATENT.scale + ste_round(deviation) * part_step)
            known = known + scatter_pass(value, number)

    trunk = model.decoder.features(known, quality)
    mean_image = model.decoder.mean_image(trunk) / PIXEL_UNITS
    error = mean_image - image
    losses = Losses(
        latent_bpp=bits / pixels,
        top_bpp=top_bits.sum((1, 2, 3)) / pixels,
        mse=error.square().mean((1, 2, 3)),
        coarse_mse=F.avg_pool2d(error, COARSE_PX).square().mean((1, 2, 3)),
    )
    return losses, mean_image, trunk


def objective(losses: Losses, quality: Tensor, coarse_weight: float = 0.0) -> Tensor:
    """The scalar to minimise; each quality weighted by lambda**-0.5 so that none dominates.

    `coarse_weight` adds the error of block averages to the distortion, fully at the lowest quality
    and not at all at the highest. Validation leaves it out.
    """
    weight = rate_weight(quality)
    distortion = losses.mse + coarse_weight * (1 - quality) ** 2 * losses.coarse_mse
    cost = losses.rate_bpp + weight * distortion
    return (cost * (weight / LAMBDA_MAX) ** -0.5).mean()
