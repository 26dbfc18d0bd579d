"""The scales and means that probability tables distinguish, and the units of predictions."""

from __future__ import annotations

from typing import Any

SCALES = 64
"""How many scales of y the entropy coder distinguishes."""

SCALE_MIN = 0.11
"""The smallest scale, in quantisation steps."""

SCALE_RATIO = 1.12
"""Each scale is this many times the one before."""

FRACTIONS = 8
"""Means of the anchor are resolved to this part of a quantisation step."""

TOP_STEPS = 8
"""Grid steps of the top latent per standard deviation of its prior."""

TOP_SCALES = 16
"""Posterior scale j of the top latent stands for 2**(j / TOP_SCALE_OCTAVE) grid steps."""

TOP_SCALE_OCTAVE = 5

TOP_LIMIT = 40
"""Means of q(h | y1) stay within this many grid steps of zero."""

RESIDUAL_SCALE_MIN = 1 / 16
"""The smallest logistic scale of the local decoder, in grey levels."""

RESIDUAL_OCTAVE = 4
"""Scale indices per doubling of the scale."""

RESIDUAL_INDICES = 41
"""How many scale indices there are; the widest logistic has a scale of 64 grey levels."""

RESIDUAL_ROWS = 24
"""Scale rows in the tables of a new model. Wider distributions use the last octave's on a coarser
grid, within whose steps all values are as likely: 20 rows cost photos 0.12 % more, 28 would cost
0.02 % less and take more memory and time."""

RESIDUAL_ENTRIES = 128
"""In each of these tables."""

TAIL_LEVELS = 8

TAIL_MIDDLE = 4.5

TAIL_RATIO = 3.0

MEAN_UNITS = FRACTIONS
"""What the local decoder predicts of a sample: its mean, in these units per grey level."""

SCALE_UNITS = 16
"""The index of its scale, in these units per index."""

TAIL_UNITS = 128
"""The level of its heavier tail, in these units per level."""

CODE_UNITS = 64
"""Grid steps of a small image's latent per standard deviation of its prior."""

CODE_SCALES = 32
"""Posterior scale j of that latent stands for 2**(j / CODE_SCALE_OCTAVE) grid steps."""

CODE_SCALE_OCTAVE = 4

LOGIT_UNITS = 16
"""The logit of a black or white pixel, in these units."""

LOGIT_LIMIT = 191
"""The largest, in those units: odds of one in 150,000."""

MIXTURE_SCALE_UNITS = 64
"""The scale of a logistic of a mixture: so many units to an octave, from RESIDUAL_SCALE_MIN."""

MIXTURE_SCALES = 10 * MIXTURE_SCALE_UNITS + 1
"""How many of these there are: up to 64 grey levels."""

MIXTURE_LOGIT_UNITS = 128
"""The logit of its weight, in these units."""


def latent_scale(index: Any) -> Any:
    """The standard deviation, in quantisation steps, that an index (number or array) stands for."""
    return SCALE_MIN * SCALE_RATIO**index


def residual_scale(index: Any) -> Any:
    """The logistic scale, in grey levels, that an index (number, array or tensor) stands for."""
    return RESIDUAL_SCALE_MIN * 2 ** (index / RESIDUAL_OCTAVE)


def tail_logit(level: Any) -> Any:
    """The logit of the weight of the wide component at a tail level."""
    return level - TAIL_MIDDLE
