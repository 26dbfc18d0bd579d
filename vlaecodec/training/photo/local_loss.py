"""The local decoders' objective: bits of the pixels given the latent, in two kinds of context."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
from vlaecodec.networks.common.constants import constant
from vlaecodec.networks.photo.distribution import STEP_CONDITIONS
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.networks.photo.subgrids import SubGrid
from vlaecodec.training.photo.latent_cache import Crops

CORRUPTION_GREY = 10.0
"""Contexts for drawing are corrupted with Gaussian noise of a deviation up to this."""

OUTLIERS = 0.03
"""Part of the pixels of corrupted contexts that are off by anything."""

OUTLIER_GREY = 40.0

NEAR_LOSSLESS = 0.25
"""Part of the exact contexts that are near-lossless."""


@dataclass
class Contexts:
    """What a local decoder is trained on: residuals in grey levels, colours in coding order.

    All are bordered as the crops are: [B, H + 2 border, W + 2 border, 3].
    """

    shown: Tensor
    """What neighbours show; 0 outside the photo."""
    target: Tensor
    """What is to be coded, on the grid of `step`."""
    step: Tensor
    """Grey levels from one codable residual to the next, float [B, 1, 1, 1]."""
    condition: Tensor
    """How coarse that is, GREY [B]."""


def exact_contexts(crops: Crops, near_lossless: float = NEAR_LOSSLESS) -> Contexts:
    """Contexts as lossless or, so often, near-lossless coding has them: the pixels themselves."""
    residual = crops.pixels - crops.mean
    batch, device = len(residual), residual.device
    max_error = torch.floor(torch.rand(batch, device=device) ** 2 * (MAX_ERROR + 1))
    max_error = max_error * (torch.rand(batch, device=device) < near_lossless)
    step = (2 * max_error + 1)[:, None, None, None]
    target = torch.floor(residual / step + 0.5) * step
    shown = ((crops.mean + target).clamp(0, 255) - crops.mean) * crops.inside
    conditions = constant(tuple(STEP_CONDITIONS), device)
    return Contexts(shown, target, step, conditions[max_error.long()])


def drawing_contexts(crops: Crops, corruption: float = 1.0) -> Contexts:
    """Corrupted contexts; `corruption`, 0 to 1, is how much at most.

    A drawing decoder sees its own draws, unlike any photo; without corrupted contexts in training
    one odd pixel makes the next odder and the texture explodes.
    """
    residual = crops.pixels - crops.mean
    step = torch.ones_like(residual[:, :1, :1, :1])
    level = corruption * CORRUPTION_GREY * torch.rand_like(step) ** 1.5
    outlier = torch.rand_like(residual[..., :1]) < corruption * OUTLIERS * torch.rand_like(step)
    noise = torch.randn_like(residual) * torch.where(outlier, OUTLIER_GREY, level)
    shown = (residual + torch.floor(noise + 0.5)).clamp(-255, 255) * crops.inside
    return Contexts(shown, residual, step, torch.zeros_like(step[:, 0, 0, 0]))


def local_bits(
    local: LocalDecoder, crops: Crops, contexts: Contexts
) -> Iterator[tuple[SubGrid, Tensor]]:
    """Bits of each sample, sub-grid by sub-grid: float [B, rows, columns, 3 colours].

    The crops' border is the decoder's reach.
    """
    inner = slice(local.reach, -local.reach)
    target = contexts.target[:, inner, inner]
    outputs = local(crops.trunk, crops.mean, contexts.shown, target, contexts.condition)
    for grid, predicted in outputs:
        coded = target[(slice(None), *grid.places)]
        yield grid, residual_bits(predicted.float(), coded, contexts.step)


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
