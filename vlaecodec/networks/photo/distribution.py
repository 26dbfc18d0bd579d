"""The local decoder's inputs and predictions, and their units."""

from __future__ import annotations

import math

from vlaecodec.bitstream.header import MAX_ERROR
from vlaecodec.networks.common.formats import Format

COLOURS = (1, 0, 2)
"""The order in which a pixel's colours are coded."""

MIDDLE_GREY = 128

DISTRIBUTION = Format(frac_bits=7, low=-2047, high=2047)
"""Three outputs per sample, in units of their own: MEAN_UNITS, SCALE_UNITS, TAIL_UNITS."""

GREY = Format(frac_bits=4, low=-255, high=255)
"""Residuals and differences in whole grey levels, features, conditions."""

HIDDEN = Format(frac_bits=4, low=0, high=255)
"""Hidden units; the clamp at zero is the ReLU."""

STEP_CONDITIONS = tuple(round(16 * math.log2(2 * e + 1)) for e in range(MAX_ERROR + 1))
"""How coarse a near-lossless grid is, GREY, for each maximum error."""

CLASS_BOUNDS = (128, 192, 240, 288, 344)
"""Scales, in SCALE_UNITS, from which on a sample is of the next class: from a quarter of a grey
level to 2.6. How much a sample leans on its neighbours goes with how sure one is of it."""

CLASSES = len(CLASS_BOUNDS) + 1

DRAW_BITS = 10
DRAWS = 2**DRAW_BITS
"""How many quantiles of a distribution are drawn, all as likely."""

TRIM = 0.02
"""Draws leave out this much of each tail: one odd pixel leads to odder ones."""

MEAN_REACH = 3
"""Texture has no mean over 7 x 7 pixels: of 3 x 3 to 33 x 33 this was nearest to photos."""
