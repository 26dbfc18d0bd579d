"""Residuals, in steps of their grid, to entropy-coded words and back; and corrections likewise."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.ans import ESCAPE_BITS, AnsStack, CodingTables, Symbols
from vlaecodec.entropy.scales import RESIDUAL_INDICES, SCALE_UNITS
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo.distribution import CLASSES
from vlaecodec.pixels.correction import Correction
from vlaecodec.pixels.kernel import Ints
from vlaecodec.pixels.residual import ResidualGrid, TableIndex

_SCALE_CODES = 64


@lru_cache(maxsize=4)
def coding_tables(model: PhotoModel) -> CodingTables:
    """A model's residual tables, ready for the coder."""
    return CodingTables(model.tables["residual"])


def push_values(stack: AnsStack, values: Symbols, index: TableIndex, tables: CodingTables) -> None:
    """Push residuals, in steps: coarse values by their tables, then low bits, last first."""
    for bits in range(_most_bits(index), 0, -1):
        rough = values[index.bits == bits]
        if len(rough):
            stack.push_uniform(rough & (2**bits - 1), 2**bits)
    stack.push((values >> index.bits) - index.base, index.table, tables)


def pop_values(stack: AnsStack, index: TableIndex, tables: CodingTables) -> Symbols:
    """The inverse of push_values."""
    values = np.left_shift(index.base + stack.pop(index.table, tables), index.bits)
    for bits in range(1, _most_bits(index) + 1):
        rough = index.bits == bits
        if count := int(rough.sum()):
            values[rough] += stack.pop_uniform(count, 2**bits)
    return values


def value_bits(model: PhotoModel, values: Ints, index: TableIndex) -> NDArray[np.float64]:
    """What residuals, in steps, cost each."""
    coarse = (values >> index.bits) - index.base
    return model.tables["residual"].code_lengths(coarse, index.table, ESCAPE_BITS) + index.bits


def push_correction(stack: AnsStack, correction: Correction | None, model: PhotoModel) -> None:
    """Push a sub-grid's correction, if there is one, and a bit that says so.

    Each class's numbers are coded as residuals of mean 0, after their scale.
    """
    if correction is not None:
        for row in reversed(correction.to_rows()):
            index, _ = _cheapest_scale(model, row)
            push_values(stack, row, _around_zero(model, index, len(row)), coding_tables(model))
            _push_number(stack, index, _SCALE_CODES)
    _push_number(stack, correction is not None, 2)


def pop_correction(stack: AnsStack, inputs: int, model: PhotoModel) -> Correction | None:
    """The inverse of push_correction, for pixels that see so many linear inputs."""
    if not int(stack.pop_uniform(1, 2)[0]):
        return None
    count, rows = 3 * (inputs + 4), []
    for _ in range(CLASSES):
        index = min(int(stack.pop_uniform(1, _SCALE_CODES)[0]), RESIDUAL_INDICES - 1)
        rows.append(pop_values(stack, _around_zero(model, index, count), coding_tables(model)))
    return Correction.from_rows(np.stack(rows))


def row_bits(model: PhotoModel, row: Ints) -> float:
    """What push_correction adds for one class's numbers."""
    return _cheapest_scale(model, row)[1]


def _cheapest_scale(model: PhotoModel, row: Ints) -> tuple[int, float]:
    """The scale index that a class's numbers cost least with, and their bits."""
    indices = np.arange(RESIDUAL_INDICES, dtype=np.int32)[:, None]
    costs = value_bits(model, row, _around_zero(model, indices, len(row))).sum(1)
    index = int(np.argmin(costs))
    return index, float(costs[index]) + math.log2(_SCALE_CODES)


@lru_cache
def _whole_levels(rows: int) -> ResidualGrid:
    return ResidualGrid(rows)


def _most_bits(index: TableIndex) -> int:
    return int(index.bits.max(initial=0))


def _around_zero(model: PhotoModel, index: int | Ints, count: int) -> TableIndex:
    """Distributions of mean 0 and the scales of indices, [..., count], with the lightest tail."""
    scale = np.zeros(count, np.int32) + SCALE_UNITS * index
    zeros = np.zeros_like(scale)
    return _whole_levels(model.residual_rows).select_tables(zeros, scale, zeros)


def _push_number(stack: AnsStack, number: int, size: int) -> None:
    stack.push_uniform(np.array([number], np.int32), size)
