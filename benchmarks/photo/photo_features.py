"""What photos' latents know of classes: CIFAR-10's, by a linear probe, against raw pixels.

bin/benchmark photo_features cifar10.npz --output benchmarks/results/photo_features.json

Images of 32 x 32 are enlarged, so that photos' latents have some positions; all features are of the
same images. A part of the training and of the test images is taken, for each is encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import vlaecodec
from benchmarks.kit.probes import (
    NEIGHBOURS,
    Features,
    held_out_decay,
    linear_probe_accuracy,
    neighbours_accuracy,
)
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.tables import Record, Table, made_with
from vlaecodec.model.registry import find_model
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.small.coder import posterior_means
from vlaecodec.small.model import load_small_model
from vlaecodec.training.small.datasets import read_dataset

DATA = "cifar10"
DECAYS = (1e-4, 1e-3, 1e-2, 1e-1)
BATCH = 500

Images = NDArray[np.uint8]
"""[N, 3, H, W]"""


def pixels(images: Images) -> Features:
    """Every sample, 0..1."""
    return (images.reshape(len(images), -1) / np.float32(255)).astype(np.float32)


def small_latents(images: Images) -> Features:
    """All of z, of the paper's model for these images: means of q(z | x)."""
    model = load_small_model(find_model(DATA))
    coded = np.ascontiguousarray(np.moveaxis(images, 1, -1))
    parts = [
        posterior_means(model, coded[start : start + BATCH])
        for start in range(0, len(coded), BATCH)
    ]
    return (np.concatenate(parts).reshape(len(images), -1) / LATENT.scale).astype(np.float32)


def photo_latents(images: Images, side_px: int, quality: float) -> Features:
    """The pooled latent of each image, enlarged."""
    rows = []
    for image in images:
        enlarged = Image.fromarray(np.moveaxis(image, 0, -1)).resize((side_px, side_px))
        rows.append(vlaecodec.encode_latent(enlarged, quality, pooled=True))
    return np.stack(rows)


def choose(images: Images, labels: NDArray[np.integer], count: int) -> tuple[Images, Any]:
    """So many of them, from all over."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:count])
    return images[chosen], labels[chosen].astype(np.int64)


def features_table(record: Record) -> Table:
    """How well classes can be told from photos' latents, and from other features."""
    rows = [
        [
            kind,
            f"{row['features']}",
            f"{100 * row['linear_probe']:.1f} %",
            f"{100 * row['neighbours']:.1f} %",
        ]
        for kind, row in record["accuracy"].items()
    ]
    return Table(
        f"Classes of CIFAR-10, learned on {record['training_images']:,} images and told of "
        f"{record['test_images']:,} test images; {made_with(record)}:",
        ["features", "how many", "linear probe", f"{NEIGHBOURS} nearest neighbours"],
        rows,
        [
            f"Photos' latents: of the images enlarged to {record['side_px']} pixels a side, at "
            f"quality {record['quality']:g}, pooled (`encode_latent(..., pooled=True)`). The decay "
            "of each probe is chosen on a fifth of the training images."
        ],
    )


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--train", "train_count", default=2000, show_default=True, help="Training images.")
@click.option("--test", "test_count", default=1000, show_default=True, help="Test images.")
@click.option(
    "--side", "side_px", default=128, show_default=True, help="Enlarged to so many pixels."
)
@click.option("--quality", default=50.0, show_default=True, help="Of photos' latents.")
def main(
    data: Path, output: Path | None, train_count: int, test_count: int, side_px: int, quality: float
) -> None:
    """Tell the classes of CIFAR-10 in DATA by the latents of the default model for photos."""
    check_output(output)
    run = describe_run()
    images = read_dataset(DATA, data)
    train, train_labels = choose(images.train.numpy(), images.labels["train"], train_count)
    test, test_labels = choose(images.test.numpy(), images.labels["test"], test_count)
    sources: dict[str, Callable[[Images], Features]] = {
        "pixels": pixels,
        "z of the small model": small_latents,
        "photo latent, pooled": partial(photo_latents, side_px=side_px, quality=quality),
    }
    accuracy = {}
    for kind, extract in sources.items():
        known, asked = extract(train), extract(test)
        decay = held_out_decay(known, train_labels, DECAYS)
        accuracy[kind] = {
            "features": known.shape[1],
            "decay": decay,
            "linear_probe": linear_probe_accuracy(known, train_labels, asked, test_labels, decay),
            "neighbours": neighbours_accuracy(known, train_labels, asked, test_labels),
        }
    record = {
        **run,
        "small_model": find_model(DATA).fingerprint.hex(),
        "training_images": len(train),
        "test_images": len(test),
        "side_px": side_px,
        "quality": quality,
        "accuracy": accuracy,
    }
    features_table(record).print()
    write_record(output, record)


if __name__ == "__main__":
    main()
