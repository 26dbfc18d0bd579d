"""A Wasserstein distortion: how unlike the texture of a drawn picture and a photo looks.

Local means and deviations of features are compared, not the features themselves (arXiv 2310.03629):
over small windows where the mean image tells what is there, so that edges stay where they are, and
over large ones where it does not, so that grain need only be of the right kind. Each difference is
relative to the photo's own local deviation: a pattern on a smooth wall is seen, on gravel it is
not.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.networks.common.constants import constant
from vlaecodec.training.photo.squeezenet import SqueezeNet

SMALL_PX, LARGE_PX = 4, 16
"""Windows; pixels of the picture."""

SMALL_WEIGHT = 0.03
"""Of small windows beside large ones. What is drawn is never in its place, which they mind: with
equal weights no draw, however like the photo's own texture, is better than none."""

LEVELS = 3
"""Resolutions at which derivatives are taken."""

DERIVATIVE_FLOOR = 1.0
"""Grey levels: smaller deviations of derivatives are not seen."""

DEEP_FLOOR = 0.2
"""Of SqueezeNet's features; of each one's deviation over all photos."""

TEXTURE_FLOOR = 4.0
"""Grey levels squared: a photo of less local variance is told by the mean image."""

_OPPONENT = ((0.587, 0.299, 0.114), (-0.331, -0.169, 0.5), (-0.419, 0.5, -0.081))
"""Luma and both chromas (ITU-R BT.601) of green, red and blue."""


class WassersteinDistortion:
    """Of drawn pictures to photos: [B, 3, H, W], grey levels, colours in coding order."""

    def __init__(self, net: SqueezeNet) -> None:
        self.net = net

    def __call__(self, drawn: Tensor, photo: Tensor, mean: Tensor) -> Tensor:
        """The distortion, a scalar of about 1 for a picture whose texture is missing.

        mean: the mean image, which says by its error where there is texture.
        """
        texture = texture_share(photo, mean)
        pairs = [*self._pairs(drawn, photo)]
        parts = [_distance(d.float(), p.float(), texture, floor, px) for d, p, floor, px in pairs]
        return torch.stack(parts).mean()

    def _pairs(self, drawn: Tensor, photo: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor, int]]:
        """Features of both, the floor of deviations [channels, 1, 1], and pixels a position."""
        matrix = constant(_OPPONENT, photo.device)
        levels = [torch.einsum("ij,bjhw->bihw", matrix, x) for x in (drawn, photo)]
        floor = constant((DERIVATIVE_FLOOR,), photo.device).view(1, 1, 1)
        for level in range(LEVELS):
            one, other = (_derivatives(x) for x in levels)
            yield one, other, floor, 2**level
            levels = [F.avg_pool2d(x, 2) for x in levels]
        for enlarged in (1, 2):
            pictures = (_enlarge(_blue_green_red(x), enlarged) for x in (drawn, photo))
            # The photos' features need no gradient; both in one go where neither does.
            for depth, (one, other) in enumerate(zip(*map(self.net, pictures), strict=True)):
                spread = other.float().std((0, 2, 3)).clamp_min(1e-3).view(-1, 1, 1)
                yield one, other, DEEP_FLOOR * spread, max(1, 2 ** (depth + 1) // enlarged)


def texture_share(photo: Tensor, mean: Tensor) -> Tensor:
    """How much of the photo's local variance the mean image misses, 0..1, [B, 1, H, W]."""

    def around(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 9, 1, 4, count_include_pad=False)

    variance = around((photo - around(photo)) ** 2).mean(1, keepdim=True)
    missed = around((photo - mean) ** 2).mean(1, keepdim=True)
    return (missed / (variance + TEXTURE_FLOOR)).clamp(0, 1)


def _distance(drawn: Tensor, photo: Tensor, texture: Tensor, floor: Tensor, px: int) -> Tensor:
    share = F.adaptive_avg_pool2d(texture, (photo.shape[2], photo.shape[3]))
    total = photo.new_zeros(())
    for window_px, weight in ((SMALL_PX, SMALL_WEIGHT * (1 - share)), (LARGE_PX, share)):
        side = min(max(2, window_px // px), *photo.shape[2:])
        stride = max(1, side // 2)
        mean, deviation = _statistics(drawn, side, stride)
        photo_mean, photo_deviation = _statistics(photo, side, stride)
        gap = (mean - photo_mean) ** 2 + (deviation - photo_deviation) ** 2
        seen = gap / (photo_deviation**2 + floor**2)
        # A difference beyond all measure teaches no more than a large one.
        seen = torch.log1p(seen)
        total = total + (seen * F.avg_pool2d(weight, side, stride)).mean()
    return total


def _statistics(x: Tensor, side: int, stride: int) -> tuple[Tensor, Tensor]:
    mean = F.avg_pool2d(x, side, stride)
    variance = F.avg_pool2d(x * x, side, stride) - mean * mean
    return mean, torch.sqrt(variance.clamp_min(0) + 1e-4)


def _derivatives(x: Tensor) -> Tensor:
    """First and second differences along rows and columns and both."""
    across, down = x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]
    parts = (
        across[..., 1:-1, :-1],
        down[..., :-1, 1:-1],
        (across[..., 1:] - across[..., :-1])[..., 1:-1, :],
        (down[..., 1:, :] - down[..., :-1, :])[..., 1:-1],
        (across[..., 1:, :] - across[..., :-1, :])[..., :-1, :-1],
    )
    return torch.cat(parts, dim=1)


def _blue_green_red(picture: Tensor) -> Tensor:
    """Of a picture whose colours are in coding order."""
    green, red, blue = picture.unbind(1)
    return torch.stack([blue, green, red], dim=1)


def _enlarge(picture: Tensor, times: int) -> Tensor:
    if times == 1:
        return picture
    return F.interpolate(picture, scale_factor=times, mode="bilinear", align_corners=False)
