"""Reduce a picture to fewer colours, so that a lossless coder needs fewer bytes.

The colours are split in two along their widest direction until there are enough (as Orchard and
Bouman 1991, DOI 10.1109/78.107417), then moved to the means of what is nearest to them (Lloyd's
algorithm). Pillow's palettes were 3 to 10 dB further from smooth drawings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlaecodec.picture.image import Pixels

MOST_COLOURS = 2**15
"""No palette stands for more: a picture that has them is no drawing, and the search is long."""

LLOYD_ROUNDS = 8

_Colours = NDArray[np.float64]
"""[n, 3], grey levels."""


class ColourTable:
    """A picture's colours, how often each is there, and where."""

    def __init__(self, pixels: Pixels) -> None:
        flat = pixels.reshape(-1, 3).astype(np.uint32)
        packed = flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]
        distinct, self._places, counts = np.unique(packed, return_inverse=True, return_counts=True)
        self._shape = pixels.shape
        self._counts = counts.astype(np.float64)
        self._colours: _Colours = np.stack(
            [distinct >> 16, distinct >> 8 & 255, distinct & 255], 1
        ).astype(np.float64)

    def __len__(self) -> int:
        return len(self._colours)

    def reduce_to(self, count: int) -> Pixels:
        """The picture in at most so many colours, near it in squared error: uint8 [H, W, 3]."""
        palette = self._split(count)
        for _ in range(LLOYD_ROUNDS):
            palette = self._move_to_means(palette)
        palette = np.rint(palette)
        shown = palette[_nearest(self._colours, palette)].astype(np.uint8)
        return shown[self._places].reshape(self._shape)

    def _split(self, count: int) -> _Colours:
        """Means of so many groups: that with the largest squared error is split, time and again."""
        groups = [np.arange(len(self))]
        spreads = [self._spread(groups[0])]
        while len(groups) < count:
            widest = int(np.argmax([np.trace(spread) for _, spread in spreads]))
            group, (mean, spread) = groups[widest], spreads[widest]
            direction = np.linalg.eigh(spread)[1][:, -1]
            above = (self._colours[group] - mean) @ direction > 0
            if above.all() or not above.any():
                break  # nothing left but equal colours
            groups[widest], other = group[above], group[~above]
            spreads[widest] = self._spread(groups[widest])
            groups.append(other)
            spreads.append(self._spread(other))
        return np.stack([mean for mean, _ in spreads])

    def _spread(self, group: NDArray[np.intp]) -> tuple[_Colours, _Colours]:
        """Mean and sum of squares [3, 3] of some colours' pixels."""
        colours, counts = self._colours[group], self._counts[group, None]
        mean = (colours * counts).sum(0) / counts.sum()
        return mean, ((colours - mean) * counts).T @ (colours - mean)

    def _move_to_means(self, palette: _Colours) -> _Colours:
        nearest = _nearest(self._colours, palette)
        weights = np.bincount(nearest, self._counts, len(palette))
        sums = [np.bincount(nearest, self._counts * c, len(palette)) for c in self._colours.T]
        means = np.stack(sums, 1) / np.maximum(weights, 1)[:, None]
        return np.where(weights[:, None] > 0, means, palette)


def coarsen(pixels: Pixels, step: int) -> Pixels:
    """Every sample at the nearest multiple of a step that divides 255: uint8 as before."""
    return ((pixels.astype(np.int16) + step // 2) // step * step).astype(np.uint8)


def _nearest(colours: _Colours, palette: _Colours) -> NDArray[np.intp]:
    """For each colour the palette's nearest."""
    distances = (palette**2).sum(1) - 2 * colours @ palette.T
    return distances.argmin(1)
