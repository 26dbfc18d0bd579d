"""Photos as a frozen model decodes them: what local decoders are trained on.

For each photo its pixels, the mean image of its latents and the trunk that this was made from, at
one quality, in two flat files; a training run maps them into memory and cuts its crops out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.networks.photo.distribution import COLOURS

PIXELS_NAME, TRUNKS_NAME, INDEX_NAME = "pixels.bin", "trunks.bin", "index.json"

EXACT_QUALITIES = (24.0, 40.0)
"""About the quality that exact pixels are coded at; a part of the photos gets one of these."""


@dataclass(frozen=True)
class Crops:
    """Parts of photos of one size. Tensors are float, colours in coding order."""

    pixels: Tensor
    """[B, H + 2 border, W + 2 border, 3]; beyond the photo its nearest pixel."""
    mean: Tensor
    """The same of the mean images, whole grey levels."""
    inside: Tensor
    """[B, H + 2 border, W + 2 border, 1]: 1 within the photo, else 0."""
    trunk: Tensor
    """SIGNED [B, channels, H / 8, W / 8]."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, in order."""
        return self.pixels, self.mean, self.inside, self.trunk

    @classmethod
    def join(cls, crops: list[Crops]) -> Crops:
        """All crops of several."""
        return cls(*map(torch.cat, zip(*(c.tensors for c in crops), strict=True)))


class Photos(Protocol):
    """Decoded photos to validate on."""

    photos: list[tuple[int, int, int]]
    """Height, width and place of each."""

    def center(self, number: int, size: int, border: int) -> Crops:
        """The middle of a photo, or all of it where it is smaller."""


class LatentCache:
    """A folder that `build_cache` wrote. Raises ValueError where there is none."""

    def __init__(self, folder: Path) -> None:
        try:
            index = json.loads((folder / INDEX_NAME).read_text())
        except FileNotFoundError as error:
            raise ValueError(f"{folder} holds no cache of decoded photos") from error
        self.photos: list[tuple[int, int, int]] = [tuple(row) for row in index["photos"]]
        self.channels: int = index["channels"]
        self._pixels = np.memmap(folder / PIXELS_NAME, np.uint8, "r")
        self._trunks = np.memmap(folder / TRUNKS_NAME, np.int16, "r")
        areas = np.array([height * width for height, width, _ in self.photos], np.float64)
        self._shares = areas.cumsum() / areas.sum()

    def draw(self, rng: np.random.Generator, size: int, border: int, count: int) -> Crops:
        """Random crops with a border around them; each photo weighted by its area."""
        found = []
        for _ in range(count):
            number = int(np.searchsorted(self._shares, rng.random()))
            height, width, _ = self.photos[number]
            top, left = (
                FOLD * int(rng.integers(max(side - size, 0) // FOLD + 1))
                for side in (height, width)
            )
            found.append(self._cut(number, top, left, size, border))
        return Crops.join(found)

    def center(self, number: int, size: int, border: int) -> Crops:
        """The middle of a photo, or all of it where it is smaller."""
        height, width, _ = self.photos[number]
        top, left = (max(side - size, 0) // 2 // FOLD * FOLD for side in (height, width))
        return self._cut(number, top, left, size, border)

    def trunk(self, number: int) -> Tensor:
        """All of a photo's: SIGNED [channels, H / 8, W / 8]."""
        height, width, at = self.photos[number]
        start, end = (place // FOLD**2 * self.channels for place in (at, at + height * width))
        trunk = self._trunks[start:end].reshape(self.channels, height // FOLD, width // FOLD)
        return torch.from_numpy(trunk.copy()).view(torch.bfloat16).float()

    def _cut(self, number: int, top: int, left: int, size: int, border: int) -> Crops:
        height, width, at = self.photos[number]
        pictures = self._pixels[6 * at : 6 * (at + height * width)].reshape(2, height, width, 3)
        bottom, right = min(top + size, height), min(left + size, width)
        rows = np.arange(top - border, bottom + border)
        columns = np.arange(left - border, right + border)
        inside = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
        part = pictures[:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)]
        part = part[..., COLOURS]
        trunk = self.trunk(number)[:, top // FOLD : bottom // FOLD, left // FOLD : right // FOLD]
        return Crops(
            pixels=_float(part[:1]),
            mean=_float(part[1:]),
            inside=_float(inside[None, ..., None]),
            trunk=trunk[None],
        )


def _float(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.copy()).float()
