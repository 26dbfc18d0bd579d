"""The paper's density estimation: ELBO, KL and importance-sampled NLL of the shipped small models.

bin/benchmark likelihood mnist-dynamic=mnist.npz ... --output benchmarks/results/paper.json
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.paper.tables import likelihood_table
from vlaecodec.cli.progress import progress_bar
from vlaecodec.model.registry import find_model
from vlaecodec.training.small.datasets import STATIC_SEED, read_dataset
from vlaecodec.training.small.export import load_whole
from vlaecodec.training.small.likelihood import (
    BATCH,
    SAMPLES_AT_ONCE,
    importance_nll,
    measure_bounds,
)

PAPER_NATS = {
    "mnist-static": 79.03,
    "mnist-dynamic": 78.53,
    "omniglot": 90.98,
    "caltech101": 77.36,
    "cifar10": 2.95 * 3072 * math.log(2),
}
"""arXiv 1611.02731, tables 1 to 4: VLAE, 4096 samples; of CIFAR-10 2.95 bits a dimension, 512."""

COMPARABLE = {
    "mnist-static": "another sampling of the same images",
    "mnist-dynamic": "yes",
    "omniglot": "no: another downscale and split",
    "caltech101": "no: another split",
    "cifar10": "only as far as some of the test images stand for all",
}


def read_pairs(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, Path]:
    """MODEL=DATA arguments."""
    pairs = {}
    for value in values:
        name, found, path = value.partition("=")
        if not found or not Path(path).exists():
            raise click.BadParameter(f"{value!r} is not MODEL=DATA with an existing file")
        pairs[name] = Path(path)
    return pairs


def measure(name: str, path: Path, draws: int, images: int, samples: int) -> dict[str, Any]:
    """All figures of one model, nats an image, on the test images.

    The NLL of all of them is their ELBO, less what importance sampling gains on the first `images`:
    the gain differs far less from image to image than the likelihood does.
    """
    entry = find_model(name)
    network = load_whole(entry.folder)
    test = read_dataset(name, path).test
    dimensions = test[0].numel()
    test = test // 255 if test.shape[1] == 1 else test
    some = test[torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[:images]]
    bound_chunks, sample_chunks = -(-len(test) // BATCH), -(-samples // SAMPLES_AT_ONCE)
    steps, done = bound_chunks + len(some) * sample_chunks, 0
    torch.manual_seed(0)
    with progress_bar(name, quiet=False) as progress:

        def advance() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(done / steps)

        bounds = measure_bounds(network, test, draws, advance)
        found = [importance_nll(network, image[None], samples, advance) for image in some]
    nll, negative_elbo = torch.tensor(found, dtype=torch.float64).T
    gains = negative_elbo - nll
    elbo = float(bounds.negative_elbo.mean())
    gain = float(gains.mean())
    return {
        "fingerprint": entry.fingerprint.hex(),
        "test_images": len(test),
        "elbo_draws": draws,
        "negative_elbo_nats": elbo,
        "kl_nats": float(bounds.divergence.mean()),
        "kl_bits": float(bounds.divergence.mean()) / math.log(2),
        "importance_images": len(some),
        "importance_samples": samples,
        "importance_gain_nats": gain,
        "importance_gain_se_nats": float(gains.std()) / math.sqrt(len(some)),
        "nll_nats": elbo - gain,
        "elbo_bits_per_dimension": elbo / math.log(2) / dimensions,
        "nll_bits_per_dimension": (elbo - gain) / math.log(2) / dimensions,
        "paper_nll_nats": PAPER_NATS[name],
        "comparable": COMPARABLE[name],
    }


@click.command()
@click.argument("pairs", metavar="MODEL=DATA...", nargs=-1, required=True, callback=read_pairs)
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--draws", default=4, show_default=True, help="Latents an image for the ELBO.")
@click.option("--images", default=100, show_default=True, help="Images for importance sampling.")
@click.option("--samples", default=4096, show_default=True, help="Latents for each of those.")
def main(
    pairs: dict[str, Path], output: Path | None, draws: int, images: int, samples: int
) -> None:
    """Evaluate the installed MODELs, whole numbers as files need them, on their DATA sets."""
    check_output(output)
    results = {name: measure(name, path, draws, images, samples) for name, path in pairs.items()}
    record = {**describe_run(), "static_seed": STATIC_SEED, "results": results}
    likelihood_table(record).print()
    write_record(output, record)


if __name__ == "__main__":
    main()
