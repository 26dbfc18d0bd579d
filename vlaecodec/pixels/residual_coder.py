"""Residuals, in steps of their grid, to entropy-coded words and back."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.ans import ESCAPE_BITS, AnsStack, CodingTables, Symbols
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.pixels.kernel import Ints
from vlaecodec.pixels.residual import LOW_BITS, Placement

_BITS = range(1, int(LOW_BITS.max()) + 1)


@lru_cache(maxsize=4)
def coding_tables(model: PhotoModel) -> CodingTables:
    """A model's residual tables, ready for the coder."""
    return CodingTables(model.tables["residual"])


def push_values(stack: AnsStack, values: Symbols, at: Placement, tables: CodingTables) -> None:
    """Push residuals, in steps: coarse values by their tables, then low bits, last first."""
    for bits in reversed(_BITS):
        rough = values[at.bits == bits]
        if len(rough):
            stack.push_uniform(rough & (2**bits - 1), 2**bits)
    stack.push((values >> at.bits) - at.base, at.table, tables)


def pop_values(stack: AnsStack, at: Placement, tables: CodingTables) -> Symbols:
    """The inverse of push_values."""
    values = np.left_shift(at.base + stack.pop(at.table, tables), at.bits)
    for bits in _BITS:
        rough = at.bits == bits
        if count := int(rough.sum()):
            values[rough] += stack.pop_uniform(count, 2**bits)
    return values


def value_bits(model: PhotoModel, values: Ints, at: Placement) -> NDArray[np.float64]:
    """What residuals, in steps, cost each."""
    coarse = (values >> at.bits) - at.base
    return model.tables["residual"].code_lengths(coarse, at.table, ESCAPE_BITS) + at.bits
