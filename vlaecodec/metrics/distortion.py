"""Distortion between a picture and its original."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MS_SSIM_MIN_PX = 161
"""The shorter side; smaller pictures have fewer scales than the measure is made for."""

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_PEAK = 255
MS_SSIM_C1, MS_SSIM_C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
MS_SSIM_TAPS = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2)).astype(np.float32)
MS_SSIM_TAPS /= MS_SSIM_TAPS.sum()

# Full-range Y, Cb, Cr of ITU-R BT.601, as in JFIF; offsets make no difference.
_YUV = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
_YUV_WEIGHTS = (6, 1, 1)

Planes = NDArray[np.float32]
"""[3, H, W]"""


def psnr_db(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio over all samples of two uint8 arrays of one shape, dB.

    Infinite for equal arrays.
    """
    difference = first.astype(np.int32) - second.astype(np.int32)
    return _to_db(float(np.mean(difference**2)))


def psnr_yuv_db(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean of the PSNR of Y, Cb and Cr, weighted 6:1:1, dB; uint8 [H, W, 3], RGB.

    At full resolution, not rounded, BT.601 full range. Infinite for equal arrays; planes that are
    equal in both, such as the chroma of grey pictures, are left out.
    """
    difference = first.astype(np.float32) - second.astype(np.float32)
    squares = (difference @ _YUV.T) ** 2
    # What float32 leaves of a difference that is none is far below any picture's.
    mse = squares.mean((0, 1), dtype=np.float64)
    planes = [(_to_db(m), w) for m, w in zip(mse, _YUV_WEIGHTS, strict=True) if m > 1e-6]
    if not planes:
        return float("inf")
    return float(np.average([db for db, _ in planes], weights=[w for _, w in planes]))


def ms_ssim(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Multi-scale structural similarity, the mean over R, G and B; 1 for equal pictures.

    Wang, Simoncelli and Bovik 2003: five scales, an 11-tap Gaussian of deviation 1.5 without
    padding. Odd sides are padded with zeros before halving, as `pytorch-msssim` does, so that
    figures are comparable. Raises ValueError if a side is shorter than MS_SSIM_MIN_PX.
    """
    if min(first.shape[:2]) < MS_SSIM_MIN_PX:
        raise ValueError(f"MS-SSIM needs {MS_SSIM_MIN_PX} pixels a side at least")
    x, y = (p.astype(np.float32).transpose(2, 0, 1) for p in (first, second))
    product = np.ones(3)
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        luminance, contrast = _ssim_parts(x, y)
        last = scale == len(MS_SSIM_WEIGHTS) - 1
        part = np.mean(luminance * contrast if last else contrast, axis=(1, 2), dtype=np.float64)
        product *= np.maximum(part, 0) ** weight
        x, y = _halve(x), _halve(y)
    return float(product.mean())


def ms_ssim_db(similarity: float) -> float:
    """MS-SSIM on a scale on which it can be averaged over curves: -10 log10(1 - similarity)."""
    return -10 * float(np.log10(1 - similarity)) if similarity < 1 else float("inf")


def _to_db(mse: float) -> float:
    return 10 * float(np.log10(_PEAK**2 / mse)) if mse else float("inf")


def _ssim_parts(x: Planes, y: Planes) -> tuple[Planes, Planes]:
    """The luminance term, and the contrast and structure term, at every place."""
    mean_x, mean_y = _blur(x), _blur(y)
    squares, product = mean_x**2 + mean_y**2, mean_x * mean_y
    variances = _blur(x * x) + _blur(y * y) - squares
    covariance = _blur(x * y) - product
    luminance = (2 * product + MS_SSIM_C1) / (squares + MS_SSIM_C1)
    contrast = (2 * covariance + MS_SSIM_C2) / (variances + MS_SSIM_C2)
    return luminance.astype(np.float32), contrast.astype(np.float32)


def _blur(x: Planes) -> Planes:
    """[3, H - 10, W - 10]"""
    height, width = (side - len(MS_SSIM_TAPS) + 1 for side in x.shape[1:])
    rows = np.zeros((3, height, x.shape[2]), np.float32)
    blurred = np.zeros((3, height, width), np.float32)
    for place, weight in enumerate(MS_SSIM_TAPS):
        rows += weight * x[:, place : place + height]
    for place, weight in enumerate(MS_SSIM_TAPS):
        blurred += weight * rows[:, :, place : place + width]
    return blurred


def _halve(x: Planes) -> Planes:
    height, width = x.shape[1:]
    # A zero row or column in front as well as behind, of which the one behind is left over.
    x = np.pad(x, ((0, 0), (height % 2, 0), (width % 2, 0)))
    rows = x[:, ::2] + x[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2]) * np.float32(0.25)
