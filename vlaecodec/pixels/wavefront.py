"""Running the local decoder pixel by pixel, a wavefront at a time.

Pixels with equal column + slope * row do not see each other through the causal window, so all of
them are computed at once: W + slope * (H - 1) steps instead of W * H. Several images of one size
("lanes") run side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.local import LocalDecoder
from vlaecodec.networks.photo.distribution import RESIDUAL_UNITS
from vlaecodec.pixels.correction import Correction
from vlaecodec.pixels.kernel import Floats, Ints, LocalKernel

Residuals = NDArray[np.int16]
"""Differences to the mean image, grey levels, colours in the order COLOURS."""

ChooseSamples = Callable[[int, slice, Ints, Ints, Ints], Ints]
"""Called with a colour's number, the pixels as a slice of rows * columns, and the samples' mean,
scale and tail in DISTRIBUTION units, [lanes * n] each. Returns their residuals [lanes * n]."""


def wavefronts(height: int, width: int, slope: int) -> Iterator[slice]:
    """For each step its pixels, counted as row * width + column."""
    stride = max(width - slope, 1)  # a single column has one pixel a step
    for step in range(width + slope * (height - 1)):
        first = max(0, -(-(step - width + 1) // slope))
        end = min(height, step // slope + 1)
        # A narrow image has steps without any pixel.
        if first < end:
            start = first * width + step - slope * first
            yield slice(start, start + (end - first - 1) * stride + 1, stride)


def view(
    array: Floats, shape: tuple[int, ...], strides: tuple[int, ...], offset_bytes: int
) -> Floats:
    """Part of an array's memory; as numpy's as_strided, which takes ten times as long."""
    return np.ndarray(shape, array.dtype, array, offset_bytes, strides)


def run_wavefronts(
    local: LocalDecoder,
    given: NDArray[np.int16],
    conditions: Floats,
    choose: ChooseSamples,
    above: Residuals | None = None,
    colours: int = 3,
    correction: Correction | None = None,
) -> Residuals:
    """Decode residuals, each pixel's window holding what `choose` returned before.

    given: SIGNED [lanes, H, W, n], see LocalDecoder.given. conditions: SIGNED [CONDITIONS].
    above: residuals of the rows just above, [lanes, window height, W, 3]; zeros by default.
    colours: 3, or 1 for grey pictures: the others then repeat the first. correction: of means and
    scales. Returns [lanes, H, W, 3].
    """
    lanes, height, width, depth = given.shape
    window = local.window
    reach, rows = window.reach, window.height
    # Residuals times RESIDUAL_UNITS, bordered by zeros.
    stored = np.zeros((lanes, rows + height, width + 2 * reach, 3), np.float32)
    if above is not None:
        stored[:, :rows, reach : reach + width] = above * np.float32(RESIDUAL_UNITS)
    lane, line, pixel, sample = stored.strides
    step = (lane, line - window.slope * pixel)
    wide = 3 * rows * window.width
    matrices = correction.for_kernel() if correction else None
    kernel = LocalKernel(local, conditions, lanes * height, matrices)
    inputs, known = kernel.inputs, kernel.known
    given = given.reshape(lanes, height * width, depth)

    for pixels in wavefronts(height, width, window.slope):
        first, column = divmod(pixels.start, width)
        count = (pixels.stop - pixels.start - 1) // pixels.step + 1
        total = lanes * count
        corner = first * line + column * pixel

        seen = inputs[:total].reshape(lanes, count, -1)
        over = view(stored, (lanes, count, rows, 3 * window.width), (*step, line, sample), corner)
        seen[..., :wide] = over.reshape(lanes, count, wide)
        corner += rows * line
        beside = view(stored, (lanes, count, 3 * reach), (*step, sample), corner)
        seen[..., wide : wide + 3 * reach] = beside
        seen[..., wide + 3 * reach : -1] = given[:, pixels]
        here = view(stored, (lanes, count, 3), (*step, sample), corner + reach * pixel)
        kernel.begin(total)
        for number in range(colours):
            residuals = choose(number, pixels, *kernel.colour(number, total))
            known[:total, number] = residuals * np.float32(RESIDUAL_UNITS)
        known[:total, colours:] = known[:total, :1]
        here[:] = known[:total].reshape(lanes, count, 3)
    whole = stored[:, rows:, reach : reach + width] / RESIDUAL_UNITS
    return whole.astype(np.int16)
