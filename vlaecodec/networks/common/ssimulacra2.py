"""SSIMULACRA2's error, differentiable: something to descend on in training.

After the published description of SSIMULACRA 2 (Sneyers, Cloudinary, 2022-2023): per-scale maps of
structural similarity, of new edges and of lost detail in the XYB colour space, pooled by 1- and
4-norms and added up with published weights.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.networks.common.constants import constant

SSIMULACRA2_GAIN = 6.0
"""Squared grey levels that one unit of the error is worth, so that equal qualities take about
equal bits: MS_SSIM_GAIN * (1 - MS-SSIM) over the error, geometric mean of AVIF files of six
validation photos at three qualities."""

SCALES = 6
MIN_SIDE_PX = 8
"""Scales with a shorter side are left out, as in the measure itself."""

_OPSIN = ((0.30, 0.622, 0.078), (0.23, 0.692, 0.078), (0.24342269, 0.20476744, 0.55180987))
_OPSIN_BIAS = 0.0037930732552754493
_WEIGHTS = (
    (
        (0, 0.000737661, 0, 0, 0.000779348, 0),
        (0, 0.000437116, 0, 1.10417, 0.000662848, 0.000152316),
        (0, 0.00164064, 0, 1.84225, 11.4412, 0),
        (0.000798911, 0.000176816, 0, 1.87876, 10.9491, 0),
        (0.000728935, 0.967794, 0, 0.000140034, 0.998177, 0.000319498),
        (0.000455099, 0, 0, 0.00136488, 0, 0),
    ),
    (
        (0, 0, 0, 7.46689, 0, 17.4458),
        (0.00062356, 0, 0, 6.68368, 0.000377244, 1.02789),
        (225.205, 0, 0, 19.2132, 0.00114015, 0.00123776),
        (176.393, 0, 0, 24.433, 0.285208, 0.000448544),
        (0, 0, 0, 34.7791, 44.8356, 0),
        (0, 0, 0, 0, 0, 0),
    ),
    (
        (0, 0.000868056, 0, 0, 0, 0),
        (0, 0.000531319, 0, 0.000165338, 0, 0),
        (0, 0, 0, 0.000417917, 0.00172908, 0),
        (0.0020827, 0, 0, 8.82698, 23.1924, 0),
        (95.108, 0.986398, 0.983438, 0.00122864, 171.267, 0.980786),
        (0, 0, 0, 0.000513006, 0, 0.000108541),
    ),
)
"""Published with SSIMULACRA 2.1 (github.com/cloudinary/ssimulacra2), six digits of each: [X, Y,
B - Y][scale][structure, new edges, lost detail by 1-norm, then by 4-norm]."""

_C2 = 0.0009
_DEVIATION_PX = 1.5
_REACH_PX = 5


def ssimulacra2_error(decoded: Tensor, original: Tensor) -> Tensor:
    """The weighted error that SSIMULACRA2's score is a falling function of; 0 for equal pictures.

    Both float [B, 3, H, W], RGB in grey levels. Returns float [B].
    """
    weights = constant(_WEIGHTS, decoded.device)
    with torch.autocast(decoded.device.type, enabled=False):
        light = torch.cat([_linear_light(x.float()) for x in (decoded, original)])
        total = torch.zeros(len(decoded), device=decoded.device)
        for scale in range(SCALES):
            if min(light.shape[-2:]) < MIN_SIDE_PX:
                break
            x, y = _opponent_colours(light).chunk(2)
            total = total + (_features(x, y) * weights[:, scale]).sum((1, 2))
            if scale < SCALES - 1:
                light = F.avg_pool2d(light, 2, ceil_mode=True, count_include_pad=False)
        return total


def _features(x: Tensor, y: Tensor) -> Tensor:
    """Of decoded x and original y [B, 3, H, W]: [B, 3 colours, 6], in the weights' order."""
    planes = torch.cat([x, y, x * x + y * y, x * y], dim=1)
    mean_x, mean_y, squares, product = _blur(planes).chunk(4, dim=1)
    contrast = 2 * (product - mean_x * mean_y) + _C2
    energy = squares - mean_x**2 - mean_y**2 + _C2
    structure = (1 - (1 - (mean_x - mean_y) ** 2) * contrast / energy).clamp_min(0)
    edges = (1 + (x - mean_x).abs()) / (1 + (y - mean_y).abs()) - 1
    maps = torch.stack([structure, edges.clamp_min(0), (-edges).clamp_min(0)], dim=2)
    one = maps.mean((3, 4))
    # Not quite zero, where a root has no gradient.
    four = (maps.pow(4).mean((3, 4)) + 1e-12) ** 0.25
    return torch.cat([one, four], dim=2)


def _linear_light(x: Tensor) -> Tensor:
    """sRGB grey levels to linear light in 0..1."""
    x = x.clamp(0, 255) / 255
    return torch.where(x <= 0.04045, x / 12.92, ((x.clamp_min(0.04) + 0.055) / 1.055) ** 2.4)


def _opponent_colours(light: Tensor) -> Tensor:
    """Linear RGB to X, Y and B - Y, moved and scaled to be positive."""
    matrix = constant(_OPSIN, light.device)
    mixed = torch.einsum("ck,bkhw->bchw", matrix, light) + _OPSIN_BIAS
    red, green, blue = (mixed ** (1 / 3) - _OPSIN_BIAS ** (1 / 3)).unbind(1)
    x, y = (red - green) / 2, (red + green) / 2
    return torch.stack([14 * x + 0.42, y + 0.01, blue - y + 0.55], dim=1)


def _blur(planes: Tensor) -> Tensor:
    """A Gaussian blur of [B, C, H, W] that mirrors at the edges."""
    rows, columns = (_band(side, planes.device) for side in planes.shape[-2:])
    return rows @ planes @ columns.T


@lru_cache(maxsize=32)
def _band(side: int, device: torch.device) -> Tensor:
    """The blur of one side as a matrix, [side, side]: on a CPU faster than a convolution."""
    away = torch.arange(-_REACH_PX, _REACH_PX + 1)
    taps = torch.exp(-(away.float() ** 2) / (2 * _DEVIATION_PX**2))
    taps = taps / taps.sum()
    places = torch.arange(side)[:, None] + away
    places = torch.where(places < 0, -1 - places, places)
    places = torch.where(places >= side, 2 * side - 1 - places, places)
    matrix = torch.zeros(side, side)
    matrix.scatter_add_(1, places, taps.expand(side, -1))
    return matrix.to(device)
