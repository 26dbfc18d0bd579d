"""What depends on quality, in whole numbers: tables of the qualities 1..100, and between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.header import QUALITY_UNIT
from vlaecodec.frozen.layers import Floats
from vlaecodec.frozen.operations import affine
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import GAIN_BITS, GAIN_LIMIT, QUALITIES, STREAM

Ints = NDArray[np.int64]


def interpolate_table(table: Ints, code: int) -> Ints:
    """Linear interpolation of a table [100, C] at a quality code 256..25600: [C]."""
    left = min(max(code // QUALITY_UNIT - 1, 0), QUALITIES - 2)
    fraction = code - QUALITY_UNIT * (left + 1)
    rise: Ints = (table[left + 1] - table[left]) * fraction
    return table[left] + (rise + QUALITY_UNIT // 2) // QUALITY_UNIT


class QualityAffine:
    """Scales and shifts each channel of a stream as the quality wants it."""

    def __init__(self, weights: Tensors, channels: int) -> None:
        self.table = _read_table(weights["table"], channels)
        # Some models were trained without gains.
        gains = weights["gains"] if "gains" in weights else np.full_like(self.table, 2**GAIN_BITS)
        self.gains = _read_table(gains, channels)
        if self.gains.min() < 1 or self.gains.max() > GAIN_LIMIT:
            raise ValueError("a gain of a quality is out of range")

    def __call__(self, stream: Floats, code: int) -> Floats:
        """STREAM to STREAM."""
        gain = interpolate_table(self.gains, code).astype(np.float32) * np.float32(2.0**-GAIN_BITS)
        bias = interpolate_table(self.table, code).astype(np.float32)
        return affine(stream, gain, bias, STREAM)


class QuantisationStep:
    """The quantisation step of each channel of the latent."""

    def __init__(self, weights: Tensors, channels: int) -> None:
        self.table = _read_table(weights["table"], channels)
        self.offsets = _read_table(weights["offsets"], channels)
        if self.table.min() < 1:
            raise ValueError("a quantisation step is not positive")

    def steps(self, code: int) -> Ints:
        """In units of 2**-8 LATENT units, [C]."""
        return interpolate_table(self.table, code)

    def scale_offsets(self, code: int) -> Ints:
        """What to add to predicted scale indices, SCALE_INDEX units, [C]."""
        return interpolate_table(self.offsets, code)


def _read_table(stored: NDArray[Any], channels: int) -> Ints:
    if stored.shape != (QUALITIES, channels):
        raise ValueError("a table of qualities has another shape")
    return stored.astype(np.int64)
