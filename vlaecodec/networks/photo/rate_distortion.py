"""Rate and distortion of a latent, differentiable: what training and search minimise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vlaecodec.entropy.scales import SCALE_MIN, SCALE_RATIO, SCALES, TOP_SCALE_OCTAVE
from vlaecodec.networks.common.fixed_point import ste_round
from vlaecodec.networks.common.formats import LATENT, SCALE_INDEX, TOP, TOP_SCALE_INDEX
from vlaecodec.networks.common.quality import KNOTS
from vlaecodec.networks.photo.architecture import LAMBDA_MAX, LAMBDA_MIN, PASSES
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.networks.photo.prior import gather_pass, scatter_pass

STRETCH_END = 1 / (KNOTS - 1)
"""Below this quality position lambda falls faster, where the architecture says so."""

Rounding = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From latents in quantisation steps to what the decoder sees and what the rate is measured at."""


@dataclass
class CodedLatent:
    """A latent as the decoder sees it, and its cost."""

    known: Tensor
    """LATENT [B, C, rows, columns]."""
    latent_bits: Tensor
    """Float [B]."""
    top_bits: Tensor
    """Float [B], net of what bits-back coding returns."""


def rate_weight(quality: Tensor, stretch: float = 1.0) -> Tensor:
    """lambda at quality positions [B] in [0, 1]: geometric, so that equal steps look equal.

    stretch: by what it is divided at position 0, less and less up to STRETCH_END.
    """
    part = (1 - quality / STRETCH_END).clamp_min(0)
    return LAMBDA_MIN * (LAMBDA_MAX / LAMBDA_MIN) ** quality * stretch**-part


def add_noise(x: Tensor) -> tuple[Tensor, Tensor]:
    """The rounding of training: the decoder sees rounded latents (straight-through), the rate is
    measured with uniform noise (Minnen and Singh, arXiv 2007.08739)."""
    return ste_round(x), x + torch.rand_like(x) - 0.5


def round_latents(x: Tensor) -> tuple[Tensor, Tensor]:
    """The rounding of the codec itself: the rate is that of the rounded latents."""
    rounded = ste_round(x)
    return rounded, rounded


def code_latent(
    model: GlobalNetworks, y: Tensor, quality: Tensor, rounding: Rounding, *, quantised: bool
) -> CodedLatent:
    """Quantise y [B, C, rows, columns], in units of value, at quality positions [B] in [0, 1].

    The anchor is rounded to whole steps, later passes around their predicted mean.
    """
    step = model.step.step(quality)
    log_step = torch.log(step)

    def part(x: Tensor, number: int) -> Tensor:
        return gather_pass(x.expand_as(y), number)

    def to_latent(value: Tensor) -> Tensor:
        value = value * LATENT.scale
        return LATENT.clamp(ste_round(value) if quantised else value)

    part_step = part(step, 0)
    seen, measured = rounding(part(y, 0) / part_step)
    decoded = scatter_pass(to_latent(seen * part_step), 0)
    top, top_bits = _draw_top(model, decoded, quality, quantised=quantised)
    rows, columns = y.shape[-2:]

    bits = torch.zeros_like(quality)
    for number in range(PASSES):
        if number == 0:
            mean, index = model.anchor_prior(top, quality, rows, columns)
            deviation = measured - mean / LATENT.scale / part_step
        else:
            mean, index = model.pass_priors[number - 1](decoded, quality)
            part_step = part(step, number)
            seen, deviation = rounding((part(y, number) - mean / LATENT.scale) / part_step)
            value = to_latent(mean / LATENT.scale + seen * part_step)
            decoded = decoded + scatter_pass(value, number)
        scale = scale_in_steps(index, part(log_step, number), quantised=quantised)
        bits = bits + gaussian_bits(deviation, scale).sum((1, 2, 3))
    return CodedLatent(decoded, bits, top_bits)


def _draw_top(
    model: GlobalNetworks, anchor: Tensor, quality: Tensor, *, quantised: bool
) -> tuple[Tensor, Tensor]:
    """h ~ q(h | y1), and its net cost in bits [B]."""
    mean, scale_index = model.posterior(anchor, quality)
    if quantised:
        scale_index = ste_round(scale_index / 16) * 16
    bits, scale = top_divergence_bits(mean, scale_index)
    top = mean + torch.randn_like(scale) * scale * TOP.scale
    return TOP.clamp(ste_round(top) if quantised else top), bits.sum((1, 2, 3))


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
