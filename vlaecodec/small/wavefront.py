"""Raster order made parallel: pixels that do not see each other through a causal window.

Pixels with equal column + slope * row do not, so all of them are computed at once: W + slope * (H -
1) steps instead of W * H.
"""

from __future__ import annotations

from collections.abc import Iterator


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
