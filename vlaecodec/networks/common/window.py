"""The causal window of the local decoder: which decoded pixels a pixel may depend on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Window:
    """The window "AxB" of VLAE (arXiv 1611.02731, section 4.1).

    `width` (A, odd) by `height` (B) pixels right above, centred, and (A - 1) / 2 pixels to the
    left. The smaller it is, the less a local decoder can know, and the more the latent must tell.
    """

    width: int
    height: int

    @property
    def reach(self) -> int:
        """Pixels to either side, and how many pixels to the left on the same row."""
        return self.width // 2

    @property
    def size(self) -> int:
        """How many pixels the window holds."""
        return self.width * self.height + self.reach

    @property
    def slope(self) -> int:
        """Pixels with equal column + slope * row see nothing of each other: a wavefront."""
        return self.reach + 1

    def steps(self, height: int, width: int) -> int:
        """How many wavefronts cover an image."""
        return width + self.slope * (height - 1)

    def gather(self, image: Tensor, *, repeat_border: bool = False) -> Tensor:
        """Every pixel's window: beyond the borders zeros, or the nearest pixel of the image.

        image: [B, H, W, C]. Returns [B, H, W, size * C]: rows from the top, left to right, each
        pixel's channels together.
        """
        batch, height, width, channels = image.shape
        reach, rows = self.reach, self.height
        if repeat_border:
            lines = torch.arange(-rows, height, device=image.device).clamp_min(0)
            columns = torch.arange(-reach, width + reach, device=image.device).clamp(0, width - 1)
            padded = image[:, lines][:, :, columns].contiguous()
        else:
            padded = F.pad(image, (0, 0, reach, reach, rows, 0)).contiguous()
        line = padded.shape[2] * channels
        shape = (batch, height, width, self.width * channels)
        strides = (padded.stride(0), line, channels, 1)
        parts = [padded.as_strided(shape, strides, dy * line) for dy in range(rows)]
        beside = (*shape[:3], reach * channels)
        return torch.cat([*parts, padded.as_strided(beside, strides, rows * line)], dim=3)
