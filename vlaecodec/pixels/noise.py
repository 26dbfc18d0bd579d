"""The noise that pictures are drawn from: a whole-number hash of seed and place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def noise_at(seed: int, top: int, left: int, rows: int, columns: int) -> NDArray[np.uint32]:
    """A hash of seed, colour and place for each sample, uint32 [3, rows, columns]."""
    colours, lines, places = (
        np.arange(start, start + count, dtype=np.uint32)
        for start, count in ((3 * seed, 3), (top, rows), (left, columns))
    )
    return _mix(_mix(_mix(colours)[:, None] + lines)[:, :, None] + places)


def _mix(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A 32-bit hash; the constants are those of C. Wellons' lowbias32 (2018)."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    mixed: NDArray[np.uint32] = x ^ (x >> np.uint32(16))
    return mixed
