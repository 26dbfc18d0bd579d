"""A tile's exact pixels to entropy-coded words and back, given its latents.

`encode_pixels` and `decode_pixels`. What is coded is the residual to the mean image on a grid: of
whole grey levels (lossless), or of 2 * max_error + 1 (near-lossless). One call of the entropy coder
takes all samples of a sub-grid's colour. The encoder knows all contexts and computes all
distributions before it codes; the decoder follows the sub-grids.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.ans import AnsStack
from vlaecodec.errors import DamagedError
from vlaecodec.frozen.bands import do_all
from vlaecodec.frozen.synthesis import Features
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo.distribution import STEP_CONDITIONS
from vlaecodec.networks.photo.subgrids import SubGrid
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels.correction import Correction, corrected_grids
from vlaecodec.pixels.fitting import apply_all, fit_all
from vlaecodec.pixels.kernel import Ints
from vlaecodec.pixels.passes import Passes, conditioning_of, from_plane, to_plane
from vlaecodec.pixels.residual import ResidualGrid, TableIndex
from vlaecodec.pixels.residual_coder import (
    coding_tables,
    pop_correction,
    pop_values,
    push_correction,
    push_values,
    value_bits,
)

Words = NDArray[np.uint32]


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
    grid = ResidualGrid(model.residual_rows, max_error)
    values, decoded = _quantise(pixels, mean, grid.step)
    conditioning = conditioning_of(model.local, mean, trunk)
    passes = Passes(model.local, conditioning, condition=STEP_CONDITIONS[max_error])
    passes.fill(to_plane(decoded) - to_plane(mean))
    predicted = predict_all(passes, colours)
    corrections: dict[int, Correction | None] = {}
    if colours == 3:
        corrections = fit_all(model, values, passes, predicted, grid)
        apply_all(corrections, passes, predicted)
    samples = list(product(range(len(passes.grids)), range(colours)))
    indices: dict[tuple[int, int], TableIndex] = {}

    def select(sample: tuple[int, int]) -> None:
        number, colour = sample
        indices[sample] = grid.select_tables(*predicted[number][:, colour])

    do_all(select, samples)
    stack, tables = AnsStack(), coding_tables(model)
    for number, colour in reversed(samples):
        symbols = values[colour, 0][passes.grids[number].places].ravel()
        push_values(stack, symbols, indices.pop((number, colour)), tables)
    for number in sorted(corrections, reverse=True):
        push_correction(stack, corrections[number], model)
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
    grid = ResidualGrid(model.residual_rows, max_error)
    stack, tables = AnsStack(words), coding_tables(model)
    conditioning = conditioning_of(model.local, mean, trunk)
    passes = Passes(model.local, conditioning, condition=STEP_CONDITIONS[max_error])
    if colours == 3:
        for number, correction in _pop_all(stack, passes, model).items():
            passes.correct(number, correction.for_kernel() if correction else None)

    def choose(colour: int, subgrid: SubGrid, _: slice, *outputs: Ints) -> Ints:
        values = pop_values(stack, grid.select_tables(*outputs), tables)
        expected = conditioning.mean[colour, 0][subgrid.places].ravel()
        return np.clip(expected + values * grid.step, 0, 255) - expected

    passes.run(choose, whole=True, colours=colours)
    if not stack.is_empty():
        raise DamagedError("the entropy-coded pixels do not end where they should")
    return from_residual(from_plane(passes.residual), mean)


def _pop_all(stack: AnsStack, passes: Passes, model: PhotoModel) -> dict[int, Correction | None]:
    """All corrections of a tile."""
    return {
        number: pop_correction(stack, passes.linear_inputs(number), model)
        for number in corrected_grids(len(passes.grids))
    }


def predict_all(passes: Passes, colours: int) -> list[Ints]:
    """The distributions of all sub-grids' samples, the contexts known.

    For each sub-grid mean, scale and tail in DISTRIBUTION units: int32 [3, colours, pixels].
    """
    shapes = [grid.size(passes.height, passes.width) for grid in passes.grids]
    outputs = [np.empty((3, colours, rows * columns), np.int32) for rows, columns in shapes]

    def keep(number: int, rows: slice, found: Ints) -> None:
        columns = shapes[number][1]
        outputs[number][:, :, columns * rows.start : columns * rows.stop] = found

    passes.predict(keep, colours)
    return outputs


def _quantise(pixels: Pixels, mean: Pixels, step: int) -> tuple[Ints, Pixels]:
    """Residuals in steps, [3, 1, H, W] in coding order, and the pixels that they stand for."""
    values = (to_plane(pixels).astype(np.int32) - to_plane(mean) + step // 2) // step
    decoded = np.clip(mean + from_plane(values) * step, 0, 255).astype(np.uint8)
    return values, decoded


def from_residual(residual: NDArray[np.int16], mean: Pixels) -> Pixels:
    """mean + residual, clipped; uint8 [H, W, 3]."""
    return np.clip(mean + residual, 0, 255).astype(np.uint8)


def pixel_bits(
    model: PhotoModel,
    words: Words,
    pixels: Pixels,
    mean: Pixels,
    trunk: Features,
    max_error: int,
    *,
    colours: int = 3,
) -> NDArray[np.float64]:
    """What each pixel of a tile's decoded pixels cost, [H, W]. All are what `encode_pixels` took.

    What corrections cost is shared among all pixels.
    """
    grid = ResidualGrid(model.residual_rows, max_error)
    values, _ = _quantise(pixels, mean, grid.step)
    conditioning = conditioning_of(model.local, mean, trunk)
    passes = Passes(model.local, conditioning, condition=STEP_CONDITIONS[max_error])
    passes.fill(to_plane(pixels) - to_plane(mean))
    stack, bits = AnsStack(words), np.zeros(pixels.shape[:2])
    if colours == 3:
        before_bits = stack.size_bits()
        for number, correction in _pop_all(stack, passes, model).items():
            passes.correct(number, correction.for_kernel() if correction else None)
        bits += (before_bits - stack.size_bits()) / bits.size
    for subgrid, predicted in zip(passes.grids, predict_all(passes, colours), strict=True):
        symbols = values[(slice(colours), 0, *subgrid.places)].reshape(colours, -1)
        costs = value_bits(model, symbols, grid.select_tables(*predicted)).sum(0)
        bits[subgrid.places] += costs.reshape(bits[subgrid.places].shape)
    return bits
