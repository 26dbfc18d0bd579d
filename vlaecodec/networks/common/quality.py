"""Tensors that depend on quality: how one set of weights serves every rate (arXiv 2003.02012).

Training passes quality positions in [0, 1], float [B]; frozen networks take quality codes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vlaecodec.entropy.scales import SCALE_RATIO
from vlaecodec.networks.common.fixed_point import ste_round
from vlaecodec.networks.common.formats import (
    GAIN_BITS,
    GAIN_LIMIT,
    LATENT,
    QUALITIES,
    SCALE_FRAC_BITS,
    STEP_FRAC_BITS,
    STREAM,
)

KNOTS = 9
"""Trained tensors are linear between this many evenly spaced qualities."""


def interpolate_knots(knots: Tensor, position: Tensor) -> Tensor:
    """Linear interpolation of knots [K, C] at positions [B] in [0, 1]: [B, C, 1, 1]."""
    place = position * (knots.shape[0] - 1)
    left = place.detach().floor().clamp(0, knots.shape[0] - 2).long()
    fraction = (place - left).unsqueeze(1)
    value = knots[left] * (1 - fraction) + knots[left + 1] * fraction
    return value[:, :, None, None]


class QualityAffine(nn.Module):
    """Scales and shifts each channel as the quality wants it. STREAM [B, C, H, W] in and out.

    Learned scales for each quality: DCVC-RT (arXiv 2502.20762). Frozen: clamp(((x * gain +
    2**(GAIN_BITS - 1)) >> GAIN_BITS) + bias).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.quantised = False
        self.knots = nn.Parameter(torch.zeros(KNOTS, channels))
        self.gain_knots = nn.Parameter(torch.zeros(KNOTS, channels))
        """Base-2 logarithms."""

    def integer_tables(self) -> tuple[Tensor, Tensor]:
        """Biases, in STREAM units, and gains, in 2**-GAIN_BITS: int64 [100 qualities, C] each."""
        positions = torch.linspace(0, 1, QUALITIES)
        values = interpolate_knots(self.knots.detach(), positions)[:, :, 0, 0]
        gains = self._gain(positions).detach()[:, :, 0, 0]
        gains = torch.floor(gains * 2**GAIN_BITS + 0.5).long()
        return torch.floor(values * STREAM.scale + 0.5).long(), gains

    def forward(self, stream: Tensor, quality: Tensor) -> Tensor:
        bias = interpolate_knots(self.knots, quality) * STREAM.scale
        gain = self._gain(quality)
        if not self.quantised:
            return STREAM.clamp(stream * gain + bias)
        gain = ste_round(gain * 2**GAIN_BITS) / 2**GAIN_BITS
        return STREAM.clamp(ste_round(stream * gain) + ste_round(bias))

    def _gain(self, quality: Tensor) -> Tensor:
        """No larger than can be held, [B, C, 1, 1]."""
        knots = self.gain_knots.clamp(max=math.log2(GAIN_LIMIT / 2**GAIN_BITS))
        return torch.exp2(interpolate_knots(knots, quality))


class QuantisationStep(nn.Module):
    """The per-channel quantisation step of the latent y, which depends on quality."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # From one knot to the next lambda grows by a constant factor, and the best step of a
        # uniform quantiser goes with lambda**-0.5; about 4.5 at quality 1 and 0.2 at 100.
        log_step = torch.linspace(1.5, -1.6, KNOTS).unsqueeze(1).repeat(1, channels)
        self.log_step = nn.Parameter(log_step)

    def step(self, quality: Tensor) -> Tensor:
        """Steps in units of value, float [B, C, 1, 1]; at least one LATENT unit."""
        return torch.exp(interpolate_knots(self.log_step, quality)).clamp_min(1 / LATENT.scale)

    def integer_tables(self) -> tuple[Tensor, Tensor]:
        """Steps and scale offsets at the qualities 1..100, int64 [100, C] each.

        Steps are in units of 2**-8 LATENT units. A predicted scale index is about the latent's own
        units; adding the offset, in SCALE_INDEX units, makes it about quantisation steps.
        """
        step = self.step(torch.linspace(0, 1, QUALITIES))[:, :, 0, 0].detach().double()
        steps = torch.floor(step * LATENT.scale * 2**STEP_FRAC_BITS + 0.5).long()
        offsets = -torch.log(step) / math.log(SCALE_RATIO) * 2**SCALE_FRAC_BITS
        return steps, torch.floor(offsets + 0.5).long()
