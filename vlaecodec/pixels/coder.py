"""A tile's exact pixels to entropy-coded words and back, given its latents.

`encode_pixels` and `decode_pixels`. What is coded is the residual to the mean image on a grid: of
whole grey levels (lossless), or of 2 * max_error + 1 (near-lossless). The encoder knows all
contexts and computes all distributions at once; the decoder follows the wavefront.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.ans import AnsStack
from vlaecodec.errors import DamagedError
from vlaecodec.frozen.synthesis import Features
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.common.window import Window
from vlaecodec.networks.photo.distribution import (
    CLASSES,
    COLOURS,
    DISTRIBUTION,
    RESIDUAL_UNITS,
    local_conditions,
)
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels.correction import MIN_PIXELS, Correction, correct, fit_means
from vlaecodec.pixels.kernel import Floats, Ints, LocalKernel, classes_of
from vlaecodec.pixels.residual import Placement, ResidualGrid
from vlaecodec.pixels.residual_coder import (
    dense_tables,
    pop_correction,
    pop_values,
    push_correction,
    push_values,
    row_bits,
    value_bits,
)
from vlaecodec.pixels.wavefront import Residuals, run_wavefronts, wavefronts

Words = NDArray[np.uint32]

FIT_PIXELS = 2**15
"""A correction is fitted on two thirds to twice as many pixels, where there are as many."""

SHIFTS = (0, -12, -8, -4, 4, 8, 12)
"""Shifts of scales that are tried; the first is none."""

BAND_PX = 2**12
"""The encoder computes about this many pixels at once; any number gives the same words."""


def encode_pixels(
    model: PhotoModel,
    pixels: Pixels,
    mean: Pixels,
    trunk: Features,
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
    contexts = Contexts(model.local.window, residual, model.local.given(mean, trunk))
    correction = None
    if colours == 3 and len(values) >= MIN_PIXELS:
        correction = _fit(model, values, contexts, grid, max_error)
    placement = _place_all(model, contexts, grid, max_error, colours, correction)
    height, width = mean.shape[:2]
    stack, tables = AnsStack(), dense_tables(model)
    for step in reversed(list(wavefronts(height, width, model.local.window.slope))):
        for number in reversed(range(colours)):
            push_values(stack, values[step, number], placement[step, number], tables)
    if colours == 3:
        push_correction(stack, correction, model)
    return stack.words(), decoded


def decode_pixels(
    model: PhotoModel,
    words: Words,
    mean: Pixels,
    trunk: Features,
    max_error: int,
    *,
    colours: int = 3,
) -> Pixels:
    """Decode a tile's pixels. Raises DamagedError if the words are not all used up exactly."""
    grid = ResidualGrid(max_error)
    stack, tables = AnsStack(words), dense_tables(model)
    local = model.local
    correction = pop_correction(stack, model) if colours == 3 else None
    means = mean.reshape(-1, 3)[:, COLOURS].astype(np.int32)

    def choose(number: int, pixels: slice, *outputs: Ints) -> Ints:
        values = pop_values(stack, grid.place(*outputs), tables)
        expected = means[pixels, number]
        return np.clip(expected + values * grid.step, 0, 255) - expected

    given = model.local.given(mean, trunk)[None]
    conditions = local_conditions(drawing=False, max_error=max_error)
    residual = run_wavefronts(
        local, given, conditions, choose, colours=colours, correction=correction
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
    words: Words,
    pixels: Pixels,
    mean: Pixels,
    trunk: Features,
    max_error: int,
    *,
    colours: int = 3,
) -> NDArray[np.float64]:
    """What each sample of a tile's decoded pixels cost, [H * W, 3] in coding order.

    words: the tile's, as `encode_pixels` returned them; so are the pixels, and the rest is what it
    was given. Of a grey tile only the first colour is coded.
    """
    grid = ResidualGrid(max_error)
    correction = pop_correction(AnsStack(words), model) if colours == 3 else None
    values = _quantise(pixels, mean, grid.step)[0].reshape(-1, 3)
    residual = to_residual(pixels, mean)
    contexts = Contexts(model.local.window, residual, model.local.given(mean, trunk))
    return value_bits(
        model, values, _place_all(model, contexts, grid, max_error, colours, correction)
    )


def _place_all(
    model: PhotoModel,
    contexts: Contexts,
    grid: ResidualGrid,
    max_error: int,
    colours: int,
    correction: Correction | None,
) -> Placement:
    """Every sample's table at once, the contexts known, [H * W, 3]."""
    rows = np.arange(contexts.height, dtype=np.int32)
    return grid.place(*_predict(model, contexts, rows, max_error, colours, correction))


def _predict(
    model: PhotoModel,
    contexts: Contexts,
    rows: Ints,
    max_error: int,
    colours: int = 3,
    correction: Correction | None = None,
) -> tuple[Ints, Ints, Ints]:
    """Mean, scale and tail of rows' samples, the contexts known: int32 [rows * W, 3] each."""
    height, width = len(rows), contexts.width
    band_rows = max(1, BAND_PX // width)
    conditions = local_conditions(drawing=False, max_error=max_error)
    matrices = correction.for_kernel() if correction else None
    kernel = LocalKernel(model.local, conditions, band_rows * width, matrices)
    outputs = np.zeros((3, height * width, 3), np.int32)
    for top in range(0, height, band_rows):
        inputs, own = contexts.of_rows(rows[top : top + band_rows])
        count = len(inputs)
        kernel.inputs[:count, :-1] = inputs
        kernel.known[:count] = own
        kernel.begin(count)
        for number in range(colours):
            outputs[:, top * width : top * width + count, number] = kernel.colour(number, count)
    return outputs[0], outputs[1], outputs[2]


def _fit(
    model: PhotoModel, values: Ints, contexts: Contexts, grid: ResidualGrid, max_error: int
) -> Correction | None:
    """The correction that suits a tile best, or None if none is worth its bytes."""
    height, width = contexts.height, contexts.width
    # A part of the rows tells as much; an odd step meets all rows of the mean image's blocks.
    rows = np.arange(0, height, height * width // FIT_PIXELS | 1, dtype=np.int32)
    part = (rows[:, None] * width + np.arange(width)).ravel()
    values = values[part]
    means, scales, tails = _predict(model, contexts, rows, max_error)
    inputs, own = contexts.of_rows(rows)
    seen = inputs[:, : model.local.linear_inputs]
    fitted = fit_means(seen, own, means, scales)
    moved, _ = correct(fitted, seen, own, means, scales)
    unmoved_bits, moved_bits = (
        _bits_by_class(model, values, grid, each, scales, tails) for each in (means, moved)
    )
    none = Correction.from_rows(np.zeros_like(fitted.to_rows()))
    shifted = replace(none, shift=_cheapest_shifts(unmoved_bits))
    fitted = replace(fitted, shift=_cheapest_shifts(moved_bits))
    # Each class takes what is cheapest for it.
    rows_of = np.stack([each.to_rows() for each in (none, shifted, fitted)])
    costs = np.stack([unmoved_bits[0], unmoved_bits.min(0), moved_bits.min(0)]).sum(2)
    costs *= height * width / len(part)
    costs += [[row_bits(model, row) for row in each] for each in rows_of]
    best = costs.argmin(0)
    if not best.any():
        return None
    return Correction.from_rows(rows_of[best, np.arange(CLASSES)])


def _cheapest_shifts(bits: NDArray[np.float64]) -> Ints:
    """Of bits [SHIFTS, CLASSES, 3]."""
    return np.array(SHIFTS, np.int32)[bits.argmin(0)]


def _bits_by_class(
    model: PhotoModel, values: Ints, grid: ResidualGrid, means: Ints, scales: Ints, tails: Ints
) -> NDArray[np.float64]:
    """What samples cost with each of SHIFTS, added up by class and colour: [SHIFTS, CLASSES, 3]."""
    slots = (3 * classes_of(scales) + np.arange(3)).ravel()
    costs = []
    for shift in SHIFTS:
        shifted = np.clip(scales + shift, DISTRIBUTION.low, DISTRIBUTION.high)
        bits = value_bits(model, values, grid.place(means, shifted, tails))
        costs.append(np.bincount(slots, bits.ravel(), 3 * CLASSES).reshape(CLASSES, 3))
    return np.stack(costs)


class Contexts:
    """What pixels see where all residuals are known."""

    def __init__(self, window: Window, residual: Residuals, given: NDArray[np.int16]) -> None:
        self._window, self._given = window, given
        self.height, self.width = residual.shape[:2]
        border = ((window.height, 0), (window.reach, window.reach), (0, 0))
        self._stored = np.pad(residual * np.float32(RESIDUAL_UNITS), border)

    def of_rows(self, rows: Ints) -> tuple[Floats, Floats]:
        """The kernel's inputs [n, windows and given] and own residuals [n, 3] of rows' pixels.

        Float32, residuals times RESIDUAL_UNITS.
        """
        above, reach = self._window.height, self._window.reach
        parts = [
            self._stored[dy : dy + self.height][rows, dx : dx + self.width]
            for dy in range(above + 1)
            for dx in range(self._window.width if dy < above else reach)
        ]
        own = self._stored[above:][rows, reach : reach + self.width].reshape(-1, 3)
        inputs = np.concatenate([*parts, self._given[rows]], axis=-1)
        return inputs.reshape(len(own), -1), own
