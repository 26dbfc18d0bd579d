"""What the latent knows of classes: a linear probe and nearest neighbours, against raw pixels.

python -m benchmarks.representation mnist-dynamic=mnist.npz --output ...
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from benchmarks.paper import read_pairs
from benchmarks.record import check_output, describe_run, print_table, write_record
from vlaecodec.networks.fixed_point import LATENT
from vlaecodec.registry import find_model
from vlaecodec.small_coder import invert_latents, posterior_means
from vlaecodec.small_model import SmallModel, load_small_model
from vlaecodec.training.small.datasets import binarise_once, read_dataset

NEIGHBOURS = 5
BATCH = 1000

Features = NDArray[np.float32]
"""[N, features]"""


def linear_probe_accuracy(
    train: Features, train_labels: NDArray[np.int64], test: Features, test_labels: NDArray[np.int64]
) -> float:
    """Part of the test images that logistic regression on standardised features gets right."""
    mean, deviation = train.mean(0), train.std(0) + 1e-3
    x, probe = ((torch.from_numpy((f - mean) / deviation)) for f in (train, test))
    y = torch.from_numpy(train_labels)
    weight = torch.zeros(x.shape[1] + 1, int(y.max()) + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=100, line_search_fn="strong_wolfe")

    def cost() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight[:-1] + weight[-1], y)
        loss = loss + 1e-4 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(cost)
    with torch.no_grad():
        guesses = (probe @ weight[:-1] + weight[-1]).argmax(1).numpy()
    return float(np.mean(guesses == test_labels))


def neighbours_accuracy(
    train: Features, train_labels: NDArray[np.int64], test: Features, test_labels: NDArray[np.int64]
) -> float:
    """Part of the test images that a vote of the NEIGHBOURS nearest training images gets right."""
    x, y = torch.from_numpy(train), torch.from_numpy(train_labels)
    right = 0
    for start in range(0, len(test), BATCH):
        distances = torch.cdist(torch.from_numpy(test[start : start + BATCH]), x)
        nearest = y[distances.topk(NEIGHBOURS, largest=False).indices]
        votes = torch.mode(nearest, dim=1).values.numpy()
        right += int((votes == test_labels[start : start + BATCH]).sum())
    return right / len(test)


def latent_features(model: SmallModel, images: NDArray[np.uint8], *, flat: bool) -> Features:
    """Means of q(z | x), or with `flat` their eps, in units of the prior's deviation, [N, C]."""
    parts = []
    for start in range(0, len(images), BATCH):
        z = posterior_means(model, images[start : start + BATCH])
        parts.append(invert_latents(model, z) if flat else z)
    values = np.concatenate(parts).reshape(len(images), -1) / LATENT.scale
    return values.astype(np.float32)


@click.command()
@click.argument("pairs", metavar="MODEL=DATA...", nargs=-1, required=True, callback=read_pairs)
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--images", default=20000, show_default=True, help="Training images to learn from.")
def main(pairs: dict[str, Path], output: Path | None, images: int) -> None:
    """Classify the test images of DATA by the latents of the installed MODELs."""
    check_output(output)
    results: dict[str, dict[str, Any]] = {}
    for name, path in pairs.items():
        data = read_dataset(name, path)
        if "test" not in data.labels:
            raise click.ClickException(f"{path} has no labels")
        model = load_small_model(find_model(name))
        train = binarise_once(data.train[:images, 0].numpy()) // 255
        test = (data.test[:, 0] // 255).numpy()
        labels = [
            data.labels["train"][:images].astype(np.int64),
            data.labels["test"].astype(np.int64),
        ]
        kinds = {
            "pixels": [x.reshape(len(x), -1).astype(np.float32) for x in (train, test)],
            "z": [latent_features(model, x, flat=False) for x in (train, test)],
            "eps": [latent_features(model, x, flat=True) for x in (train, test)],
        }
        results[name] = {
            "fingerprint": find_model(name).fingerprint.hex(),
            "training_images": len(train),
            "accuracy": {
                kind: {
                    "linear_probe": linear_probe_accuracy(x, labels[0], y, labels[1]),
                    "neighbours": neighbours_accuracy(x, labels[0], y, labels[1]),
                    "features": x.shape[1],
                }
                for kind, (x, y) in kinds.items()
            },
        }
    print_table(
        ("model", "from", "features", "linear probe, %", f"{NEIGHBOURS} neighbours, %"),
        [
            [
                name,
                kind,
                f"{row['features']}",
                f"{100 * row['linear_probe']:.2f}",
                f"{100 * row['neighbours']:.2f}",
            ]
            for name, result in results.items()
            for kind, row in result["accuracy"].items()
        ],
    )
    write_record(output, {**describe_run(), "neighbours": NEIGHBOURS, "results": results})


if __name__ == "__main__":
    main()
