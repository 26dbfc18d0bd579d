"""`bin/train --preset NAME`: train one of the paper's small VLAEs."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from vlaecodec.networks.small.preset import PRESETS, Preset
from vlaecodec.training.config import run_options
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
@click.option("--start-from", type=PATH, help="Checkpoint or model folder to continue from.")
@click.option(
    "--set",
    "switches",
    multiple=True,
    metavar="FIELD=VALUE",
    callback=_read_switches,
    help="Override a field of the preset, as in prior=gaussian; repeatable.",
)
@click.option(
    "--steps", type=int, default=0, help="Stop after this many steps; 0: when the time is up."
)
@click.option("--sample", default=0.5, help="Share of the pixels that each step trains on.")
@click.option(
    "--quantised-part",
    default=0.0,
    help="Share of the run, at its end, that is quantisation-aware.",
)
@run_options(batch=128, learning_rate=2e-3, validation_minutes=5.0)
def train_preset(preset: str, data: Path, **options: Any) -> None:
    """Train the small VLAE NAME on DATA, the file or folder of its data set."""
    train_small(SmallConfig(preset=preset, **options), read_dataset(preset, data))


@click.command("export-preset")
@click.argument("preset", metavar="NAME", type=click.Choice(list(PRESETS)))
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=PATH)
@click.option("--summary", required=True, help="One line for `vlaecodec models`.")
@click.option("--note", required=True, help="How it was trained, for the model card.")
def export_preset(
    preset: str, data: Path, checkpoint: Path, folder: Path, summary: str, note: str
) -> None:
    """Export the averaged weights of a small VLAE's CHECKPOINT to the model FOLDER."""
    images = read_dataset(preset, data).train
    click.echo(f"{folder.name}: {export_small(checkpoint, folder, images, summary, note)}")
