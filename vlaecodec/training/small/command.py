"""`bin/train --preset NAME`: train one of the paper's small VLAEs."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from vlaecodec.networks.small.preset import PRESETS, Preset
from vlaecodec.training.small.datasets import read_dataset
from vlaecodec.training.small.export import export_small
from vlaecodec.training.small.loop import SmallConfig, train_small

PATH = click.Path(path_type=Path)


def _read_switches(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> dict[str, Any]:
    """FIELD=VALUE, the values as JSON or plain words."""
    known = {field.name for field in fields(Preset)}
    switches: dict[str, Any] = {}
    for value in values:
        name, _, text = value.partition("=")
        if name not in known:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(sorted(known))}")
        try:
            switches[name] = json.loads(text)
        except ValueError:
            switches[name] = text
    return switches


@click.command("preset")
@click.argument("preset", metavar="NAME", type=click.Choice(list(PRESETS)))
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--checkpoint", required=True, type=PATH, help="Resumed if it exists.")
@click.option("--start-from", type=PATH, help="Checkpoint to go on from if there is none yet.")
@click.option(
    "--set",
    "switches",
    multiple=True,
    metavar="FIELD=VALUE",
    callback=_read_switches,
    help="Another value for a field of the preset, such as prior=gaussian; may be repeated.",
)
@click.option("--minutes", type=float, default=60.0, help="Time box.")
@click.option("--steps", type=int, default=0, help="Stop after so many; 0: when time is up.")
@click.option("--batch", type=int, default=128, help="Images per step.")
@click.option("--learning-rate", type=float, default=2e-3)
@click.option("--decay-fraction", type=float, default=0.3, help="Part of the run the rate falls.")
@click.option("--sample", default=0.5, help="Part of the pixels that a step looks at.")
@click.option("--quantised", is_flag=True, help="Quantisation-aware: the last phase of training.")
@click.option("--bf16", is_flag=True, help="bfloat16 autocast; not with --quantised.")
@click.option("--device", default="cpu")
@click.option("--threads", type=int, default=0, help="0: torch's choice.")
@click.option("--seed", type=int, default=0)
@click.option("--report-seconds", type=float, default=20.0)
@click.option("--validation-minutes", type=float, default=5.0)
def train_preset(preset: str, data: Path, **options: Any) -> None:
    """Train the small VLAE NAME on DATA, the file or folder of its data set."""
    if options["bf16"] and options["quantised"]:
        raise click.UsageError("--quantised needs float32; leave --bf16 out")
    try:
        train_small(SmallConfig(preset=preset, **options), read_dataset(preset, data))
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error


@click.command("export-preset")
@click.argument("preset", metavar="NAME", type=click.Choice([n for n in PRESETS if n != "cifar10"]))
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=PATH)
@click.option("--summary", required=True, help="One line for `vlaecodec models`.")
@click.option("--note", required=True, help="How it was trained, for the model card.")
def export_preset(
    preset: str, data: Path, checkpoint: Path, folder: Path, summary: str, note: str
) -> None:
    """Write the averaged weights of a small VLAE's CHECKPOINT to the model FOLDER."""
    images = read_dataset(preset, data).train
    click.echo(f"{folder.name}: {export_small(checkpoint, folder, images, summary, note)}")
