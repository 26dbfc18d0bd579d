"""The local decoder in raster order, one pixel a step: what every wavefront must agree with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.local import LocalDecoder
from vlaecodec.networks.photo.distribution import RESIDUAL_UNITS
from vlaecodec.pixels.correction import Correction
from vlaecodec.pixels.kernel import Floats, LocalKernel
from vlaecodec.pixels.wavefront import ChooseSamples, Residuals


def raster_steps(height: int, width: int, slope: int) -> Iterator[slice]:
    """For each step its one pixel, with the contract of `wavefronts`. slope: without effect."""
    del slope
    for pixel in range(height * width):
        yield slice(pixel, pixel + 1, 1)


def run_raster(
    local: LocalDecoder,
    given: NDArray[np.int16],
    conditions: Floats,
    choose: ChooseSamples,
    above: Residuals | None = None,
    colours: int = 3,
    correction: Correction | None = None,
) -> Residuals:
    """Decode residuals pixel by pixel; the contract is that of `run_wavefronts`.

    given: SIGNED [lanes, H, W, n]. conditions: SIGNED [CONDITIONS]. above: residuals of the rows
    just above, [lanes, window height, W, 3]; zeros by default. colours: 1 for grey.
    Returns [lanes, H, W, 3].
    """
    lanes, height, width, _ = given.shape
    window = local.window
    reach, rows = window.reach, window.height
    residuals = np.zeros((lanes, rows + height, width + 2 * reach, 3), np.int16)
    if above is not None:
        residuals[:, :rows, reach : reach + width] = above
    matrices = correction.for_kernel() if correction else None
    kernel = LocalKernel(local, conditions, lanes, matrices)

    for row in range(height):
        for column in range(width):
            # In `residuals` the pixel lies `rows` lower and `reach` further right.
            over = residuals[:, row : row + rows, column : column + window.width]
            beside = residuals[:, row + rows, column : column + reach]
            seen = np.concatenate([over.reshape(lanes, -1), beside.reshape(lanes, -1)], 1)
            kernel.inputs[:, : seen.shape[1]] = seen * np.float32(RESIDUAL_UNITS)
            kernel.inputs[:, seen.shape[1] : -1] = given[:, row, column]
            kernel.begin(lanes)
            pixel = row * width + column
            for number in range(colours):
                outputs = kernel.colour(number, lanes)
                chosen = choose(number, slice(pixel, pixel + 1, 1), *outputs)
                residuals[:, row + rows, column + reach, number] = chosen
                kernel.known[:, number] = chosen * np.float32(RESIDUAL_UNITS)
            here = residuals[:, row + rows, column + reach]
            here[:, colours:] = here[:, :1]
    return residuals[:, rows:, reach : reach + width].copy()
