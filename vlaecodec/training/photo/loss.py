"""The training objective: rate of both latents + lambda * distortion, in one forward pass."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor
from torch.nn import functional as F

from vlaecodec.networks.common.ms_ssim import MS_SSIM_GAIN
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.networks.photo.rate_distortion import (
    LAMBDA_MAX,
    add_noise,
    code_latent,
    rate_weight,
)
from vlaecodec.networks.photo.synthesis import PIXEL_UNITS

COARSE_PX = 8
"""Errors of this size and up show as blocks in smooth areas long before they cost much PSNR."""


@dataclass
class Losses:
    """Per-image terms, each float [B] but for the last."""

    latent_bpp: Tensor
    top_bpp: Tensor
    mse: Tensor
    coarse_mse: Tensor
    """Of the picture averaged over COARSE_PX x COARSE_PX blocks."""
    ms_ssim_loss: Tensor | None = None
    """1 - MS-SSIM, when it is part of the objective."""
    pixel_bpp: dict[str, Tensor] = field(default_factory=dict)
    """Of the pixels given the latents, the mean of each local decoder's crops: scalars."""

    @property
    def rate_bpp(self) -> Tensor:
        return self.latent_bpp + self.top_bpp


def forward_losses(
    model: PhotoVLAE, image: Tensor, quality: Tensor, *, quantised: bool
) -> tuple[Losses, Tensor, Tensor]:
    """One pass over a batch. image: float [B, 3, H, W] in 0..255; quality: [B] in [0, 1].

    Returns the losses, the mean image, and the decoder's trunk, SIGNED, that the local decoder
    takes its features from.
    """
    pixels = image.shape[-1] * image.shape[-2]
    y = model.analysis(image, quality)
    coded = code_latent(model, y, quality, add_noise, quantised=quantised)
    trunk = model.decoder.features(coded.known, quality)
    mean_image = model.decoder.mean_image(trunk) / PIXEL_UNITS
    error = mean_image - image
    losses = Losses(
        latent_bpp=coded.latent_bits / pixels,
        top_bpp=coded.top_bits / pixels,
        mse=error.square().mean((1, 2, 3)),
        coarse_mse=F.avg_pool2d(error, COARSE_PX).square().mean((1, 2, 3)),
    )
    return losses, mean_image, trunk


def objective(
    losses: Losses, quality: Tensor, coarse_weight: float = 0.0, ms_ssim_part: float = 0.0
) -> Tensor:
    """The scalar to minimise; each quality weighted by lambda**-0.5 so that none dominates.

    `coarse_weight` adds the error of block averages to the distortion, fully at the lowest quality
    and not at all at the highest. `ms_ssim_part`, 0 to 1, of the distortion is 1 - MS-SSIM instead.
    Validation leaves both out.
    """
    weight = rate_weight(quality)
    distortion = losses.mse + coarse_weight * (1 - quality) ** 2 * losses.coarse_mse
    if losses.ms_ssim_loss is not None:
        structural = MS_SSIM_GAIN * losses.ms_ssim_loss
        distortion = (1 - ms_ssim_part) * distortion + ms_ssim_part * structural
    cost = losses.rate_bpp + weight * distortion
    return (cost * (weight / LAMBDA_MAX) ** -0.5).mean()
