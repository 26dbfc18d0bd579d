"""metrics.ms_ssim, differentiable: something to descend on, in training and in search."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.metrics.distortion import (
    MS_SSIM_C1,
    MS_SSIM_C2,
    MS_SSIM_MIN_PX,
    MS_SSIM_TAPS,
    MS_SSIM_WEIGHTS,
)

MS_SSIM_GAIN = 1330.0
"""Squared grey levels that 1 - MS-SSIM is worth, so that equal qualities take about equal bits.

The ratio between the two losses' lambdas in the models of Balle et al. (arXiv 1802.01436) as
CompressAI trained them: 2.40 to 64 for MS-SSIM, 0.0018 to 0.0483 for squared grey levels.
"""


def ms_ssim_loss(first: Tensor, second: Tensor) -> Tensor:
    """1 - MS-SSIM of pictures float [B, 3, H, W] in grey levels, float [B].

    Raises ValueError if a side is shorter than MS_SSIM_MIN_PX.
    """
    if min(first.shape[-2:]) < MS_SSIM_MIN_PX:
        raise ValueError(f"MS-SSIM needs crops of {MS_SSIM_MIN_PX} pixels a side at least")
    # bfloat16 has too few digits for the difference of two means of squares.
    with torch.autocast(first.device.type, enabled=False):
        x, y = first.float().contiguous(), second.float().contiguous()
        product = torch.ones(x.shape[:2], device=x.device)
        for scale, weight in enumerate(MS_SSIM_WEIGHTS):
            luminance, contrast = _ssim_parts(x, y)
            last = scale == len(MS_SSIM_WEIGHTS) - 1
            part = (luminance * contrast if last else contrast).mean((2, 3))
            # Not quite zero, where a power has no gradient.
            product = product * part.clamp_min(1e-4) ** weight
            odd = [side % 2 for side in x.shape[-2:]]
            x, y = (F.avg_pool2d(p, 2, padding=odd) for p in (x, y))
        return 1 - product.mean(1)


def _ssim_parts(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance term, and the contrast and structure term, at every place."""
    planes = torch.cat([x, y, x * x + y * y, x * y], dim=1)
    mean_x, mean_y, squares_mean, product_mean = _blur(planes).chunk(4, dim=1)
    squares, product = mean_x**2 + mean_y**2, mean_x * mean_y
    luminance = (2 * product + MS_SSIM_C1) / (squares + MS_SSIM_C1)
    contrast = (2 * (product_mean - product) + MS_SSIM_C2) / (squares_mean - squares + MS_SSIM_C2)
    return luminance, contrast


def _blur(planes: Tensor) -> Tensor:
    """[B, C, H - 10, W - 10]"""
    rows, columns = (_band(side, planes.device) for side in planes.shape[-2:])
    return rows @ planes @ columns.T


@lru_cache(maxsize=32)
def _band(side: int, device: torch.device) -> Tensor:
    """The blur of one side as a matrix, [side - 10, side]: ten times as fast as a convolution of
    one channel, on a CPU."""
    taps = torch.from_numpy(MS_SSIM_TAPS).float()
    shifted = torch.eye(side).unfold(0, len(taps), 1)
    return (shifted @ taps).to(device)
