"""A tile's exact pixels to entropy-coded words and back, given its latents.

`encode_pixels` and `decode_pixels`. What is coded is the residual to the mean image on a grid: of
whole grey levels (lossless), or of 2 * max_error + 1 (near-lossless). The encoder knows all
contexts and computes all distributions at once; the decoder follows the wavefront.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.correction import (
    CLASSES,
    COEFFICIENT_LIMIT,
    MIN_PIXELS,
    Correction,
    classes_of,
    correct,
    fit_means,
)
from vlaecodec.entropy import AnsStack, DenseTables, Symbols
from vlaecodec.errors import DamagedError
from vlaecodec.image import Pixels
from vlaecodec.local_kernel import Floats, Ints, LocalKernel
from vlaecodec.model import PhotoModel
from vlaecodec.networks.local_decoder import COLOURS, DISTRIBUTION, RESIDUAL_UNITS, local_conditions
from vlaecodec.networks.window import Window
from vlaecodec.residual import Placement, ResidualGrid
from vlaecodec.tables import RESIDUAL_ENTRIES
from vlaecodec.wavefront import Residuals, run_wavefronts, wavefronts

Words = NDArray[np.uint32]

ESCAPE_VALUES = 512
"""An escaped residual, in steps, is one of -256..255."""

_LOW = RESIDUAL_ENTRIES // 2
_ESCAPE = RESIDUAL_ENTRIES - 1
FIT_PIXELS = 2**16
"""A correction is fitted on about this many pixels at least, where there are as many."""

FIT_ROWS = 64

SHIFTS = (0, -12, -8, -4, 4, 8, 12)
"""Shifts of scales that are tried."""

_BAND_PX = 2**16
"""The encoder computes about this many pixels at once; any number gives the same words."""


def encode_pixels(
    model: PhotoModel,
    pixels: Pixels,
    mean: Pixels,
    trunk: Tensor,
    max_error: int,
    *,
    colours: int = 3,
) -> tuple[Words, Pixels]:
    """Code a tile's pixels given its mean image.

    pixels, mean: uint8 [H, W, 3]. trunk: int16 [channels, >= H / 8, >= W / 8], the global decoder's
    features. colours: 1 for a grey tile, of whose equal channels only the first is coded: all three
    cost more than half as much again, since no prediction is ever quite sure. Returns the words,
    bottom of the stack first, and the pixels as they will be decoded: none off by more than
    max_error.
    """
    grid = ResidualGrid(max_error)
    values, decoded = _quantise(pixels, mean, grid.step)
    values = values.reshape(-1, 3)
    residual = to_residual(decoded, mean)
    placement, correction = _place_all(model, trunk, values, residual, grid, max_error, colours)
    height, width = mean.shape[:2]
    stack, tables = AnsStack(), _dense_tables(model)
    for step in reversed(list(wavefronts(height, width, model.network.local.window.slope))):
        for number in reversed(range(colours)):
            _push_values(stack, values[step, number], placement[step, number], tables)
    if colours == 3:
        _push_correction(stack, correction)
    return stack.words(), decoded


def decode_pixels(
    model: PhotoModel,
    words: Words,
    mean: Pixels,
    trunk: Tensor,
    max_error: int,
    *,
    colours: int = 3,
) -> Pixels:
    """Decode a tile's pixels. Raises DamagedError if the words are not all used up exactly."""
    grid = ResidualGrid(max_error)
    stack, tables = AnsStack(words), _dense_tables(model)
    local = model.network.local
    correction = _pop_correction(stack, 3 * local.window.size) if colours == 3 else None
    means = mean.reshape(-1, 3)[:, COLOURS].astype(np.int32)

    def choose(number: int, pixels: slice, *outputs: Ints) -> Ints:
        values = _pop_values(stack, grid.place(*outputs), tables)
        expected = means[pixels, number]
        return np.clip(expected + values * grid.step, 0, 255) - expected

    features = model.local_features(trunk, *mean.shape[:2])
    conditions = local_conditions(drawing=False, max_error=max_error)
    residual = run_wavefronts(
        local, features[None], conditions, choose, colours=colours, correction=correction
    )[0]
    if not stack.is_empty():
        raise DamagedError("the entropy-coded pixels do not end where they should")
    return from_residual(residual, mean)


def _quantise(pixels: Pixels, mean: Pixels, step: int) -> tuple[Ints, Pixels]:
    """Residuals in steps, [H, W, 3] in coding order, and the pixels that they stand for."""
    residual = pixels.astype(np.int32) - mean
    values = (residual + step // 2) // step
    decoded = np.clip(mean + values * step, 0, 255).astype(np.uint8)
    return values[..., COLOURS], decoded


def from_residual(residual: Residuals, mean: Pixels) -> Pixels:
    """mean + residual, whose colours are in coding order; uint8 [H, W, 3]."""
    pixels = mean.astype(np.int16)
    pixels[..., COLOURS] += residual
    return np.clip(pixels, 0, 255).astype(np.uint8)


def to_residual(pixels: Pixels, mean: Pixels) -> Residuals:
    """The inverse of from_residual: int16 [H, W, 3] in coding order."""
    return (pixels.astype(np.int16) - mean)[..., COLOURS]


def sample_bits(
    model: PhotoModel,
    pixels: Pixels,
    mean: Pixels,
    trunk: Tensor,
    max_error: int,
    *,
    colours: int = 3,
) -> NDArray[np.float64]:
    """What each sample of a tile's decoded pixels cost, [H * W, 3] in coding order.

    The rest is as in `encode_pixels`. Of a grey tile only the first colour is coded.
    """
    grid = ResidualGrid(max_error)
    values = _quantise(pixels, mean, grid.step)[0].reshape(-1, 3)
    residual = to_residual(pixels, mean)
    return _bits(
        model, values, _place_all(model, trunk, values, residual, grid, max_error, colours)[0]
    )


def _place_all(
    model: PhotoModel,
    trunk: Tensor,
    values: Ints,
    residual: Residuals,
    grid: ResidualGrid,
    max_error: int,
    colours: int,
) -> tuple[Placement, Correction | None]:
    """Every sample's table at once, the contexts known, [H * W, 3]; and the tile's correction.

    values: residuals in steps, [H * W, 3]; residual: what they come to after clipping, [H, W, 3].
    """
    height, width = residual.shape[:2]
    contexts = Contexts(model.network.local.window, residual)
    means, scales, tails = _predict_all(model, trunk, contexts, max_error)
    correction = None
    if colours == 3 and len(values) >= MIN_PIXELS:
        correction = _fit(model, values, contexts, (means, scales, tails), grid)
    if correction is not None:
        for top in range(0, height, FIT_ROWS):
            rows = slice(top, min(top + FIT_ROWS, height))
            part = slice(rows.start * width, rows.stop * width)
            seen = contexts.of_rows(rows)
            means[part], scales[part] = correct(correction, *seen, means[part], scales[part])
    return grid.place(means, scales, tails), correction


def _predict_all(
    model: PhotoModel, trunk: Tensor, contexts: Contexts, max_error: int
) -> tuple[Ints, Ints, Ints]:
    """Every sample's mean, scale and tail at once, the contexts known: int32 [H * W, 3] each."""
    height, width = contexts.height, contexts.width
    features = model.local_features(trunk, height, width)
    rows = max(1, _BAND_PX // width)
    conditions = local_conditions(drawing=False, max_error=max_error)
    kernel = LocalKernel(model.network.local, conditions, rows * width)
    outputs = np.empty((3, height * width, 3), np.int32)
    for top in range(0, height, rows):
        band = slice(top, min(top + rows, height))
        window, own = contexts.of_rows(band)
        count = len(window)
        np.concatenate(
            [window, features[band].reshape(count, -1)], 1, out=kernel.inputs[:count, :-1]
        )
        kernel.known[:count] = own
        kernel.begin(count)
        for number in range(3):
            outputs[:, top * width : top * width + count, number] = kernel.colour(number, count)
    return outputs[0], outputs[1], outputs[2]


def _fit(
    model: PhotoModel,
    values: Ints,
    contexts: Contexts,
    predicted: tuple[Ints, Ints, Ints],
    grid: ResidualGrid,
) -> Correction | None:
    """The correction that suits a tile best, or None if none is worth its bytes."""
    height, width = contexts.height, contexts.width
    # A part of the rows tells as much; an odd step meets all rows of the mean image's blocks.
    rows = np.arange(0, height, height * width // FIT_PIXELS | 1, dtype=np.int32)
    part = (rows[:, None] * width + np.arange(width)).ravel()
    window, own = contexts.of_rows(rows)
    values, (means, scales, tails) = values[part], (x[part] for x in predicted)
    fitted = fit_means(window, own, means, scales)
    moved, _ = correct(fitted, window, own, means, scales)
    slots = 3 * classes_of(scales) + np.arange(3)
    costs = []
    for shift in SHIFTS:
        shifted = np.clip(scales + shift, DISTRIBUTION.low, DISTRIBUTION.high)
        bits = _bits(model, values, grid.place(moved, shifted, tails))
        costs.append(np.bincount(slots.ravel(), bits.ravel(), 3 * CLASSES))
    best = np.argmin(costs, axis=0)
    shifts = np.array(SHIFTS, np.int32)[best].reshape(CLASSES, 3)
    before = _bits(model, values, grid.place(means, scales, tails)).sum()
    gain = (before - np.min(costs, axis=0).sum()) * height * width / len(part)
    found = replace(fitted, shift=shifts)
    return found if gain > 8 * len(found.to_symbols()) else None


class Contexts:
    """What pixels see of residuals whose values are all known."""

    def __init__(self, window: Window, residual: Residuals) -> None:
        self._window = window
        self.height, self.width = residual.shape[:2]
        border = ((window.height, 0), (window.reach, window.reach), (0, 0))
        self._stored = np.pad(residual * np.float32(RESIDUAL_UNITS), border)

    def of_rows(self, rows: slice | Ints) -> tuple[Floats, Floats]:
        """Windows [n, 3 * size] and own colours [n, 3] of some rows' pixels.

        Residuals times RESIDUAL_UNITS, float32, in the window's order.
        """
        above, reach = self._window.height, self._window.reach
        parts = [
            self._stored[dy : dy + self.height][rows, dx : dx + self.width]
            for dy in range(above + 1)
            for dx in range(self._window.width if dy < above else reach)
        ]
        own = self._stored[above:][rows, reach : reach + self.width].reshape(-1, 3)
        return np.concatenate(parts, axis=-1).reshape(len(own), -1), own


def _bits(model: PhotoModel, values: Ints, at: Placement) -> NDArray[np.float64]:
    """What residuals, in steps, cost each."""
    places = (values >> at.bits) - at.base
    escaped = (places < -_LOW) | (places >= _ESCAPE - _LOW)
    tables = model.tables["residual"]
    lengths = tables.code_lengths(places, at.table, math.log2(ESCAPE_VALUES))
    return lengths + np.where(escaped, 0, at.bits)


def _push_correction(stack: AnsStack, correction: Correction | None) -> None:
    """Push a correction's coefficients, if there is one, and a bit that says so."""
    if correction is not None:
        symbols = correction.to_symbols()
        stack.push_uniform(symbols, np.full_like(symbols, 2 * COEFFICIENT_LIMIT))
    stack.push_uniform(np.array([correction is not None], np.int32), np.array([2], np.int32))


def _pop_correction(stack: AnsStack, window_inputs: int) -> Correction | None:
    """The inverse of _push_correction."""
    if not stack.pop_uniform(np.array([2], np.int32))[0]:
        return None
    sizes = np.full(Correction.count(window_inputs), 2 * COEFFICIENT_LIMIT, np.int32)
    return Correction.from_symbols(stack.pop_uniform(sizes))


@lru_cache(maxsize=4)
def _dense_tables(model: PhotoModel) -> DenseTables:
    return DenseTables(model.tables["residual"])


def _push_values(stack: AnsStack, values: Symbols, at: Placement, tables: DenseTables) -> None:
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


def _pop_values(stack: AnsStack, at: Placement, tables: DenseTables) -> Symbols:
    """The inverse of _push_values."""
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
