"""The local decoders' objective: bits of the pixels given the latent, in two kinds of context."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vlaecodec.bitstream.header import MAX_ERROR
from vlaecodec.entropy.scales import (
    MEAN_UNITS,
    RESIDUAL_INDICES,
    SCALE_UNITS,
    TAIL_LEVELS,
    TAIL_RATIO,
    TAIL_UNITS,
    residual_scale,
    tail_logit,
)
from vlaecodec.networks.common.formats import SIGNED
from vlaecodec.networks.common.gather import gather_windows
from vlaecodec.networks.photo.distribution import COLOURS, RESIDUAL_UNITS, STEP_CONDITIONS
from vlaecodec.networks.photo.local_decoder import LocalDecoder

CORRUPTION_GREY = 10.0
"""Contexts for drawing are corrupted with Gaussian noise of a deviation up to this."""

OUTLIERS = 0.03
"""Part of the pixels of corrupted contexts that are off by anything."""

OUTLIER_GREY = 40.0

NEAR_LOSSLESS = 0.4
"""Part of the exact contexts that are near-lossless."""


@dataclass
class Contexts:
    """What the local decoder is trained on: residuals in grey levels, colours in coding order."""

    context: Tensor
    """What windows are taken from, float [B, H, W, 3]."""
    target: Tensor
    """What is to be coded, on the grid of `step`, float [B, H, W, 3]."""
    step: Tensor
    """Grey levels from one codable residual to the next, float [B, 1, 1, 1]."""
    conditions: Tensor
    """The constant inputs, SIGNED [B, CONDITIONS]."""


def _conditions(robust: Tensor, max_error: Tensor) -> Tensor:
    """The constant inputs of each image, SIGNED [B, CONDITIONS]; see local_conditions."""
    steps = torch.tensor(STEP_CONDITIONS, device=robust.device)[max_error.long()]
    return torch.stack([robust * SIGNED.scale, steps.float()], dim=1)


def exact_contexts(residual: Tensor, near_lossless: float = NEAR_LOSSLESS) -> Contexts:
    """Contexts as lossless or, so often, near-lossless coding has them: the pixels themselves."""
    batch, device = len(residual), residual.device
    max_error = torch.floor(torch.rand(batch, device=device) ** 2 * (MAX_ERROR + 1))
    max_error = max_error * (torch.rand(batch, device=device) < near_lossless)
    step = (2 * max_error + 1)[:, None, None, None]
    target = (torch.floor(residual / step + 0.5) * step).clamp(-255, 255)
    return Contexts(target, target, step, _conditions(torch.zeros_like(max_error), max_error))


def drawing_contexts(residual: Tensor, corruption: float = 1.0) -> Contexts:
    """Corrupted contexts; `corruption`, 0 to 1, is how much at most.

    A drawing decoder sees its own draws, unlike any photo; without corrupted contexts in training
    one odd pixel makes the next odder and the texture explodes.
    """
    one = torch.ones(len(residual), device=residual.device)
    step = one[:, None, None, None]
    level = corruption * CORRUPTION_GREY * torch.rand_like(step) ** 1.5
    outlier = torch.rand_like(residual[..., :1]) < corruption * OUTLIERS * torch.rand_like(step)
    noise = torch.randn_like(residual) * torch.where(outlier, OUTLIER_GREY, level)
    context = (residual + torch.floor(noise + 0.5)).clamp(-255, 255)
    return Contexts(context, residual, step, _conditions(one, 0 * one))


def split_image(image: Tensor, mean_image: Tensor) -> tuple[Tensor, Tensor]:
    """The residual to the mean image, and that in whole grey levels: [B, H, W, 3] by COLOURS.

    Both inputs are float [B, 3, H, W] in grey levels.
    """
    whole = torch.floor(mean_image.detach().float() + 0.5).clamp(0, 255)
    residual, mean = (x.permute(0, 2, 3, 1)[..., COLOURS] for x in (image - whole, whole))
    return residual, mean


def local_bits(
    local: LocalDecoder,
    trunk: Tensor,
    mean: Tensor,
    contexts: Contexts,
    sample: int | None = None,
) -> Tensor:
    """Bits of each pixel's three targets, float [B, pixels].

    trunk: SIGNED. mean: whole grey levels [B, H, W, 3] by COLOURS. `sample`: how many pixels to
    draw at random from each image, by default all.
    """

    def rows(x: Tensor) -> Tensor:
        """[B, pixels, channels] of the pixels that count."""
        x = x.flatten(1, 2)
        return x if places is None else x[:, places]

    pixels = contexts.target[0, ..., 0].numel()
    places = None if sample is None else torch.randperm(pixels, device=trunk.device)[:sample]
    features = rows(local.features(trunk))
    # One type for all that is joined: residuals times a power of two are exact even in bfloat16.
    context = (contexts.context * RESIDUAL_UNITS).to(features.dtype)
    contrasts = rows(local.contrasts(mean.to(features.dtype)))
    target = rows(contexts.target)
    known = (target[..., :2] * RESIDUAL_UNITS).to(features.dtype)
    conditions = contexts.conditions.to(features.dtype)[:, None].expand(-1, target.shape[1], -1)
    windows = rows(gather_windows(local.window, context))
    outputs = local(windows, contrasts, features, conditions, known).float()
    return residual_bits(outputs, target, contexts.step[:, :, 0]).sum(-1)


def residual_bits(outputs: Tensor, residual: Tensor, step: Tensor) -> Tensor:
    """-log2 of the probability of residuals [..., 3] on a grid of `step` grey levels.

    outputs: DISTRIBUTION [..., 3 colours, 3 outputs].
    """
    mean, index, tail = outputs.unbind(-1)
    scale = residual_scale((index / SCALE_UNITS).clamp(0, RESIDUAL_INDICES - 1)) / step
    logit = tail_logit((tail / TAIL_UNITS).clamp(0, TAIL_LEVELS - 1))
    deviation = (residual - mean / MEAN_UNITS) / step
    narrow = _log_logistic_mass(deviation, scale) + torch.nn.functional.logsigmoid(-logit)
    wide = _log_logistic_mass(deviation, scale * TAIL_RATIO) + torch.nn.functional.logsigmoid(logit)
    return -torch.logaddexp(narrow, wide) / math.log(2)


def _log_logistic_mass(deviation: Tensor, scale: Tensor) -> Tensor:
    """log of a logistic's mass on the unit interval around `deviation` from its mean.

    sinh(h) / (cosh(a) + cosh(h)) with a = deviation / scale, h = 1 / (2 scale), without overflow.
    """
    a, h = deviation.abs() / scale, 0.5 / scale
    top = torch.maximum(a, h)
    total = (a - top).exp() + (-a - top).exp() + (h - top).exp() + (-h - top).exp()
    return h + torch.log1p(-torch.exp(-2 * h)) - top - torch.log(total)
