"""Random crops made where the network is: for a GPU, which a CPU could not feed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.training.photo.data import Photo, crop_shares, pad_to


class DeviceCrops:
    """What `Crops` draws, from photos that lie as uint8 in the device's memory.

    Crops of one batch that are reduced share one factor, so that they are reduced in one call.
    """

    def __init__(
        self,
        photos: list[Photo],
        size: int,
        batch: int,
        seed: int,
        rescale_part: float,
        device: torch.device,
        extra: list[Photo] | None = None,
        part: float = 0.0,
    ) -> None:
        extra = extra or []
        self._weights = crop_shares(photos, extra, part)
        photos = [pad_to(photo, size) for photo in photos + extra]
        self._size, self._batch, self._device = size, batch, device
        self._reduced = round(batch * rescale_part)
        self._rng = np.random.default_rng(seed)
        self._shapes = np.array([photo.shape[:2] for photo in photos])
        pixels = self._shapes.prod(axis=1)
        self._starts = np.concatenate([[0], np.cumsum(pixels)[:-1]])
        flat = np.concatenate([photo.reshape(-1, 3) for photo in photos])
        self._pixels = torch.from_numpy(flat).to(device)

    def draw(self) -> Tensor:
        """The next batch: uint8 [batch, 3, size, size] on the device."""
        whole = self._take(self._batch - self._reduced, self._size)
        if not self._reduced:
            return whole
        large = self._take(self._reduced, round(self._size * self._rng.uniform(1, 2)))
        shape = (self._size, self._size)
        small = F.interpolate(large.float(), shape, mode="bicubic", antialias=True)
        return torch.cat([whole, small.round().clamp(0, 255).to(torch.uint8)])

    def _take(self, count: int, side: int) -> Tensor:
        """Crops uint8 [count, 3, side, side], of photos large enough, flipped and turned."""
        fits = self._shapes.min(axis=1) >= side
        if not fits.any():
            side, fits = self._size, np.ones(len(self._shapes), bool)
        weights = np.where(fits, self._weights, 0)
        chosen = self._rng.choice(len(weights), count, p=weights / weights.sum())
        top, left = (self._rng.integers(self._shapes[chosen, axis] - side + 1) for axis in range(2))
        corners = self._starts[chosen] + top * self._shapes[chosen, 1] + left
        steps = self._shapes[chosen, 1], np.ones(count, np.int64)
        # A flip starts at the other end and walks back; a transposition swaps the two steps.
        flipped = self._rng.random(count) < 0.5
        corners = corners + np.where(flipped, side - 1, 0)
        across = np.where(flipped, -steps[1], steps[1])
        turned = self._rng.random(count) < 0.25
        down, across = np.where(turned, across, steps[0]), np.where(turned, steps[0], across)
        first, rows, columns = (
            torch.from_numpy(x.astype(np.int64)).to(self._device)[:, None, None]
            for x in (corners, down, across)
        )
        along = torch.arange(side, device=self._device)
        places = first + rows * along[:, None] + columns * along
        return self._pixels[places].permute(0, 3, 1, 2)
