"""`bin/train`: train a model, or export one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from safetensors import SafetensorError

from vlaecodec.model.registry import PSNR, TUNES
from vlaecodec.networks.photo.architecture import ARCHITECTURES
from vlaecodec.training.checkpoint import read_progress
from vlaecodec.training.config import run_options
from vlaecodec.training.photo.attach import attach_decoders
from vlaecodec.training.photo.export import export_model
from vlaecodec.training.photo.loop import TrainingConfig, train
from vlaecodec.training.photo.objectives import LIKELIHOODS
from vlaecodec.training.photo.passes import PassesConfig, train_passes
from vlaecodec.training.photo.refit import RefitConfig, refit_decoders
from vlaecodec.training.small.command import export_preset, train_preset

PATH = click.Path(path_type=Path)


class _Commands(click.Group):
    """`--preset NAME` alone names a command, too."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0].partition("=")[0] == "--preset":
            args = ["preset", *filter(None, [args[0].partition("=")[2]]), *args[1:]]
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> Any:
        """Ordinary mistakes, such as a file that is none of its kind, get one line."""
        try:
            return super().invoke(context)
        except (ValueError, OSError, SafetensorError) as error:
            raise click.ClickException(str(error)) from error


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
def main() -> None:
    """Train models and export them for the codec.

    `bin/train --preset NAME DATA` trains one of the paper's small models, as `bin/train preset`.
    """


main.add_command(train_preset)
main.add_command(export_preset)


@main.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--validation", multiple=True, required=True, type=PATH, help="Shard or folder.")
@click.option("--checkpoint", required=True, type=PATH, help="Resumed if it exists.")
@click.option("--start-from", type=PATH, help="Model folder to go on from without a checkpoint.")
@click.option("--architecture", type=click.Choice(sorted(ARCHITECTURES)), default="photo")
@click.option("--minutes", default=9.0, help="Time box of the training itself.")
@click.option("--batch", default=32, help="Crops per step.")
@click.option("--ms-ssim-part", default=0.0, help="Part of the distortion that is 1 - MS-SSIM.")
@click.option("--ssimulacra2-part", default=0.0, help="Part that is SSIMULACRA2's error.")
@click.option("--coarse-weight", default=0.0, help="Weight of block averages' error.")
@click.option("--synthetic", default=0.0, help="Part of the crops that are drawings, not photos.")
@click.option("--learning-rate", default=1e-3)
@click.option("--device", default="cuda")
def gpu(
    photos: tuple[Path, ...], validation: tuple[Path, ...], architecture: str, **options: Any
) -> None:
    """Train the global networks on PHOTOS in one short run on a GPU.

    `run` with all that a GPU wants: the photos in its memory, crops made there, large batches,
    bfloat16, and a learning rate that falls to 0 inside the time box. The checkpoint can be
    resumed on a CPU. --device cpu --minutes 1 rehearses it.
    """
    train(
        TrainingConfig(
            train=list(photos),
            validation=list(validation),
            architecture=ARCHITECTURES[architecture],
            crop=256,
            bf16=True,
            crops_on_device=True,
            rescale_part=0.3,
            seam_weight=20.0,
            decay_fraction=0.9,
            validation_minutes=1e9,
            **options,
        )
    )


@main.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--validation", multiple=True, required=True, type=PATH, help="Shard or folder.")
@click.option("--start-from", type=PATH, help="Model folder to go on from without a checkpoint.")
@click.option("--architecture", type=click.Choice(sorted(ARCHITECTURES)), default="small")
@click.option("--crop", type=int, default=192, help="Side of a training crop, pixels.")
@click.option("--coarse-weight", type=float, default=0.0, help="Weight of block averages' error.")
@click.option("--ms-ssim-part", default=0.0, help="Part of the distortion that is 1 - MS-SSIM.")
@click.option("--ssimulacra2-part", default=0.0, help="Part that is SSIMULACRA2's error.")
@click.option("--seam-weight", default=0.0, help="Weight of steps across the decoder's blocks.")
@click.option("--rescale-part", default=0.0, help="Part of the crops that are reduced photos.")
@click.option("--synthetic", default=0.0, help="Part of the crops that are drawings, not photos.")
@run_options(batch=6, learning_rate=1e-3, validation_minutes=10.0)
def run(
    photos: tuple[Path, ...], validation: tuple[Path, ...], architecture: str, **options: Any
) -> None:
    """Train on PHOTOS: tar shards, or folders of images."""
    train(
        TrainingConfig(
            train=list(photos),
            validation=list(validation),
            architecture=ARCHITECTURES[architecture],
            **options,
        )
    )


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=PATH)
@click.option("--summary", required=True, help="One line for `vlaecodec models`.")
@click.option("--data", required=True, help="What it was trained on, for the model card.")
@click.option(
    "--local-from", type=PATH, required=True, help="Model folder whose local decoders it gets."
)
@click.option("--default", is_flag=True, help="Make it the model that `encode` uses.")
@click.option(
    "--tuned-for",
    type=click.Choice(TUNES),
    default=PSNR,
    help="Its distortion in training. `encode --tune` takes the first listed that fits.",
)
def export(checkpoint: Path, folder: Path, **options: Any) -> None:
    """Write the averaged weights of CHECKPOINT to the model FOLDER and list it in the index."""
    click.echo(f"{folder.name}: {export_model(checkpoint, folder, **options)}")


@main.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--validation", multiple=True, required=True, type=PATH, help="Shard or folder.")
@click.option(
    "--model", "models", multiple=True, required=True, type=PATH, help="Folder: whose trunk to use."
)
@click.option("--decoder", type=click.Choice(sorted(LIKELIHOODS)), default="local")
@click.option("--squeezenet", type=PATH, help="Its weights: train texture for how its draws look.")
@click.option("--cache", type=PATH, help="Folder for photos as models decode them; GPUs need none.")
@click.option("--start-from", type=PATH, help="Model folder whose decoder to begin with.")
@click.option("--crop", default=64, help="Side of a training crop, pixels; a multiple of 8.")
@run_options(batch=8, learning_rate=2e-3, validation_minutes=10.0)
def passes(
    photos: tuple[Path, ...],
    validation: tuple[Path, ...],
    models: tuple[Path, ...],
    **options: Any,
) -> None:
    """Train a local decoder on PHOTOS as frozen models decode them."""
    train_passes(
        PassesConfig(
            train=list(photos), validation=list(validation), models=list(models), **options
        )
    )


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--local", type=PATH, help="Checkpoint of the decoder for exact pixels.")
@click.option("--texture", type=PATH, help="Checkpoint of the one for texture.")
@click.option("--notes", required=True, help="How they were trained, for the model card.")
def attach(folder: Path, local: Path | None, texture: Path | None, notes: str) -> None:
    """Replace the local decoders of the model in FOLDER by those of checkpoints, averaged."""
    chosen = {"local": local, "texture": texture}
    checkpoints = {name: path for name, path in chosen.items() if path is not None}
    click.echo(f"{folder.name}: {attach_decoders(folder, checkpoints, notes)}")


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--validation", multiple=True, required=True, type=PATH, help="Shard or folder.")
@click.option("--start-from", required=True, type=PATH, help="Model folder with the decoders.")
@click.option("--work", required=True, type=PATH, help="Folder for caches and checkpoints.")
@click.option("--minutes", default=4.0, help="Time box of each decoder's training.")
@click.option("--count", default=250, help="How many of the photos to use.")
@click.option("--learning-rate", default=5e-4)
@click.option("--bf16", is_flag=True, help="bfloat16 autocast.")
@click.option("--threads", default=0, help="0: torch's choice.")
@click.option("--notes", required=True, help="How they were trained, for the model card.")
def refit(
    folder: Path, photos: tuple[Path, ...], validation: tuple[Path, ...], count: int, **options: Any
) -> None:
    """Fit local decoders to the trunk of the model in FOLDER, train them on PHOTOS, attach them.

    After the trunk has been trained on: the decoders begin as those of --start-from, which may be
    FOLDER's model of before. Ten minutes on one core.
    """
    config = RefitConfig(train=list(photos), validation=list(validation), photos=count, **options)
    click.echo(f"{folder.name}: {refit_decoders(folder, config)}")


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
def curve(checkpoint: Path) -> None:
    """Print CHECKPOINT's learning curve as JSON lines."""
    for row in read_progress(checkpoint)[1].curve:
        click.echo(json.dumps(row))


if __name__ == "__main__":
    main()
