"""How much a block grid shows in smooth places of a decoded picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMOOTH_DEVIATION = 4.0
"""Grey levels: a place is smooth where the original deviates less within SMOOTH_PX pixels."""

SMOOTH_PX = 16


def block_step_ratio(
    original: NDArray[np.uint8], decoded: NDArray[np.uint8], block_px: int
) -> float | None:
    """The mean absolute step of luma across block borders, over that between other neighbours.

    Rows and columns together, in smooth places of the original only; uint8 [H, W, 3] both. 1 is no
    grid at all. None where there is no smooth place.
    """
    across, between = [], []
    before, after = _luma(original), _luma(decoded)
    for first, second in ((before, after), (before.T, after.T)):
        steps = np.abs(np.diff(second, axis=1))
        smooth = _smooth(first)[:, 1:]
        border = (np.arange(steps.shape[1]) + 1) % block_px == 0
        across.append(steps[:, border][smooth[:, border]])
        between.append(steps[:, ~border][smooth[:, ~border]])
    edges, inner = np.concatenate(across), np.concatenate(between)
    if len(edges) == 0 or len(inner) == 0 or inner.mean() == 0:
        return None
    return float(edges.mean() / inner.mean())


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """BT.601, [H, W]"""
    luma: NDArray[np.float64] = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return luma


def _smooth(luma: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the deviation within SMOOTH_PX x SMOOTH_PX pixels is small, [H, W]."""
    height, width = luma.shape
    rows, columns = -(-height // SMOOTH_PX), -(-width // SMOOTH_PX)
    padded = np.pad(
        luma, ((0, rows * SMOOTH_PX - height), (0, columns * SMOOTH_PX - width)), mode="edge"
    )
    cells = padded.reshape(rows, SMOOTH_PX, columns, SMOOTH_PX).std(axis=(1, 3))
    flat = np.repeat(np.repeat(cells < SMOOTH_DEVIATION, SMOOTH_PX, 0), SMOOTH_PX, 1)
    return flat[:height, :width]
