"""The paper's ablations: small VLAEs that differ in one thing, trained in the same way.

bin/benchmark ablations mnist-dynamic=mnist.npz --work runs --output ...
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.tables import read_record
from benchmarks.paper.likelihood import read_pairs
from benchmarks.paper.tables import ablation_table
from vlaecodec.networks.small.preset import PRESETS, SMALLER, Preset
from vlaecodec.networks.small.small_vlae import SmallVLAE
from vlaecodec.small.model import SmallModel, read_small_model
from vlaecodec.training.checkpoint import load_weights, read_progress
from vlaecodec.training.small.datasets import Dataset, read_dataset
from vlaecodec.training.small.export import whole_weights
from vlaecodec.training.small.likelihood import importance_nll, measure_bounds
from vlaecodec.training.small.loop import SmallConfig, train_small

NO_WINDOW = {"window_width": 1, "window_height": 0}
GAUSSIAN = {"prior": "gaussian"}

VARIANTS: dict[str, dict[str, Any]] = {
    "VLAE, window 9x5": {},
    "Gaussian prior": GAUSSIAN,
    "IAF posterior": GAUSSIAN | {"posterior": "flow"},
    "unconditional decoder": {"conditional": False},
    "factorised decoder": GAUSSIAN | NO_WINDOW,
    "factorised, IAF posterior": GAUSSIAN | NO_WINDOW | {"posterior": "flow"},
    "VLAE, window 3x1": {"window_width": 3, "window_height": 1},
    "VLAE, window 5x2": {"window_width": 5, "window_height": 2},
}
"""An inverse autoregressive flow on the posterior costs what the autoregressive prior does."""

ABLATED = tuple(name for name in VARIANTS if name != "factorised, IAF posterior")
"""What is trained on a data set with `--ablate`."""

COMPARED = (
    "VLAE, window 9x5",
    "factorised decoder",
    "factorised, IAF posterior",
    "unconditional decoder",
)
"""What is trained on every other: the VLAE, a plain VAE, one with an IAF posterior, a PixelCNN."""

COLOUR_VARIANTS: dict[str, dict[str, Any]] = {
    "colour context": {},
    "grey context": {"grey_context": True},
    "window 5x2": {"window_width": 5, "window_height": 2},
    "Gaussian prior": GAUSSIAN,
    "unconditional decoder": {"conditional": False},
    "factorised decoder": NO_WINDOW,
    "passes": {"decoder": "passes"},
}
"""What is trained on colour images, whose window is 7x4 by default; that without one keeps the AF
prior, and so costs about as much."""

COLOUR_WINDOWS = ("colour context", "grey context", "window 5x2", "factorised decoder")
"""Those that differ in what the window shows: all, brightness only, less, nothing."""

COLOUR_SAMPLE = 0.25
"""Part of the pixels of colour images that a step looks at: they cost most of it."""

SMALLER_COLOUR: dict[str, Any] = {
    "half_channels": 48,
    "quarter_channels": 64,
    "blocks": 2,
    "full_channels": 24,
    "local_features": 16,
    "local_channels": 64,
    "local_layers": 2,
    "colour_channels": 24,
    "flow_channels": 64,
    "flow_steps": 3,
}
"""Of the cifar10 preset: trained in minutes on a CPU."""

SEED = 0

WINDOWS = {
    "9x5": "VLAE, window 9x5",
    "5x2": "VLAE, window 5x2",
    "3x1": "VLAE, window 3x1",
    "none": "factorised decoder",
}
"""The variants by their window; without one it is a plain VAE, with a Gaussian prior."""


def choose_variants(
    preset: str, ablate: tuple[str, ...], only: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """The switches of what is trained on a preset's data, by name. Raises click.UsageError."""
    variants = COLOUR_VARIANTS
    if PRESETS[preset].colours == 1:
        names = ABLATED if preset in ablate else COMPARED
        variants = {name: VARIANTS[name] for name in names}
    if unknown := set(only) - set(variants):
        raise click.UsageError(f"of {preset} there is no variant {', '.join(sorted(unknown))}")
    return {name: variants[name] for name in only or variants}


def checkpoint_path(work: Path, preset: str, name: str) -> Path:
    """Where a variant's checkpoint is kept."""
    stem = f"{preset} {name}".replace(",", "").replace(" ", "-")
    return work / f"{stem}.safetensors"


def read_windows(work: Path, preset: str, data: Dataset) -> dict[str, SmallModel]:
    """The models of each window that were trained on a data set, as files would hold them."""
    paths = {window: checkpoint_path(work, preset, name) for window, name in WINDOWS.items()}
    return {
        window: read_small_model(whole_weights(path, data.train))
        for window, path in paths.items()
        if path.exists()
    }


def read_colour_networks(work: Path, preset: str) -> dict[str, SmallVLAE]:
    """The colour models of each window that were trained, as floats."""
    paths = {name: checkpoint_path(work, preset, name) for name in COLOUR_WINDOWS}
    return {name: read_network(path) for name, path in paths.items() if path.exists()}


def read_network(checkpoint: Path) -> SmallVLAE:
    """A checkpoint's averaged weights."""
    sizes, _ = read_progress(checkpoint)
    network = SmallVLAE(Preset(**sizes)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    load_weights(checkpoint, network)
    return network


def train_variant(
    preset: str, data: Dataset, switches: dict[str, Any], checkpoint: Path, steps: int
) -> float:
    """Train up to a number of steps, from the checkpoint if there is one; returns its seconds."""
    done = read_progress(checkpoint)[1].steps if checkpoint.exists() else 0
    if done < steps:
        is_colour = PRESETS[preset].colours > 1
        config = SmallConfig(
            preset=preset,
            checkpoint=checkpoint,
            switches=(SMALLER_COLOUR if is_colour else SMALLER) | switches,
            minutes=1e6,
            steps=steps - done,
            batch=64,
            sample=COLOUR_SAMPLE if is_colour else SmallConfig.sample,
            decay_fraction=0.4,
            bf16=True,
            seed=SEED,
            report_seconds=60,
            validation_minutes=1e6,
        )
        train_small(config, data)
    return read_progress(checkpoint)[1].seconds


def evaluate(checkpoint: Path, data: Dataset, images: int, samples: int) -> dict[str, float]:
    """Test figures of the averaged weights, as floats; nats an image."""
    network = read_network(checkpoint)
    test = data.test // 255 if network.preset.colours == 1 else data.test
    torch.manual_seed(0)
    bounds = measure_bounds(network, test)
    some = test[torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[:images]]
    gains = torch.zeros(images)
    if network.preset.conditional:
        found = [importance_nll(network, image[None], samples) for image in some]
        gains = torch.tensor([negative_elbo - nll for nll, negative_elbo in found])
    elbo = float(bounds.negative_elbo.mean())
    return {
        "negative_elbo_nats": elbo,
        "kl_nats": float(bounds.divergence.mean()),
        "reconstruction_nats": float(bounds.reconstruction.mean()),
        "nll_nats": elbo - float(gains.mean()),
        "importance_gain_se_nats": float(gains.std() / len(gains) ** 0.5),
        "parameters": sum(p.numel() for p in network.parameters()),
    }


@click.command()
@click.argument("pairs", metavar="PRESET=DATA...", nargs=-1, required=True, callback=read_pairs)
@click.option("--work", required=True, type=click.Path(path_type=Path), help="Checkpoints' folder.")
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--steps", default=3000, show_default=True, help="Of 64 images, for each.")
@click.option("--ablate", multiple=True, help="PRESET whose every part is left out in turn.")
@click.option("--images", default=50, show_default=True, help="Images for importance sampling.")
@click.option("--samples", default=500, show_default=True, help="Latents for each of those.")
@click.option("--only", multiple=True, help="A variant to train; all by default.")
def main(
    pairs: dict[str, Path],
    work: Path,
    output: Path | None,
    steps: int,
    ablate: tuple[str, ...],
    images: int,
    samples: int,
    only: tuple[str, ...],
) -> None:
    """Train every variant for equally many steps on each DATA, and compare them on its test set.

    Resumes from the checkpoints in the folder. Other data sets' results in the output are kept if
    they are of this commit.
    """
    check_output(output)
    work.mkdir(parents=True, exist_ok=True)
    run = describe_run()
    results: dict[str, dict[str, Any]] = {}
    if output is not None and output.exists():
        stored = read_record(output)
        results = stored["results"] if stored["commit"] == run["commit"] else {}
    importance = {"images": images, "samples": samples}
    record = {**run, "seed": SEED, "results": results, "importance": importance}
    for preset, path in pairs.items():
        data = read_dataset(preset, path)
        results[preset] = {}
        for name, switches in choose_variants(preset, ablate, only).items():
            checkpoint = checkpoint_path(work, preset, name)
            click.echo(f"{preset}: {name}", err=True)
            seconds = train_variant(preset, data, switches, checkpoint, steps)
            begin = time.perf_counter()
            row = evaluate(checkpoint, data, images, samples)
            row |= {"training_seconds": seconds, "steps": steps}
            click.echo(f"{row} in {time.perf_counter() - begin:.0f} s", err=True)
            results[preset][name] = row
            write_record(output, record)
    ablation_table(record).print()


if __name__ == "__main__":
    main()
