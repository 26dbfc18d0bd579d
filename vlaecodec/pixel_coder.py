"""A tile's exact pixels to entropy-coded words and back, given its latents.

`encode_pixels` and `decode_pixels`. What is coded is the residual to the mean image on a grid: of
whole grey levels (lossless), or of 2 * max_error + 1 (near-lossless). The encoder knows all
contexts and computes all distributions at once; the decoder follows the wavefront.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.entropy import AnsStack, DenseTables, Symbols
from vlaecodec.errors import DamagedError
from vlaecodec.image import Pixels
from vlaecodec.local_kernel import Ints, LocalKernel
from vlaecodec.model import PhotoModel
from vlaecodec.networks.local_decoder import COLOURS, RESIDUAL_UNITS, local_conditions
from vlaecodec.residual import Placement, ResidualGrid
from vlaecodec.tables import RESIDUAL_ENTRIES
from vlaecodec.wavefront import Residuals, run_wavefronts, wavefronts

Words = NDArray[np.uint32]

ESCAPE_VALUES = 512
"""An escaped residual, in steps, is one of -256..255."""

_LOW = RESIDUAL_ENTRIES // 2
_ESCAPE = RESIDUAL_ENTRIES - 1
_BAND_PX = 2**16
"""The encoder computes about this many pixels at once; any number gives the same words."""


def encode_pixels(
    model: PhotoModel, pixels: Pixels, mean: Pixels, trunk: Tensor, max_error: int
) -> tuple[Words, Pixels]:
    """Code a tile's pixels given its mean image.

    pixels, mean: uint8 [H, W, 3]. trunk: int16 [channels, >= H / 8, >= W / 8], the global decoder's
    features. Returns the words, bottom of the stack first, and the pixels as they will be decoded:
    none off by more than max_error.
    """
    grid = ResidualGrid(max_error)
    values, decoded = _quantise(pixels, mean, grid.step)
    placement = _place_all(model, trunk, to_residual(decoded, mean), grid, max_error)
    values = values.reshape(-1, 3)
    height, width = mean.shape[:2]
    stack, tables = AnsStack(), _dense_tables(model)
    for step in reversed(list(wavefronts(height, width, model.network.local.window.slope))):
        for number in reversed(range(3)):
            _push_values(stack, values[step, number], placement[step, number], tables)
    return stack.words(), decoded


def decode_pixels(
    model: PhotoModel, words: Words, mean: Pixels, trunk: Tensor, max_error: int
) -> Pixels:
    """Decode a tile's pixels. Raises DamagedError if the words are not all used up exactly."""
    grid = ResidualGrid(max_error)
    stack, tables = AnsStack(words), _dense_tables(model)
    means = mean.reshape(-1, 3)[:, COLOURS].astype(np.int32)

    def choose(number: int, pixels: slice, *outputs: Ints) -> Ints:
        values = _pop_values(stack, grid.place(*outputs), tables)
        expected = means[pixels, number]
        return np.clip(expected + values * grid.step, 0, 255) - expected

    features = model.local_features(trunk, *mean.shape[:2])
    conditions = local_conditions(drawing=False, max_error=max_error)
    residual = run_wavefronts(model.network.local, features[None], conditions, choose)[0]
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


def _place_all(
    model: PhotoModel, trunk: Tensor, context: Residuals, grid: ResidualGrid, max_error: int
) -> Placement:
    """Every sample's table at once, the contexts known: arrays [H * W, 3]."""
    local = model.network.local
    height, width = context.shape[:2]
    above = local.window.height
    padded = np.pad(context, ((above, 0), (0, 0), (0, 0)))
    stored = torch.from_numpy(padded).float().unsqueeze(0) * RESIDUAL_UNITS
    features = model.local_features(trunk, height, width)
    rows = max(1, _BAND_PX // width)
    kernel = LocalKernel(local, local_conditions(drawing=False, max_error=max_error), rows * width)
    placement = Placement(*np.empty((3, height * width, 3), np.int32))
    for top in range(0, height, rows):
        band = stored[:, top : top + above + rows]
        window = local.window.gather(band)[0, above:].flatten(0, 1).numpy()
        part = slice(top * width, top * width + len(window))
        seen = kernel.inputs[: len(window), :-1]
        np.concatenate([window, features[top : top + rows].reshape(len(window), -1)], 1, out=seen)
        kernel.known[: len(window)] = band[0, above:].flatten(0, 1).numpy()
        kernel.begin(len(window))
        for number in range(3):
            placement[part, number] = grid.place(*kernel.colour(number, len(window)))
    return placement


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
