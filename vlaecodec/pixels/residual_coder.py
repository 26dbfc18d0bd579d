"""Residuals, in steps of their grid, to entropy-coded words and back; and corrections likewise."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.ans import AnsStack, DenseTables, Symbols
from vlaecodec.entropy.scales import RESIDUAL_ENTRIES, RESIDUAL_INDICES, SCALE_UNITS
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo.distribution import CLASSES
from vlaecodec.pixels.correction import Correction
from vlaecodec.pixels.kernel import Ints
from vlaecodec.pixels.residual import Placement, ResidualGrid

ESCAPE_VALUES = 512
"""An escaped residual, in steps, is one of -256..255."""

_LOW = RESIDUAL_ENTRIES // 2
_ESCAPE = RESIDUAL_ENTRIES - 1
_SCALE_CODES = 64
_WHOLE = ResidualGrid()


@lru_cache(maxsize=4)
def dense_tables(model: PhotoModel) -> DenseTables:
    """A model's residual tables in the shape that whole wavefronts are coded with."""
    return DenseTables(model.tables["residual"])


def push_values(stack: AnsStack, values: Symbols, at: Placement, tables: DenseTables) -> None:
    """Push residuals, in steps: table entries, then what escaped, then low bits, last first."""
    places = (values >> at.bits) - at.base + _LOW
    escaped = (places < 0) | (places >= _ESCAPE)
    rough = (at.bits > 0) & ~escaped
    if rough.any():
        sizes = np.left_shift(1, at.bits[rough])
        stack.push_uniform(values[rough] & (sizes - 1), sizes)
    if escaped.any():
        symbols = values[escaped] + ESCAPE_VALUES // 2
        stack.push_uniform(symbols, np.full_like(symbols, ESCAPE_VALUES))
        places = np.where(escaped, _ESCAPE, places)
    stack.push_each(places.astype(np.int32), at.table, tables)


def pop_values(stack: AnsStack, at: Placement, tables: DenseTables) -> Symbols:
    """The inverse of push_values."""
    places = stack.pop_each(at.table, tables)
    values = np.left_shift(at.base + places - _LOW, at.bits)
    escaped = places == _ESCAPE
    rough = (at.bits > 0) & ~escaped
    if escaped.any():
        sizes = np.full(int(escaped.sum()), ESCAPE_VALUES, np.int32)
        values[escaped] = stack.pop_uniform(sizes) - ESCAPE_VALUES // 2
    if rough.any():
        values[rough] += stack.pop_uniform(np.left_shift(1, at.bits[rough]))
    return values


def value_bits(model: PhotoModel, values: Ints, at: Placement) -> NDArray[np.float64]:
    """What residuals, in steps, cost each."""
    places = (values >> at.bits) - at.base
    escaped = (places < -_LOW) | (places >= _ESCAPE - _LOW)
    tables = model.tables["residual"]
    lengths = tables.code_lengths(places, at.table, math.log2(ESCAPE_VALUES))
    return lengths + np.where(escaped, 0, at.bits)


def push_correction(stack: AnsStack, correction: Correction | None, model: PhotoModel) -> None:
    """Push a correction, if there is one, and a bit that says so.

    Each class's numbers are coded as residuals of mean 0, after their scale.
    """
    if correction is not None:
        for row in reversed(correction.to_rows()):
            index, _ = _cheapest_scale(model, row)
            push_values(stack, row, _around_zero(index, len(row)), dense_tables(model))
            _push_number(stack, index, _SCALE_CODES)
    _push_number(stack, correction is not None, 2)


def pop_correction(stack: AnsStack, model: PhotoModel) -> Correction | None:
    """The inverse of push_correction."""
    if not _pop_number(stack, 2):
        return None
    count = 3 * (model.local.linear_inputs + 4)
    rows = []
    for _ in range(CLASSES):
        index = _pop_number(stack, _SCALE_CODES)
        rows.append(pop_values(stack, _around_zero(index, count), dense_tables(model)))
    return Correction.from_rows(np.stack(rows))


def row_bits(model: PhotoModel, row: Ints) -> float:
    """What push_correction adds for one class's numbers."""
    return _cheapest_scale(model, row)[1]


def _cheapest_scale(model: PhotoModel, row: Ints) -> tuple[int, float]:
    """The scale index that a class's numbers cost least with, and their bits."""
    indices = np.arange(RESIDUAL_INDICES, dtype=np.int32)[:, None]
    costs = value_bits(model, row, _around_zero(indices, len(row))).sum(1)
    index = int(np.argmin(costs))
    return index, float(costs[index]) + math.log2(_SCALE_CODES)


def _around_zero(index: int | Ints, count: int) -> Placement:
    """Distributions of mean 0 and the scales of indices, [..., count], with the lightest tail."""
    scale = np.zeros(count, np.int32) + SCALE_UNITS * index
    zeros = np.zeros_like(scale)
    return _WHOLE.place(zeros, scale, zeros)


def _push_number(stack: AnsStack, number: int, size: int) -> None:
    stack.push_uniform(np.array([number], np.int32), np.array([size], np.int32))


def _pop_number(stack: AnsStack, size: int) -> int:
    return int(stack.pop_uniform(np.array([size], np.int32))[0])
