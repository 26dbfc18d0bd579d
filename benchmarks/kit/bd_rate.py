"""The average distance between two rate-distortion curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Curve = Sequence[tuple[float, float]]
"""(rate in bpp, quality in dB) points."""


@dataclass(frozen=True)
class BdRate:
    """How much more rate one curve needs than another, and where that was compared."""

    percent: float
    """Less than 0: the tested curve needs less."""
    qualities_db: tuple[float, float]
    """The range of quality that was averaged over."""
    reference_bpp: tuple[float, float]
    tested_bpp: tuple[float, float]
    """The rates at which each curve has these qualities."""


def bd_rate(
    reference: Curve, tested: Curve, rates_bpp: tuple[float, float] | None = None
) -> BdRate:
    """How much more rate `tested` needs than `reference` for the same quality.

    Log rate is interpolated over quality with monotone cubics (Bjontegaard, VCEG-M33, with pchip
    as in JCTVC-B055) and averaged over the qualities both curves reach; `rates_bpp` limits that to
    what `reference` reaches at these rates. Raises ValueError if the curves do not overlap.
    """
    points = [_by_quality(curve) for curve in (reference, tested)]
    log_rates = [PchipInterpolator(quality, log_rate) for quality, log_rate in points]
    low = max(quality[0] for quality, _ in points)
    high = min(quality[-1] for quality, _ in points)
    if rates_bpp is not None:
        quality, log_rate = points[0]
        quality_at = PchipInterpolator(log_rate, quality)
        first, last = (np.clip(np.log(r), log_rate[0], log_rate[-1]) for r in rates_bpp)
        low, high = max(low, float(quality_at(first))), min(high, float(quality_at(last)))
    if high <= low:
        raise ValueError("the curves share no range of quality")
    gap = log_rates[1].integrate(low, high) - log_rates[0].integrate(low, high)
    ends = [np.exp(curve([low, high])) for curve in log_rates]
    return BdRate(
        percent=100 * float(np.expm1(gap / (high - low))),
        qualities_db=(float(low), float(high)),
        reference_bpp=(float(ends[0][0]), float(ends[0][1])),
        tested_bpp=(float(ends[1][0]), float(ends[1][1])),
    )


def _by_quality(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Quality and log rate, rising. Raises ValueError if quality does not rise with rate."""
    rate, quality = np.array(sorted(curve), np.float64).T
    if len(rate) < 2 or np.any(np.diff(quality) <= 0):
        raise ValueError("a curve needs two points at least, and quality has to rise with rate")
    return quality, np.log(rate)
