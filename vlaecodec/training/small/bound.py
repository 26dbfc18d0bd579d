"""The evidence lower bound of a small VLAE, and what training minimises."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vlaecodec.networks.common.fixed_point import ste_round
from vlaecodec.networks.common.formats import CODE_SCALE_INDEX, LATENT
from vlaecodec.networks.small.posterior import code_deviation, network_image
from vlaecodec.networks.small.small_vlae import SmallVLAE

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


@dataclass
class Draw:
    """A latent drawn for each image, with its densities."""

    z: Tensor
    """LATENT [B, C, side, side]."""
    log_q: Tensor
    """log q(z | x) of each element, nats per unit of value; float, of z's shape."""
    log_p: Tensor
    """log p(z), likewise."""
    mean_log_q: Tensor
    """The expectation of log_q: less noisy to train on."""


def draw_latent(model: SmallVLAE, image: Tensor) -> Draw:
    """z ~ q(z | x), differentiably. image: [B, colours, H, W] of 0 and 1, or of 0..255."""
    mean, scale_index = model.posterior(network_image(image))
    if model.posterior.quantised:
        scale_index = ste_round(scale_index / CODE_SCALE_INDEX.scale) * CODE_SCALE_INDEX.scale
    deviation = code_deviation(scale_index)
    noise = torch.randn_like(deviation)
    z = mean.float() + deviation * noise
    if model.posterior.quantised:
        z = ste_round(z)
    log_deviation = torch.log(deviation / LATENT.scale)
    log_q = -0.5 * noise**2 - log_deviation - _HALF_LOG_TAU
    mean_log_q = -0.5 - log_deviation - _HALF_LOG_TAU
    if model.posterior_flow is not None:
        z = model.posterior_flow.invert(z, mean)
    z = LATENT.clamp(z)
    eps = z if model.prior is None else model.prior.invert(z)
    log_p = -0.5 * (eps / LATENT.scale) ** 2 - _HALF_LOG_TAU
    return Draw(z, log_q, log_p, mean_log_q)


def reconstruction_nats(
    model: SmallVLAE, image: Tensor, features: Tensor, sample: float = 1.0
) -> Tensor:
    """-log p(x | z) of whole images, float [B]; features: SIGNED [B, H, W, F].

    sample: estimate it from this part of the pixels, drawn at random.
    """
    pixels = image[0, 0].numel()
    count = round(sample * pixels)
    places = torch.randperm(pixels, device=image.device)[:count] if count < pixels else None
    nats: Tensor = model.decoder.nats(image, features, places)
    return nats.mean(1) * pixels


@dataclass
class Bound:
    """The two parts of the negative ELBO, nats."""

    reconstruction: Tensor
    """Float [B]."""
    divergence: Tensor
    """log q(z | x) - log p(z) of each element, [B, C, side, side]; its mean is the KL."""

    @property
    def total(self) -> Tensor:
        """Float [B]."""
        return self.reconstruction + self.divergence.flatten(1).sum(1)


def measure_bound(model: SmallVLAE, image: Tensor, sample: float = 1.0) -> Bound:
    """One draw of the bound for each image; `sample` as in reconstruction_nats."""
    if not model.preset.conditional:
        features = model.decoder.latent_features(
            torch.zeros(len(image), *_latent_shape(model), device=image.device)
        )
        nothing = torch.zeros(len(image), *_latent_shape(model), device=image.device)
        return Bound(reconstruction_nats(model, image, features, sample), nothing)
    draw = draw_latent(model, image)
    features = model.decoder.latent_features(draw.z)
    return Bound(reconstruction_nats(model, image, features, sample), draw.mean_log_q - draw.log_p)


def objective(bound: Bound, free_nats: float, divergence_weight: float = 1.0) -> Tensor:
    """The scalar to minimise, nats an image; free bits as in arXiv 1606.04934, section 6."""
    divergence = bound.divergence.mean(0).clamp_min(free_nats).sum()
    return bound.reconstruction.mean() + divergence_weight * divergence


def _latent_shape(model: SmallVLAE) -> tuple[int, int, int]:
    preset = model.preset
    return preset.latent_channels, preset.latent_px, preset.latent_px
