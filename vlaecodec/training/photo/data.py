"""Photos for training: tar shards or folders, decoded once and kept in memory as uint8."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Photo = NDArray[np.uint8]

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".ppm", ".bmp", ".tif", ".tiff"}


def read_photos(sources: list[Path], minimum_side: int = 64) -> list[Photo]:
    """Every photo in tar shards and folders (searched recursively): uint8 [H, W, 3] each.

    Photos with a side under `minimum_side` pixels are left out. Raises ValueError if none is left,
    or one cannot be read.
    """
    photos = []
    for source in sources:
        for data in _read_files(source):
            try:
                with Image.open(io.BytesIO(data)) as image:
                    photo = np.asarray(image.convert("RGB"))
            except OSError as error:
                raise ValueError(f"{source} holds a photo that cannot be read: {error}") from error
            if min(photo.shape[:2]) >= minimum_side:
                photos.append(photo)
    if not photos:
        raise ValueError(f"no photos found in {', '.join(map(str, sources))}")
    return photos


def _read_files(source: Path) -> Iterator[bytes]:
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                yield path.read_bytes()
        return
    if not tarfile.is_tarfile(source):
        raise ValueError(f"{source} is neither a folder nor a tar shard")
    with tarfile.open(source) as shard:
        for member in shard:
            handle = shard.extractfile(member)
            if handle is not None and Path(member.name).suffix.lower() in SUFFIXES:
                yield handle.read()


class Crops:
    """Random square crops, flipped and transposed at random, each photo weighted by its area.

    `part` of the crops come from `extra` pictures instead; `rescale_part` of them are reduced, to
    a half at most, where the photo is large enough.
    """

    def __init__(
        self,
        photos: list[Photo],
        size: int,
        batch: int,
        seed: int,
        rescale_part: float = 0.0,
        extra: list[Photo] | None = None,
        part: float = 0.0,
    ) -> None:
        extra = extra or []
        self.photos = [pad_to(photo, size) for photo in photos + extra]
        self.weights = crop_shares(photos, extra, part)
        self.size, self.batch, self.rescale_part = size, batch, rescale_part
        self.rng = np.random.default_rng(seed)

    def draw(self) -> Tensor:
        """The next batch: uint8 [batch, 3, size, size]."""
        crops = []
        for index in self.rng.choice(len(self.photos), self.batch, p=self.weights):
            photo = self.photos[index]
            side = self._side(min(photo.shape[:2]))
            top = self.rng.integers(photo.shape[0] - side + 1)
            left = self.rng.integers(photo.shape[1] - side + 1)
            crop = photo[top : top + side, left : left + side]
            if side > self.size:
                shape = (self.size, self.size)
                crop = np.asarray(Image.fromarray(crop).resize(shape, Image.Resampling.LANCZOS))
            if self.rng.random() < 0.5:
                crop = crop[:, ::-1]
            if self.rng.random() < 0.25:
                crop = crop.transpose(1, 0, 2)
            crops.append(crop.transpose(2, 0, 1))
        return torch.from_numpy(np.stack(crops))

    def _side(self, shorter: int) -> int:
        """Of the part of a photo that a crop is made of; `shorter` is the photo's shorter side."""
        if self.rng.random() >= self.rescale_part:
            return self.size
        return min(shorter, round(self.size * self.rng.uniform(1, 2)))


def crop_shares(photos: list[Photo], extra: list[Photo], part: float) -> NDArray[np.float64]:
    """How likely a crop is of each photo and then of each extra picture: [N], sum 1.

    `part` of the crops are of extra ones, if there are any; of either all pixels are as likely.
    """
    if not extra:
        return _by_area(photos)
    return np.concatenate([_by_area(photos) * (1 - part), _by_area(extra) * part])


def _by_area(photos: list[Photo]) -> NDArray[np.float64]:
    areas = np.array([p.shape[0] * p.shape[1] for p in photos], np.float64)
    return areas / areas.sum()


def center_crops(photos: list[Photo], size: int) -> Tensor:
    """The middle of every photo: uint8 [N, 3, size, size]."""
    crops = []
    for photo in (pad_to(p, size) for p in photos):
        top, left = (photo.shape[0] - size) // 2, (photo.shape[1] - size) // 2
        crops.append(photo[top : top + size, left : left + size].transpose(2, 0, 1))
    return torch.from_numpy(np.stack(crops))


def pad_to(photo: Photo, size: int) -> Photo:
    """Mirror a photo with a side under `size` outwards."""
    below, right = max(0, size - photo.shape[0]), max(0, size - photo.shape[1])
    if below or right:
        photo = np.pad(photo, ((0, below), (0, right), (0, 0)), mode="symmetric")
    return photo
