"""Distortion, and the average distance between two rate-distortion curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def psnr_db(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio over all samples of two uint8 arrays of one shape, dB.

    Infinite for equal arrays.
    """
    difference = first.astype(np.int32) - second.astype(np.int32)
    mse = float(np.mean(difference**2))
    return 10 * float(np.log10(255**2 / mse)) if mse else float("inf")


def bd_rate_percent(
    reference: Sequence[tuple[float, float]],
    tested: Sequence[tuple[float, float]],
    rates_bpp: tuple[float, float] | None = None,
) -> float:
    """How much more rate `tested` needs than `reference` for the same quality, percent.

    Each curve is (rate in bpp, quality in dB) points. Log rate is interpolated over quality with
    monotone cubics (Bjontegaard, VCEG-M33, with pchip as in JCTVC-B055) and averaged over the
    qualities both curves reach; `rates_bpp` limits that to what `reference` reaches at these rates.
    Raises ValueError if the curves do not overlap.
    """
    from scipy.interpolate import PchipInterpolator

    curves = []
    for points in (reference, tested):
        rate, quality = np.array(sorted(points, key=lambda p: p[1])).T
        curves.append((np.log(rate), quality))
    log_rates = [PchipInterpolator(quality, log_rate) for log_rate, quality in curves]
    low = max(quality[0] for _, quality in curves)
    high = min(quality[-1] for _, quality in curves)
    if rates_bpp is not None:
        quality_at = PchipInterpolator(*curves[0])
        first, last = (np.clip(np.log(r), curves[0][0][0], curves[0][0][-1]) for r in rates_bpp)
        low, high = max(low, float(quality_at(first))), min(high, float(quality_at(last)))
    if high <= low:
        raise ValueError("the curves share no range of quality")
    gap = log_rates[1].integrate(low, high) - log_rates[0].integrate(low, high)
    return 100 * float(np.exp(gap / (high - low)) - 1)
