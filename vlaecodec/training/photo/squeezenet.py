"""Features of SqueezeNet (arXiv 1602.07360, version 1.0), for comparing textures in training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlaecodec.networks.common.constants import constant

MEAN_BGR = (104.0, 117.0, 123.0)
KEPT = ("conv1", "fire3", "fire5")
"""The layers whose outputs are features; each is half as fine as the one before."""


class SqueezeNet(nn.Module):
    """The first five stages, frozen."""

    def __init__(self, path: Path) -> None:
        """path: a .npz of `<layer>/w` (OIHW) and `<layer>/b`. Raises ValueError for others."""
        super().__init__()
        with np.load(path, allow_pickle=False) as stored:
            try:
                self._add("conv1", stored)
                for number in range(2, 6):
                    for part in ("conv1x1_1", "conv1x1_2", "conv3x3_2"):
                        self._add(f"fire{number}/{part}", stored)
            except KeyError as error:
                raise ValueError(f"{path} is not SqueezeNet's weights: {error}") from error
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _add(self, name: str, stored: np.lib.npyio.NpzFile) -> None:
        for key in "wb":
            self.register_buffer(_key(name, key), torch.from_numpy(stored[f"{name}/{key}"].copy()))

    def _convolve(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight, bias = (self.get_buffer(_key(name, key)) for key in "wb")
        return F.relu(F.conv2d(x, weight, bias, stride, padding=weight.shape[-1] // 2))

    def _fire(self, number: int, x: Tensor) -> Tensor:
        squeezed = self._convolve(f"fire{number}/conv1x1_1", x)
        parts = [
            self._convolve(f"fire{number}/{part}", squeezed) for part in ("conv1x1_2", "conv3x3_2")
        ]
        return torch.cat(parts, dim=1)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Features of KEPT, [B, channels, H / 2, W / 2] and so on.

        picture: blue, green, red, 0..255, [B, 3, H, W].
        """
        x = picture - constant(MEAN_BGR, picture.device).view(3, 1, 1)
        first = self._convolve("conv1", x.contiguous(memory_format=torch.channels_last), stride=2)
        third = self._fire(3, self._fire(2, F.max_pool2d(first, 3, 2, padding=1)))
        fifth = self._fire(5, F.max_pool2d(self._fire(4, third), 3, 2, padding=1))
        return [first, third, fifth]


def _key(name: str, part: str) -> str:
    return f"{name}/{part}".replace("/", "_")
