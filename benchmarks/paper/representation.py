"""How well classes can be told from the latent: linear probe, neighbours, against raw pixels.

bin/benchmark representation mnist-dynamic=mnist.npz --work runs --output ...

`runs` holds the checkpoints of ablations: models that differ in their window only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.kit.probes import (
    NEIGHBOURS,
    Features,
    linear_probe_accuracy,
    neighbours_accuracy,
)
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.paper.ablations import read_windows
from benchmarks.paper.bits_back import to_images
from benchmarks.paper.likelihood import read_pairs
from benchmarks.paper.tables import representation_table
from vlaecodec.model.registry import find_model
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.small.coder import invert_latents, posterior_means
from vlaecodec.small.model import SmallModel, load_small_model
from vlaecodec.training.small.datasets import binarise_once, read_dataset

BATCH = 1000

Labels = dict[str, NDArray[np.int64]]
"""Of the "train" and the "test" images."""


def latent_features(model: SmallModel, images: NDArray[np.uint8], *, flat: bool) -> Features:
    """Means of q(z | x), or with `flat` their eps, in units of the prior's deviation, [N, C]."""
    parts = []
    for start in range(0, len(images), BATCH):
        z = posterior_means(model, images[start : start + BATCH])
        parts.append(invert_latents(model, z) if flat else z)
    values = np.concatenate(parts).reshape(len(images), -1) / LATENT.scale
    return values.astype(np.float32)


def measure(train: Features, test: Features, labels: Labels) -> dict[str, float]:
    """How well classes can be told from features of the training and the test images."""
    return {
        "features": train.shape[1],
        "linear_probe": linear_probe_accuracy(train, labels["train"], test, labels["test"]),
        "neighbours": neighbours_accuracy(train, labels["train"], test, labels["test"]),
    }


def measure_all(name: str, path: Path, images: int, work: Path | None) -> dict[str, Any]:
    """Every kind of features of one data set: pixels, the shipped model's, each window's."""
    data = read_dataset(name, path)
    if "test" not in data.labels:
        raise click.ClickException(f"{path} has no labels")
    entry = find_model(name)
    model = load_small_model(entry)
    # A part from all over: files are often sorted by class.
    chosen = np.sort(np.random.default_rng(0).permutation(len(data.train))[:images])
    train, test = _as_coded(data.train[chosen]), _as_coded(data.test)
    labels = {
        "train": data.labels["train"][chosen].astype(np.int64),
        "test": data.labels["test"].astype(np.int64),
    }
    windows = {} if work is None or model.curves else read_windows(work, name, data)
    sources: dict[str, Callable[[NDArray[np.uint8]], Features]] = {
        "pixels": lambda x: x.reshape(len(x), -1).astype(np.float32),
        "z": partial(latent_features, model, flat=False),
        "eps": partial(latent_features, model, flat=True),
    }
    for window, variant in windows.items():
        sources[f"z, window {window}"] = partial(latent_features, variant, flat=False)
    accuracy = {}
    for kind, features in sources.items():
        accuracy[kind] = measure(features(train), features(test), labels)
        click.echo(f"{name}, {kind}: {accuracy[kind]}", err=True)
    return {
        "fingerprint": entry.fingerprint.hex(),
        "training_images": len(train),
        "classes": len(np.unique(labels["test"])),
        "accuracy": accuracy,
    }


def _as_coded(images: Tensor) -> NDArray[np.uint8]:
    """A data set's images as their model codes them: black and white, or samples."""
    if images.shape[1] > 1:
        return to_images(images)
    return binarise_once(images[:, 0].numpy()) // 255


@click.command()
@click.argument("pairs", metavar="MODEL=DATA...", nargs=-1, required=True, callback=read_pairs)
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--images", default=20000, show_default=True, help="Training images to learn from.")
@click.option(
    "--work",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the ablations' checkpoints: compare windows too.",
)
def main(pairs: dict[str, Path], output: Path | None, images: int, work: Path | None) -> None:
    """Classify the test images of DATA by the latents of the installed MODELs."""
    check_output(output)
    results = {name: measure_all(name, path, images, work) for name, path in pairs.items()}
    record = {**describe_run(), "neighbours": NEIGHBOURS, "results": results}
    representation_table(record).print()
    write_record(output, record)


if __name__ == "__main__":
    main()
