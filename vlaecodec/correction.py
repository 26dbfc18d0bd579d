"""A picture's own linear correction of the local decoder's means, sent along with exact pixels.

The local decoder predicts all photos with one set of weights. How a sample leans on its neighbours
differs with camera, sharpness and noise; a few whole numbers per tile, fitted by the encoder, tell
the decoder. Whole-number arithmetic, as everything that a decoder does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlaecodec.local_kernel import Floats, Ints
from vlaecodec.networks.local_decoder import RESIDUAL_UNITS
from vlaecodec.tables import MEAN_UNITS, SCALE_UNITS, residual_scale

COEFFICIENT_UNIT = 128
"""Coefficients are whole numbers of 1 / COEFFICIENT_UNIT grey levels per grey level."""

COEFFICIENT_LIMIT = 128
"""They lie in -COEFFICIENT_LIMIT..COEFFICIENT_LIMIT - 1."""

MIN_PIXELS = 2**14
"""Smaller tiles gain less than the coefficients cost."""

_RIDGE = 1e-5
_OUTLIER_SCALES = 3.0


@dataclass(frozen=True)
class Correction:
    """What is added to the means, by colour in coding order."""

    window: Ints
    """[window inputs, 3]: for each residual in the causal window."""
    known: Ints
    """[2, 3]: for the pixel's own residuals of the colours before; zero where not before."""
    bias: Ints
    """[3]."""

    def to_symbols(self) -> Ints:
        """All coefficients as one row of numbers 0..2 * COEFFICIENT_LIMIT - 1."""
        row = np.concatenate([self.window.ravel(), self.known.ravel(), self.bias])
        return (row + COEFFICIENT_LIMIT).astype(np.int32)

    @classmethod
    def from_symbols(cls, symbols: Ints) -> Correction:
        """The inverse of to_symbols."""
        row = symbols.astype(np.int32) - COEFFICIENT_LIMIT
        return cls(row[:-9].reshape(-1, 3), row[-9:-3].reshape(2, 3), row[-3:])

    @staticmethod
    def count(window_inputs: int) -> int:
        """How many coefficients there are."""
        return 3 * window_inputs + 9

    def matrices(self) -> tuple[Floats, Floats, Floats]:
        """For inputs in units of 1 / RESIDUAL_UNITS grey levels, results in MEAN_UNITS.

        Window [inputs, 3], known [2, 3] and bias [3] with the half that rounds to nearest. Every
        sum is a whole number of 2**-6 below 2**18: exact in float32.
        """
        unit = np.float32(MEAN_UNITS / COEFFICIENT_UNIT)
        window, known = (
            x.astype(np.float32) * (unit / RESIDUAL_UNITS) for x in (self.window, self.known)
        )
        return window, known, self.bias.astype(np.float32) * unit + np.float32(0.5)

    def apply(self, window: Floats, known: Floats) -> Ints:
        """What is added to the means of pixels, int32 [n, 3] in MEAN_UNITS.

        window: [n, inputs], known: [n, >= 2], both residuals times RESIDUAL_UNITS.
        """
        of_window, of_known, bias = self.matrices()
        total = window @ of_window + known[:, :2] @ of_known + bias
        return np.floor(total).astype(np.int32)


def fit_correction(
    window: Floats, known: Floats, residual: Ints, mean: Ints, scale: Ints
) -> Correction:
    """The weighted least squares of what the means miss.

    window, known: as in `Correction.apply`. residual: what came, grey levels [n, 3] in coding
    order; mean, scale: what was predicted, in MEAN_UNITS and SCALE_UNITS, [n, 3].
    """
    inputs = window.shape[1]
    columns: NDArray[np.int32] = np.zeros((inputs + 3, 3), np.int32)
    ones = np.ones((len(window), 1), np.float32)
    seen = np.concatenate([window, known[:, :2], ones], axis=1) * np.float32(1 / RESIDUAL_UNITS)
    seen[:, -1] = 1
    for number in range(3):
        used = [*range(inputs), *range(inputs, inputs + number), inputs + 2]
        missed = residual[:, number] - mean[:, number] / MEAN_UNITS
        spread = residual_scale(scale[:, number] / SCALE_UNITS)
        weight = 1 / (spread + 0.3)
        # Outliers count with their root.
        weight = weight * np.sqrt(np.minimum(1, _OUTLIER_SCALES * spread / (abs(missed) + 1e-9)))
        rows = (seen[:, used] * weight[:, None]).astype(np.float64)
        normal = rows.T @ rows + np.eye(len(used)) * len(rows) * _RIDGE
        solution = np.linalg.solve(normal, rows.T @ (missed * weight))
        columns[used, number] = np.clip(
            np.floor(solution * COEFFICIENT_UNIT + 0.5), -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT - 1
        )
    return Correction(columns[:inputs], columns[inputs : inputs + 2], columns[-1])
