"""The noise that pictures are drawn from: a whole-number hash of seed and place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def noise_at(seed: int, top: int, rows: int, width: int) -> NDArray[np.uint32]:
    """A hash of seed, colour and place for each sample, uint32 [rows, width, 3]."""
    colour = _mix(np.uint32(3 * seed) + np.arange(3, dtype=np.uint32))
    row = _mix(colour + np.arange(top, top + rows, dtype=np.uint32)[:, None])
    return _mix(row[:, None] + np.arange(width, dtype=np.uint32)[:, None])


def _mix(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A 32-bit hash; the constants are those of C. Wellons' lowbias32 (2018)."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    mixed: NDArray[np.uint32] = x ^ (x >> np.uint32(16))
    return mixed
