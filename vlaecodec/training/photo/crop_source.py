"""Where the training of local decoders gets its crops: from caches, or decoded on a device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vlaecodec.model.frozen import WEIGHTS_NAME, PhotoModel, read_model
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.training.config import RunConfig
from vlaecodec.training.photo.data import read_photos
from vlaecodec.training.photo.decoded_crops import DecodedCrops, DecodedPhotos, Trunk
from vlaecodec.training.photo.latent_cache import INDEX_NAME, Crops, LatentCache, Photos

EXACT_PARTS = {"local": 0.5, "texture": 0.0}
"""How many photos are decoded at about the quality that exact pixels are coded at."""

PAIRS = 48
"""Photos that features are fitted on, at most."""


@dataclass(frozen=True, kw_only=True)
class CropsConfig(RunConfig):
    """What crops are made of."""

    train: list[Path]
    validation: list[Path]
    model: Path
    """Folder of the model whose features the decoder reads; without a cache also a checkpoint of
    global networks."""
    decoder: str = "local"
    cache: Path | None = None
    """Folder for the photos as the model decodes them. Without one crops are decoded as they are
    drawn: for a GPU."""
    crop: int = 64
    batch: int = 8
    photos: int | None = None
    """Train on so many photos only; with a cache."""
    reduced_part: float = 0.0
    """Of the photos are reduced, as if they had never been JPEGs; with a cache."""
    exact_part: float | None = None
    """Instead of the one in EXACT_PARTS. Runs of equal ones can share a cache."""

    @property
    def decoded_exact_part(self) -> float:
        return EXACT_PARTS[self.decoder] if self.exact_part is None else self.exact_part


class Source(Protocol):
    """Crops to train on, and photos to validate on."""

    arch: Architecture
    validation: Photos

    def draw(self, rng: np.random.Generator, border: int) -> Crops:
        """The next batch."""

    def trunks_beside(self, model: Path) -> Iterator[tuple[Tensor, Tensor]]:
        """Trunks of photos by another model and by the one trained for; see fit_features."""


def open_source(config: CropsConfig) -> Source:
    """From the cache, or decoded anew for every batch where there is none.

    Raises ValueError if photos are to be reduced without a cache.
    """
    if config.cache is None:
        if config.reduced_part:
            raise ValueError("only photos that are decoded into a cache are reduced")
        return DeviceSource(config)
    return CacheSource(config, config.cache)


class CacheSource:
    """From a cache. Decodes all photos first, unless the cache holds them."""

    def __init__(self, config: CropsConfig, folder: Path) -> None:
        self._config, self._folder = config, folder
        self._cache = self._open("0", config.model, config.train, config.photos)
        self.validation: Photos = self._open("validation", config.model, config.validation, None)
        self.arch = _load(config.model).arch

    def _open(self, name: str, model: Path, photos: list[Path], count: int | None) -> LatentCache:
        # It needs the entropy coder, which machines that only train may lack.
        from vlaecodec.training.photo.build_cache import build_cache

        part = self._config.decoded_exact_part
        reduced = self._config.reduced_part
        place = self._folder / f"{name}-{100 * part:.0f}-{100 * reduced:.0f}"
        if not (place / INDEX_NAME).exists():
            seed = self._config.seed
            found = read_photos(photos)
            build_cache(place, _load(model), found, part, seed, count, reduced_part=reduced)
        return LatentCache(place)

    def draw(self, rng: np.random.Generator, border: int) -> Crops:
        return self._cache.draw(rng, self._config.crop, border, self._config.batch)

    def trunks_beside(self, model: Path) -> Iterator[tuple[Tensor, Tensor]]:
        after = self._cache
        before = self._open("start", model, self._config.train, min(PAIRS, len(after.photos)))
        for number in range(len(before.photos)):
            yield before.trunk(number), after.trunk(number)


class DeviceSource:
    """Decoded anew for every batch, by one model's networks on the device."""

    def __init__(self, config: CropsConfig) -> None:
        self._config, device = config, torch.device(config.device)
        trunk = Trunk(config.model, device)
        self._crops = DecodedCrops(
            trunk,
            read_photos(config.train),
            config.crop,
            config.batch,
            config.decoded_exact_part,
            config.seed,
            device,
        )
        self.validation: Photos = DecodedPhotos(
            trunk, read_photos(config.validation), self._crops, device
        )
        self.arch = trunk.arch

    def draw(self, rng: np.random.Generator, border: int) -> Crops:
        return self._crops.draw(rng, self._config.crop, border)

    def trunks_beside(self, model: Path) -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng(self._config.seed)
        other = Trunk(model, torch.device(self._config.device))
        for _ in range(-(-PAIRS // self._config.batch)):
            yield self._crops.trunks_beside(other, rng)


def _load(folder: Path) -> PhotoModel:
    return read_model((folder / WEIGHTS_NAME).read_bytes())
