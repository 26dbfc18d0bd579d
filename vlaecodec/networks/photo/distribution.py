"""What the local decoder is told and what it predicts, in which units."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.header import MAX_ERROR
from vlaecodec.networks.common.formats import SIGNED, Format

COLOURS = (1, 0, 2)
"""The order in which a pixel's colours are coded."""

RESIDUAL_UNITS = 4
"""SIGNED units per grey level of a residual: +-255 fills the format."""

MIDDLE_GREY = 128

DISTRIBUTION = Format(frac_bits=7, low=-2047, high=2047)
"""Three outputs per sample, in units of their own: MEAN_UNITS, SCALE_UNITS, TAIL_UNITS."""

CONDITIONS = 2
"""Constant inputs: whether contexts may be unlike any photo, and how coarse their grid is."""

STEP_CONDITIONS = tuple(
    round(SIGNED.scale / 4 * math.log2(2 * e + 1)) for e in range(MAX_ERROR + 1)
)
"""The second condition for each maximum error: a quarter of log2 of the step, SIGNED units."""

CLASS_BOUNDS = (128, 192, 240, 288, 344)
"""Scales, in SCALE_UNITS, from which on a sample is of the next class: from a quarter of a grey
level to 2.6. How much a sample leans on its neighbours goes with how sure one is of it."""

CLASSES = len(CLASS_BOUNDS) + 1


def local_conditions(*, drawing: bool, max_error: int = 0) -> NDArray[np.float32]:
    """The constant inputs, SIGNED [CONDITIONS].

    drawing: contexts are draws, not a photo's pixels. max_error: of near-lossless coding.
    """
    return np.array([SIGNED.scale * drawing, STEP_CONDITIONS[max_error]], np.float32)
