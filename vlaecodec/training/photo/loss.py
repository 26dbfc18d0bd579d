"""The training objective: rate of both latents + lambda * distortion, in one forward pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.networks.common.constants import constant
from vlaecodec.networks.common.formats import PIXEL_UNITS
from vlaecodec.networks.common.ms_ssim import MS_SSIM_GAIN
from vlaecodec.networks.common.ssimulacra2 import SSIMULACRA2_GAIN
from vlaecodec.networks.photo.architecture import LAMBDA_MAX
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.networks.photo.rate_distortion import (
    Rounding,
    add_noise,
    code_latent,
    rate_weight,
)

LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601)."""

SEAM_PX = 8
"""The decoder's last layer makes blocks of this side."""

SEAM_FLOOR = 1.0
"""Squared grey levels: noise that hides a step of one level."""

STEP_FLOOR = 1e-3
"""Of weighted squared steps; keeps the root's gradient finite where all are 0."""

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
    ms_ssim_loss: Tensor | None = None
    """1 - MS-SSIM, when it is part of the objective."""
    ssimulacra2_error: Tensor | None = None
    """Likewise."""
    step_error: Tensor | None = None
    """See `step_errors`, likewise."""
    step_spread: Tensor | None = None
    """How unlike steps are from phase to phase, likewise."""

    @property
    def rate_bpp(self) -> Tensor:
        return self.latent_bpp + self.top_bpp


def forward_losses(
    model: GlobalNetworks,
    image: Tensor,
    quality: Tensor,
    rounding: Rounding = add_noise,
    *,
    quantised: bool,
) -> tuple[Losses, Tensor]:
    """One pass over a batch. image: float [B, 3, H, W] in 0..255; quality: [B] in [0, 1].

    Returns the losses and the mean image.
    """
    pixels = image.shape[-1] * image.shape[-2]
    y = model.analysis(image, quality)
    coded = code_latent(model, y, quality, rounding, quantised=quantised)
    mean_image = model.decoder(coded.known, quality) / PIXEL_UNITS
    error = mean_image - image
    losses = Losses(
        latent_bpp=coded.latent_bits / pixels,
        top_bpp=coded.top_bits / pixels,
        mse=error.square().mean((1, 2, 3)),
        coarse_mse=F.avg_pool2d(error, COARSE_PX).square().mean((1, 2, 3)),
    )
    return losses, mean_image


def step_errors(decoded: Tensor, original: Tensor) -> tuple[Tensor, Tensor]:
    """How wrong steps between neighbouring pixels are, and how unlike from phase to phase.

    Both float [B, 3, H, W] in grey levels, H and W multiples of SEAM_PX. Each step of luma counts
    in inverse proportion to how busy the original is around it: a grid shows where nothing else
    does. Two float [B]: mean squared errors; and the variance of the decoded steps' size over the
    SEAM_PX phases of rows and columns, relative to its mean, which is 0 where there is no grid.
    """
    with torch.autocast(decoded.device.type, enabled=False):
        weights = constant(LUMA, decoded.device).view(3, 1, 1)
        error, spread = (torch.zeros(len(decoded), device=decoded.device) for _ in range(2))
        for turned in (False, True):
            x, y = ((p.float() * weights).sum(1) for p in (decoded, original))
            if turned:
                x, y = x.mT, y.mT
            shown, wanted = (p[..., 1:] - p[..., :-1] for p in (x, y))
            busy = F.avg_pool2d(wanted.square().unsqueeze(1), 2 * SEAM_PX - 1, 1, SEAM_PX - 1)
            weight = 1 / (SEAM_FLOOR + busy.squeeze(1))
            error = error + ((shown - wanted).square() * weight).mean((1, 2))
            energy, share = (_sum_phases(v) for v in (shown.square() * weight, weight))
            size = torch.sqrt(energy / share + STEP_FLOOR)
            spread = spread + (size / size.mean(1, keepdim=True) - 1).square().mean(1)
        return error, spread / 2


def _sum_phases(steps: Tensor) -> Tensor:
    """[B, H, W - 1] summed over rows and over columns SEAM_PX apart: [B, SEAM_PX]."""
    padded = F.pad(steps, (0, 1))
    return padded.unflatten(-1, (-1, SEAM_PX)).sum((1, 2))


@dataclass(frozen=True)
class Weights:
    """What the distortion of an objective is made of; squared error alone by default."""

    coarse: float = 0.0
    """Of the error of block averages, fully at the lowest quality and not at all at the highest."""
    ms_ssim_part: float = 0.0
    """The part, 0 to 1, that is 1 - MS-SSIM instead."""
    ssimulacra2_part: float = 0.0
    """The part that is SSIMULACRA2's error instead."""
    seam: float = 0.0
    """Of the error of steps, added to all that."""
    stretch: float = 1.0
    """See rate_weight."""


def objective(losses: Losses, quality: Tensor, weights: Weights = Weights()) -> Tensor:
    """The scalar to minimise; each quality weighted by lambda**-0.5 so that none dominates."""
    weight = rate_weight(quality, weights.stretch)
    distortion = losses.mse + weights.coarse * (1 - quality) ** 2 * losses.coarse_mse
    distortion = (1 - weights.ms_ssim_part - weights.ssimulacra2_part) * distortion
    if losses.ms_ssim_loss is not None:
        distortion = distortion + weights.ms_ssim_part * MS_SSIM_GAIN * losses.ms_ssim_loss
    if losses.ssimulacra2_error is not None:
        error = SSIMULACRA2_GAIN * losses.ssimulacra2_error
        distortion = distortion + weights.ssimulacra2_part * error
    if losses.step_error is not None and losses.step_spread is not None:
        unlike = distortion.detach() * losses.step_spread
        distortion = distortion + weights.seam * losses.step_error + unlike
    cost = losses.rate_bpp + weight * distortion
    return (cost * (weight / LAMBDA_MAX) ** -0.5).mean()
