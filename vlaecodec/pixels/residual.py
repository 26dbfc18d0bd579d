"""From the local decoder's prediction of a sample to a probability table, and back to its value.

A sample's residual, in steps of the coding grid, is k. Where its distribution is wide, k is coded
as a coarse part k >> bits with a table, and `bits` low bits that are as good as uniform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.header import MAX_ERROR
from vlaecodec.entropy.scales import (
    FRACTIONS,
    MEAN_UNITS,
    RESIDUAL_INDICES,
    RESIDUAL_OCTAVE,
    SCALE_UNITS,
    TAIL_LEVELS,
    TAIL_UNITS,
)
from vlaecodec.networks.photo.distribution import DISTRIBUTION

Array = NDArray[np.int32]

SCALE_OFFSETS = tuple(
    round(SCALE_UNITS * RESIDUAL_OCTAVE * math.log2(2 * e + 1)) for e in range(MAX_ERROR + 1)
)
"""What a grid of 2 e + 1 grey levels takes off a scale, in SCALE_UNITS."""

_FRACTION_BITS = FRACTIONS.bit_length() - 1


@dataclass(frozen=True)
class TableIndex:
    """The probability tables of samples: int32 arrays of one shape."""

    table: Array
    """Index into the residual tables."""
    base: Array
    """The coarse value that the table's symbol 0 stands for."""
    bits: Array
    """Low bits."""

    def __getitem__(self, key: Any) -> TableIndex:
        return TableIndex(self.table[key], self.base[key], self.bits[key])


def low_bits(rows: int) -> Array:
    """How many low bits each scale index leaves to a uniform distribution, with so many rows."""
    excess = np.maximum(np.arange(RESIDUAL_INDICES, dtype=np.int32) - (rows - 1), 0)
    return -(-excess // RESIDUAL_OCTAVE)


class ResidualGrid:
    """Residuals in steps of 2 * max_error + 1 grey levels, for tables of so many scale rows."""

    def __init__(self, rows: int, max_error: int = 0) -> None:
        self.step = 2 * max_error + 1
        # Everything about a scale or a tail level is looked up by what was predicted.
        predicted = np.arange(DISTRIBUTION.low, DISTRIBUTION.high + 1, dtype=np.int32)
        scale = predicted - SCALE_OFFSETS[max_error] + SCALE_UNITS // 2
        index = np.clip(scale // SCALE_UNITS, 0, RESIDUAL_INDICES - 1)
        level = np.clip((predicted + TAIL_UNITS // 2) // TAIL_UNITS, 0, TAIL_LEVELS - 1)
        self._bits = low_bits(rows)[index]
        width = np.left_shift(self.step, self._bits)
        # A coarse value stands for the middle of the 2**bits residuals that it covers.
        self._shift = width // 2 - MEAN_UNITS // 2 * (width - self.step)
        self._row = (index - RESIDUAL_OCTAVE * self._bits) * FRACTIONS
        self._level = level * (rows * FRACTIONS)

    def select_tables(self, mean: Array, scale: Array, tail: Array) -> TableIndex:
        """The tables for samples, from whole numbers in DISTRIBUTION units."""
        scale = scale - DISTRIBUTION.low
        bits = self._bits.take(scale)
        # Of whole numbers: divided by 2**bits and by the step, rounded down, in either order.
        position = np.right_shift(mean + self._shift.take(scale), bits)
        if self.step > 1:
            position //= self.step
        table = self._row.take(scale) + self._level.take(tail - DISTRIBUTION.low)
        # FRACTIONS is a power of two: numpy's divisions take several times as long.
        return TableIndex(
            table + np.bitwise_and(position, FRACTIONS - 1), position >> _FRACTION_BITS, bits
        )
