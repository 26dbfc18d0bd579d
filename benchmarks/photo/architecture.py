"""Which net, and which way to train it, makes the most of the same time: short runs from scratch.

bin/benchmark architecture shards/*.tar --validation val.tar --minutes 2 --work runs \
    --output benchmarks/results/architecture.json

Each variant differs from the small architecture, as it is trained by default, in one thing, starts
from the same transform and has the same minutes; the local decoders, which hang on the rest, are
left out. Short runs favour small nets and high rates: what is close here is undecided.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from benchmarks.kit.record import check_output, describe_run, print_table, write_record
from benchmarks.photo.lossy_tables import architecture_table
from vlaecodec.bitstream.tiles import LATENT_FACTOR
from vlaecodec.networks.common.fixed_point import ExactConv2d
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.networks.photo.architecture import ARCHITECTURES, Architecture
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.networks.photo.rate_distortion import add_noise, code_latent
from vlaecodec.training.photo.loop import TrainingConfig, train

SMALL = ARCHITECTURES["small"]


@dataclass(frozen=True)
class Variant:
    """What differs from the default: of the nets, and of how they are trained."""

    sizes: dict[str, int] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def architecture(self) -> Architecture:
        return replace(SMALL, **self.sizes)


VARIANTS = {
    "small": Variant(),
    "112 channels at 1/8, not 160": Variant({"eighth_channels": 112}),
    "224 channels at 1/8, 448 at 1/16": Variant(
        {"eighth_channels": 224, "sixteenth_channels": 448}
    ),
    "2 decoder blocks at 1/8, not 4": Variant({"decoder_eighth_blocks": 2}),
    "6 decoder blocks at 1/8": Variant({"decoder_eighth_blocks": 6}),
    "no decoder block at 1/16, not 2": Variant({"decoder_sixteenth_blocks": 0}),
    "1 encoder block at 1/8, not 3": Variant({"encoder_eighth_blocks": 1}),
    "192 latent channels, not 320": Variant({"latent_channels": 192}),
    "prior: 1 block, not 2": Variant({"prior_blocks": 1}),
    "prior: 96 channels, not 160": Variant({"prior_channels": 96}),
    "learning rate 5e-4, not 1e-3": Variant(training={"learning_rate": 5e-4}),
    "learning rate 2e-3": Variant(training={"learning_rate": 2e-3}),
    "rate falls all along, not from 70 %": Variant(training={"decay_fraction": 1.0}),
    "crops of 128 px, 8 of them, not 192 and 6": Variant(training={"crop": 128, "batch": 8}),
    "blocks' means count 4 times more at q 1": Variant(training={"coarse_weight": 4.0}),
}


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--validation", multiple=True, required=True, type=click.Path(path_type=Path))
@click.option("--minutes", default=2.0, help="For each variant.")
@click.option("--work", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--variant", "names", multiple=True, type=click.Choice(list(VARIANTS)))
@click.option("--bf16/--float32", default=True)
@click.option("--threads", default=0, help="0: torch's choice.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path))
def main(
    photos: tuple[Path, ...],
    validation: tuple[Path, ...],
    minutes: float,
    work: Path,
    names: tuple[str, ...],
    bf16: bool,
    threads: int,
    output: Path | None,
) -> None:
    """Train every variant on PHOTOS, shards or folders, and compare them on the validation photos.

    A run that is there already in WORK is not trained further.
    """
    check_output(output)
    work.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for name in names or VARIANTS:
        checkpoint = work / f"{list(VARIANTS).index(name):02}-{minutes:g}.safetensors"
        unfinished = checkpoint.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        done = checkpoint.exists()
        config = TrainingConfig(
            train=list(photos),
            validation=list(validation),
            checkpoint=checkpoint if done else unfinished,
            architecture=VARIANTS[name].architecture,
            freeze=("local", "texture"),
            minutes=0.0 if done else minutes,
            bf16=bf16,
            threads=threads,
            **VARIANTS[name].training,
        )
        rows.append({"variant": name, **run_variant(config)})
        if not done:
            unfinished.replace(checkpoint)
        click.echo(rows[-1])
    rows.sort(key=lambda row: row["loss"])
    record = {**describe_run(), "minutes": minutes, "bf16": bf16, "rows": rows}
    write_record(output, record)
    table = architecture_table(record)
    print_table(table.columns, table.rows)


def run_variant(config: TrainingConfig) -> dict[str, float]:
    """The last point of its learning curve, and what a pixel costs in thousand multiplications."""
    progress = train(config)
    encode_kmac, decode_kmac = count_kmac(PhotoVLAE(config.architecture))
    measures = {k: v for k, v in progress.curve[-1].items() if not k.startswith("ms_ssim")}
    return {"decode_kmac": decode_kmac, "encode_kmac": encode_kmac, **measures}


@torch.no_grad()
def count_kmac(network: PhotoVLAE, side: int = 256) -> tuple[float, float]:
    """Thousand multiplications a pixel: of analysis and prior, and of prior and global decoder."""
    spent = 0

    def add(layer: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal spent
        if isinstance(layer, ExactConv2d | nn.Conv2d):
            spent += layer.weight[0].numel() * output.numel()

    for layer in network.modules():
        layer.register_forward_hook(add)
    quality = torch.tensor([0.5])
    y = network.analysis(torch.zeros(1, 3, side, side), quality)
    analysis, spent = spent, 0
    code_latent(network, y, quality, add_noise, quantised=False)
    prior, spent = spent, 0
    latent = torch.zeros(1, network.arch.latent_channels, *(side // LATENT_FACTOR,) * 2)
    network.decoder(LATENT.clamp(latent), quality)
    per_pixel = 1e3 * side**2
    return (analysis + prior) / per_pixel, (prior + spent) / per_pixel


if __name__ == "__main__":
    main()
