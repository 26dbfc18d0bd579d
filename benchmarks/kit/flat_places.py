"""Grain where a photo has none: the energy of the finest detail in flat places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from vlaecodec.picture.image import Pixels

SIDE_PX = 8
FLAT_VARIANCE = 4.0
"""Grey levels squared, of luma: squares of the photo that vary less are flat."""

FINEST = 2
"""Frequencies along each side that count, the highest."""

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def measure_flat_places(original: Pixels, decoded: Pixels) -> dict[str, float]:
    """Mean energies of the finest frequencies where the original is flat, grey levels squared.

    Of a two-dimensional cosine transform in squares of SIDE_PX; rounding to whole levels alone
    gives 1/12. With them the number of flat squares; all 0 if there is none.
    """
    theirs, ours = (_squares(x) for x in (original, decoded))
    flat = theirs.var((1, 2)) < FLAT_VARIANCE
    energies = [_finest_energy(x[flat]) if flat.any() else 0.0 for x in (theirs, ours)]
    return dict(
        zip(("flat_squares", "flat_original", "flat"), (float(flat.sum()), *energies), strict=True)
    )


def _squares(picture: Pixels) -> NDArray[np.float64]:
    luma = picture.astype(np.float64) @ _LUMA
    rows, columns = (side // SIDE_PX for side in luma.shape)
    parts = luma[: rows * SIDE_PX, : columns * SIDE_PX].reshape(rows, SIDE_PX, columns, SIDE_PX)
    return parts.swapaxes(1, 2).reshape(-1, SIDE_PX, SIDE_PX)


def _finest_energy(squares: NDArray[np.float64]) -> float:
    found = dctn(squares, axes=(1, 2), norm="ortho")[:, -FINEST:, -FINEST:]
    return float((found**2).mean())
