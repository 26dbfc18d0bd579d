"""Tensors that depend on quality: how one set of weights serves every rate (arXiv 2003.02012).

Training passes quality positions in [0, 1], float [B]. Frozen networks take quality codes, the
quality 1..100 in units of 1/256, int64 [B], and compute with whole numbers only.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vlaecodec.bitstream.header import QUALITY_UNIT
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


def interpolate_table(table: Tensor, code: Tensor) -> Tensor:
    """Linear interpolation in whole numbers.

    table: int64 [100, C]; code: int64 [B], 256..25600. Returns int64 [B, C, 1, 1].
    """
    place = code - QUALITY_UNIT
    left = torch.div(place, QUALITY_UNIT, rounding_mode="floor").clamp(0, QUALITIES - 2)
    fraction = (place - left * QUALITY_UNIT).unsqueeze(1)
    rise = (table[left + 1] - table[left]) * fraction
    rise = torch.div(rise + QUALITY_UNIT // 2, QUALITY_UNIT, rounding_mode="floor")
    return (table[left] + rise)[:, :, None, None]


def _check_table(table: Tensor, knots: Tensor) -> None:
    if table.shape != (QUALITIES, knots.shape[1]):
        raise ValueError("a table of qualities has another shape")


class QualityAffine(nn.Module):
    """Scales and shifts each channel as the quality wants it. STREAM [B, C, H, W] in and out.

    Learned scales for each quality: DCVC-RT (arXiv 2502.20762). Frozen: clamp(((x * gain +
    2**(GAIN_BITS - 1)) >> GAIN_BITS) + bias).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.quantised = False
        self.frozen = False
        self.knots = nn.Parameter(torch.zeros(KNOTS, channels))
        self.gain_knots = nn.Parameter(torch.zeros(KNOTS, channels))
        """Base-2 logarithms."""
        self.register_buffer("table", torch.empty(0, dtype=torch.int64), persistent=False)
        self.register_buffer("gains", torch.empty(0, dtype=torch.int64), persistent=False)

    def integer_tables(self) -> tuple[Tensor, Tensor]:
        """Biases, STREAM units, and gains, 2**-GAIN_BITS, at the qualities 1..100: int64 [100, C].

        Raises ValueError if a gain is too large to be held.
        """
        positions = torch.linspace(0, 1, QUALITIES)
        values = interpolate_knots(self.knots.detach(), positions)[:, :, 0, 0]
        gains = torch.exp2(interpolate_knots(self.gain_knots.detach(), positions)[:, :, 0, 0])
        gains = torch.floor(gains * 2**GAIN_BITS + 0.5).long()
        if gains.max() > GAIN_LIMIT:
            raise ValueError("a gain of a quality is too large to be held")
        return torch.floor(values * STREAM.scale + 0.5).long(), gains

    def load_frozen(self, table: Tensor, gains: Tensor) -> None:
        """Take biases and gains, whole numbers [100, C], and freeze.

        Raises ValueError if they have no such shape or a product could leave float32's exact range.
        """
        _check_table(table, self.knots)
        _check_table(gains, self.knots)
        if not bool(((gains >= 1) & (gains <= GAIN_LIMIT)).all()):
            raise ValueError("a gain of a quality is out of range")
        self.table, self.gains = table.long(), gains.long()
        self.frozen = True

    def forward(self, stream: Tensor, quality: Tensor) -> Tensor:
        if self.frozen:
            bias = interpolate_table(self.table, quality).float()
            gain = interpolate_table(self.gains, quality).float() * 2.0**-GAIN_BITS
            return STREAM.clamp(torch.floor(stream * gain + 0.5) + bias)
        bias = interpolate_knots(self.knots, quality) * STREAM.scale
        gain = torch.exp2(interpolate_knots(self.gain_knots, quality))
        if not self.quantised:
            return STREAM.clamp(stream * gain + bias)
        gain = ste_round(gain * 2**GAIN_BITS) / 2**GAIN_BITS
        return STREAM.clamp(ste_round(stream * gain) + ste_round(bias))


class QuantisationStep(nn.Module):
    """The per-channel quantisation step of the latent y, which depends on quality."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.frozen = False
        # From one knot to the next lambda grows by a constant factor, and the best step of a
        # uniform quantiser goes with lambda**-0.5; about 4.5 at quality 1 and 0.2 at 100.
        log_step = torch.linspace(1.5, -1.6, KNOTS).unsqueeze(1).repeat(1, channels)
        self.log_step = nn.Parameter(log_step)
        self.register_buffer("table", torch.empty(0, dtype=torch.int64), persistent=False)
        self.register_buffer("offsets", torch.empty(0, dtype=torch.int64), persistent=False)

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

    def load_frozen(self, steps: Tensor, offsets: Tensor) -> None:
        """Take whole-number tables [100, C] and freeze.

        Raises ValueError if they have no such shape or a step is not positive.
        """
        _check_table(steps, self.log_step)
        _check_table(offsets, self.log_step)
        if bool((steps < 1).any()):
            raise ValueError("a quantisation step is not positive")
        self.table, self.offsets = steps.long(), offsets.long()
        self.frozen = True

    def integer_step(self, code: Tensor) -> Tensor:
        """Steps in units of 2**-8 LATENT units, int64 [B, C, 1, 1]."""
        return interpolate_table(self.table, code)

    def scale_offset(self, code: Tensor) -> Tensor:
        """What to add to predicted scale indices, SCALE_INDEX units, int64 [B, C, 1, 1]."""
        return interpolate_table(self.offsets, code)
