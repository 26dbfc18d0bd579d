"""Fixed-point formats: what whole numbers stand for, and why float32 holds all sums of them.

Every number on the decoding path is whole, and held in float32. A format says how many fractional
bits such a number has and the range it is clamped to. A convolution whose every partial sum is a
whole number below EXACT_LIMIT has one possible float32 result, whatever the order of summation, so
it gives the same bits on every machine, thread count, instruction set and library. Every operand of
a product is first rounded to OPERAND_BITS significant bits, so that hardware which multiplies
bfloat16 numbers and adds float32 ones computes the same result, only faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from vlaecodec.entropy.scales import CODE_SCALES, LOGIT_LIMIT, TOP_LIMIT, TOP_SCALES

A = TypeVar("A")

EXACT_LIMIT = 2**24
"""Whole numbers up to this magnitude are exact in float32."""

OPERAND_BITS = 8
"""Significant bits of every number that enters a product: as many as bfloat16 has."""

WEIGHT_LIMIT = 2040
"""Weights are stored as int16: the largest number of OPERAND_BITS and eleven bits in all. Small
weights keep more digits beside a few large ones this way."""


@dataclass(frozen=True)
class Format:
    """A number format: a value v is stored as the whole number round(v * 2**frac_bits)."""

    frac_bits: int
    low: int
    high: int

    @property
    def scale(self) -> float:
        """Whole-number units per unit of value."""
        return float(2**self.frac_bits)

    @property
    def magnitude(self) -> int:
        """The largest absolute value, in whole-number units."""
        return max(-self.low, self.high)

    def clamp(self, x: A) -> A:
        """Clamp x, an array or tensor in whole-number units, to the format's range."""
        return x.clip(self.low, self.high)  # type: ignore[attr-defined]


LATENT = Format(frac_bits=6, low=-2040, high=2040)
"""Dequantised latents y and their predicted means."""

STREAM = Format(frac_bits=8, low=-8160, high=8160)
"""The residual stream: wide, and still exact as input of a depthwise 3x3 convolution."""

SIGNED = Format(frac_bits=6, low=-1020, high=1020)
"""Input of a pointwise convolution."""

POSITIVE = Format(frac_bits=6, low=0, high=1020)
"""Hidden units after ReLU; the clamp at zero is the ReLU."""

PIXEL = Format(frac_bits=10, low=0, high=4080)
"""The mean image in PIXEL_UNITS; one unit of value is 64 grey levels."""

PIXEL_UNITS = 16
"""PIXEL units per grey level."""

TOP = Format(frac_bits=3, low=-TOP_LIMIT, high=TOP_LIMIT)
"""The top latent h, on a grid of TOP_STEPS to its prior's standard deviation."""

SCALE_FRAC_BITS = 4
"""Scale indices are predicted in units of 2**-4."""

SCALE_INDEX = Format(frac_bits=SCALE_FRAC_BITS, low=-1023, high=1023)
"""Scale indices of y: see tables.latent_scale."""

TOP_SCALE_INDEX = Format(frac_bits=SCALE_FRAC_BITS, low=0, high=(TOP_SCALES - 1) << SCALE_FRAC_BITS)
"""Scale indices of q(h | y1): see tables.posterior_tables."""

CODE_SCALE_INDEX = Format(
    frac_bits=SCALE_FRAC_BITS, low=0, high=(CODE_SCALES - 1) << SCALE_FRAC_BITS
)
"""Of a small image's q(z | x): j stands for a deviation of 2**(j / CODE_SCALE_OCTAVE) LATENT
units."""

LOGIT = Format(frac_bits=4, low=-LOGIT_LIMIT, high=LOGIT_LIMIT)
"""The logit of a black and white pixel's being 1: LOGIT_UNITS per unit."""

MIXTURE = Format(frac_bits=7, low=-2047, high=2047)
"""What a small colour image's decoder says of a sample: means, scales and logits of logistics, each
in units of its own; see entropy/mixture.py."""

QUALITIES = 100
"""Frozen tables hold one row for each of the qualities 1..100."""

GAIN_BITS = 10
"""A gain of a quality is stored in units of 2**-10."""

GAIN_LIMIT = 2047
"""Times the largest number in a stream this stays below 2**24, where float32 is exact."""

STEP_FRAC_BITS = 8
"""A quantisation step is stored in units of 2**-8 of a LATENT unit."""
