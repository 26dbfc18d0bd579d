"""Photos as a frozen model decodes them: what local decoders are trained on, computed once.

For each photo its pixels, the mean image of its latents and the trunk that this was made from, at
one quality, in two flat files; a training run maps them into memory and cuts its crops out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.bitstream.header import quality_to_code
from vlaecodec.bitstream.tiles import FOLD, LATENT_FACTOR
from vlaecodec.latents.coder import encode_latent
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.model.tiled import reconstruct
from vlaecodec.networks.photo.local_decoder import COLOURS
from vlaecodec.training.photo.data import Photo

EXACT_QUALITIES = (24.0, 40.0)
"""About the quality that exact pixels are coded at; a part of the photos gets one of these."""

_PIXELS, _TRUNKS, _INDEX = "pixels.bin", "trunks.bin", "index.json"


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

    @classmethod
    def join(cls, crops: list[Crops]) -> Crops:
        """All crops of several."""
        names = ("pixels", "mean", "inside", "trunk")
        return cls(*(torch.cat([getattr(c, name) for c in crops]) for name in names))


def build_cache(
    folder: Path, model: PhotoModel, photos: list[Photo], exact_part: float, seed: int
) -> None:
    """Decode photos, flipped and transposed at random, and write the cache to a folder.

    exact_part: this part of them at EXACT_QUALITIES, the others at any quality.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows, at = [], 0
    with (folder / _PIXELS).open("wb") as pixels, (folder / _TRUNKS).open("wb") as trunks:
        for index in rng.permutation(len(photos)):
            photo = _turned(photos[index], rng)
            height, width = photo.shape[:2]
            span = EXACT_QUALITIES if rng.random() < exact_part else (1.0, 100.0)
            code = quality_to_code(rng.uniform(*span))
            _, latent = encode_latent(model, model.analyse(photo, code), code)
            base = reconstruct(model, latent, code, photo.shape)
            pixels.write(photo.tobytes() + base.mean.tobytes())
            # Operands have no more significant bits than bfloat16.
            trunks.write(base.features.to(torch.bfloat16).view(torch.int16).numpy().tobytes())
            rows.append((height, width, at))
            at += height * width
    index = {"photos": rows, "channels": model.network.arch.eighth_channels}
    temporary = folder / "index.tmp"
    temporary.write_text(json.dumps(index))
    temporary.replace(folder / _INDEX)


def _turned(photo: Photo, rng: np.random.Generator) -> Photo:
    """A photo flipped and transposed at random, cut to whole latents."""
    if rng.random() < 0.5:
        photo = photo[:, ::-1]
    if rng.random() < 0.25:
        photo = photo.transpose(1, 0, 2)
    height, width = (side // LATENT_FACTOR * LATENT_FACTOR for side in photo.shape[:2])
    return np.ascontiguousarray(photo[:height, :width])


class LatentCache:
    """A cache that `build_cache` wrote. Raises ValueError where there is none."""

    def __init__(self, folder: Path) -> None:
        try:
            index = json.loads((folder / _INDEX).read_text())
        except FileNotFoundError as error:
            raise ValueError(f"{folder} holds no cache of decoded photos") from error
        self.photos: list[tuple[int, int, int]] = [tuple(row) for row in index["photos"]]
        self.channels: int = index["channels"]
        self._pixels = np.memmap(folder / _PIXELS, np.uint8, "r")
        self._trunks = np.memmap(folder / _TRUNKS, np.int16, "r")
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

    def _cut(self, number: int, top: int, left: int, size: int, border: int) -> Crops:
        height, width, at = self.photos[number]
        pictures = self._pixels[6 * at : 6 * (at + height * width)].reshape(2, height, width, 3)
        trunk = self._trunks[
            at // FOLD**2 * self.channels : (at + height * width) // FOLD**2 * self.channels
        ].reshape(self.channels, height // FOLD, width // FOLD)
        bottom, right = min(top + size, height), min(left + size, width)
        rows = np.arange(top - border, bottom + border)
        columns = np.arange(left - border, right + border)
        inside = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
        part = pictures[:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)]
        part = part[..., COLOURS]
        trunk = trunk[:, top // FOLD : bottom // FOLD, left // FOLD : right // FOLD]
        return Crops(
            pixels=_float(part[:1]),
            mean=_float(part[1:]),
            inside=_float(inside[None, ..., None]),
            trunk=torch.from_numpy(np.ascontiguousarray(trunk[None])).view(torch.bfloat16).float(),
        )


def _float(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()
