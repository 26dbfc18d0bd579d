"""The paper's data sets, from the files they are usually found in."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Images = NDArray[np.uint8]
"""[N, H, W], brightness or 0 and 1; or [N, 3, H, W]."""

Labels = dict[str, NDArray[np.integer]]

VALIDATION_PARTS = 20
"""Where a data set has no validation images of its own, every so many-th training image is one."""

COLOUR_VALIDATION_PARTS = 50
"""The same of colour images."""

COLOUR_PX = 32
"""A side of CIFAR-10's images."""

STATIC_SEED = 0
"""Of the one sampling that turns grey images into black and white ones for good."""


@dataclass(frozen=True)
class Dataset:
    """Images in three parts, uint8 [N, colours, H, W], 0..255.

    Black and white comes as 0 and 255, but for training images that are sampled anew each time they
    are seen (dynamic binarisation): those are brightness.
    """

    train: Tensor
    validation: Tensor
    test: Tensor
    labels: Labels
    """Of the train and the test images, where there are any."""


def read_dataset(preset: str, path: Path) -> Dataset:
    """The images that a preset is for. Raises ValueError if the file holds something else.

    MNIST and OMNIGLOT: an npz with `train_x` and `test_x`, or for MNIST the folder of the four idx
    files. Silhouettes: an npz of packed bits. CIFAR-10: the folder or tar of the python batches, a
    folder with `train` and `test` folders of PNGs, or an npz of sheets (see _read_sheets).
    """
    if preset == "cifar10":
        return _colour_dataset(path)
    if path.is_dir():
        arrays: dict[str, Any] = _read_idx_folder(path)
    else:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
    parts = {name: _images_of(arrays, name) for name in ("train", "val", "test")}
    train, test = parts["train"], parts["test"]
    if train is None or test is None:
        raise ValueError(f"{path} holds no training and test images")
    validation = parts["val"]
    labels = {part: arrays[f"{part}_y"] for part in ("train", "test") if f"{part}_y" in arrays}
    if validation is None:
        held = np.arange(len(train)) % VALIDATION_PARTS == 0
        train, validation = train[~held], train[held]
        if "train" in labels:
            labels["train"] = labels["train"][~held]
    static = preset == "mnist-static"
    return Dataset(
        train=_to_tensor(binarise_once(train) if static else train),
        validation=_to_tensor(binarise_once(validation)),
        test=_to_tensor(binarise_once(test)),
        labels=labels,
    )


def binarise_once(images: Images) -> Images:
    """Black and white, 0 and 255, from one sampling with a fixed seed; [N, H, W]."""
    uniform = np.random.default_rng(STATIC_SEED).random(images.shape, np.float32)
    return np.where(uniform < images / np.float32(255), 255, 0).astype(np.uint8)


def to_samples(images: Tensor, generator: torch.Generator | None) -> Tensor:
    """What a VLAE sees of black and white images: 0 and 1, each pixel drawn by its brightness."""
    return (torch.rand(images.shape, generator=generator) * 255 < images).to(torch.uint8)


def _to_tensor(images: Images) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images))[:, None]


def _images_of(arrays: dict[str, Any], part: str) -> Images | None:
    for name in (f"{part}_x", f"{part}_bits"):
        if name in arrays:
            array: NDArray[np.uint8] = arrays[name]
            if array.dtype != np.uint8 or array.ndim not in (2, 3):
                raise ValueError(f"{name} holds no images")
            if array.ndim == 2:  # packed bits, a row an image
                array = np.unpackbits(array, axis=1)[:, : 28 * 28].reshape(-1, 28, 28) * 255
            return array
    return None


def _read_idx_folder(folder: Path) -> dict[str, NDArray[np.uint8]]:
    arrays = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        for key, kind in (("x", "images-idx3"), ("y", "labels-idx1")):
            found = sorted(folder.glob(f"{prefix}-{kind}-ubyte*"))
            if not found:
                raise ValueError(f"{folder} has no {prefix}-{kind}-ubyte")
            data = found[0].read_bytes()
            data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            sides = np.frombuffer(data, ">i4", data[3], 4)
            arrays[f"{part}_{key}"] = np.frombuffer(data, np.uint8, -1, 4 + 4 * data[3]).reshape(
                sides
            )
    return arrays


def _colour_dataset(path: Path) -> Dataset:
    labels: Labels = {}
    if path.is_dir() and (path / "train").is_dir():
        train, test = (_read_pngs(path / part) for part in ("train", "test"))
    elif path.suffix == ".npz":
        train, test, labels = _read_sheets(path)
    else:
        batches = dict(_read_batches(path))
        training = [batches[name] for name in sorted(batches) if name.startswith("data_batch")]
        if not training or "test_batch" not in batches:
            raise ValueError(f"{path} holds no CIFAR-10 batches")
        train = np.concatenate([x for x, _ in training])
        test, labels["test"] = batches["test_batch"]
        labels["train"] = np.concatenate([y for _, y in training])
    held = np.arange(len(train)) % COLOUR_VALIDATION_PARTS == 0
    if "train" in labels:
        labels["train"] = labels["train"][~held]
    parts = [torch.from_numpy(np.ascontiguousarray(x)) for x in (train[~held], train[held], test)]
    return Dataset(parts[0], parts[1], parts[2], labels)


def _read_pngs(folder: Path) -> Images:
    files = sorted(folder.rglob("*.png"))
    if not files:
        raise ValueError(f"{folder} holds no PNGs")
    return np.stack([np.asarray(Image.open(f).convert("RGB")).transpose(2, 0, 1) for f in files])


def _read_sheets(path: Path) -> tuple[Images, Images, Labels]:
    """Training and test images and labels of an npz of sheets.

    Each entry `train_sheet_*` and `test_sheet_*` is the bytes of a picture file whose rows of 32 x
    32 images follow each other; labels, where there are any, are `train_y` and `test_y`.
    """
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    parts = []
    for part in ("train", "test"):
        names = sorted(name for name in arrays if name.startswith(f"{part}_sheet_"))
        if not names:
            raise ValueError(f"{path} holds no sheets of {part} images")
        parts.append(np.concatenate([_cut_sheet(arrays[name].tobytes()) for name in names]))
    labels = {part: arrays[f"{part}_y"] for part in ("train", "test") if f"{part}_y" in arrays}
    return parts[0], parts[1], labels


def _cut_sheet(data: bytes) -> Images:
    """The images of a sheet, uint8 [N, 3, 32, 32]."""
    with Image.open(io.BytesIO(data)) as picture:
        sheet = np.asarray(picture.convert("RGB"))
    rows, columns = sheet.shape[0] // COLOUR_PX, sheet.shape[1] // COLOUR_PX
    images = sheet.reshape(rows, COLOUR_PX, columns, COLOUR_PX, 3).transpose(0, 2, 4, 1, 3)
    return images.reshape(-1, 3, COLOUR_PX, COLOUR_PX)


class _ArraysOnly(pickle.Unpickler):
    """Python batches are pickles; this reads what is in them and nothing that could run."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = ("_reconstruct", "ndarray", "dtype", "_frombuffer", "scalar")
        if (module.split(".")[0] == "numpy" and name in allowed) or (
            # How Python 3 writes bytes for Python 2.
            (module, name) == ("_codecs", "encode")
        ):
            return super().find_class(module, name)
        raise ValueError(f"a batch that asks for {module}.{name} is not CIFAR-10")


def _read_batches(path: Path) -> Iterator[tuple[str, tuple[Images, NDArray[np.integer]]]]:
    """Name, images [N, 3, 32, 32] and labels of each python batch in a folder or tar."""
    for name, data in _batch_files(path):
        batch = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
        images = np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, COLOUR_PX, COLOUR_PX)
        yield name, (images, np.asarray(batch[b"labels"]))


def _batch_files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*_batch*")):
            yield file.name, file.read_bytes()
        return
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None and "_batch" in member.name:
                yield Path(member.name).name, content.read()
