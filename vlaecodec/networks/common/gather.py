"""Gather the causal windows of all pixels at once, for training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.networks.common.window import Window


def gather_windows(window: Window, image: Tensor, *, repeat_border: bool = False) -> Tensor:
    """Every pixel's window: beyond the borders zeros, or the nearest pixel of the image.

    image: [B, H, W, C]. Returns [B, H, W, size * C]: rows from the top, left to right, each pixel's
    channels together.
    """
    batch, height, width, channels = image.shape
    reach, rows = window.reach, window.height
    if repeat_border:
        lines = torch.arange(-rows, height, device=image.device).clamp_min(0)
        columns = torch.arange(-reach, width + reach, device=image.device).clamp(0, width - 1)
        padded = image[:, lines][:, :, columns].contiguous()
    else:
        padded = F.pad(image, (0, 0, reach, reach, rows, 0)).contiguous()
    line = padded.shape[2] * channels
    shape = (batch, height, width, window.width * channels)
    strides = (padded.stride(0), line, channels, 1)
    parts = [padded.as_strided(shape, strides, dy * line) for dy in range(rows)]
    beside = (*shape[:3], reach * channels)
    return torch.cat([*parts, padded.as_strided(beside, strides, rows * line)], dim=3)


def at_places(image: Tensor, places: Tensor | None) -> Tensor:
    """The pixels of [B, H, W, C] in a row: [B, pixels, C].

    places: int64 [n], those to take, counted as row * W + column; None for all.
    """
    row = image.flatten(1, 2)
    return row if places is None else row[:, places]
