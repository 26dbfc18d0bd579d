"""`bin/train`: train a model, or export one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from safetensors import SafetensorError

from vlaecodec.model.registry import PSNR, TUNES, Tune
from vlaecodec.networks.photo.architecture import ARCHITECTURES
from vlaecodec.training.checkpoint import read_progress
from vlaecodec.training.config import run_options
from vlaecodec.training.photo.export import export_model
from vlaecodec.training.photo.loop import PARTS, TrainingConfig, train
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
@click.option("--learning-rate", default=1e-3)
@click.option("--device", default="cuda")
def gpu(
    photos: tuple[Path, ...], validation: tuple[Path, ...], architecture: str, **options: Any
) -> None:
    """Train the global networks on PHOTOS in one short run on a GPU.

    `run` with all that a GPU wants: the photos in its memory, crops made there, large batches,
    bfloat16, the local decoders left alone, and a learning rate that falls to 0 inside the time
    box. The checkpoint can be resumed on a CPU. --device cpu --minutes 1 rehearses it.
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
            freeze=("local", "texture"),
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
@click.option("--local-weight", default=0.03, help="Weight of the local decoders' bits.")
@click.option("--local-rate-gain", default=4.0, help="Their learning rate, in --learning-rate.")
@click.option("--local-sample", default=8192, help="Pixels of each crop that they train on.")
@click.option("--freeze", multiple=True, type=click.Choice(PARTS), help="Leave a part as it is.")
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
@click.option("--default", is_flag=True, help="Make it the model that `encode` uses.")
@click.option(
    "--tuned-for",
    type=click.Choice(TUNES),
    default=PSNR,
    help="Its distortion in training. `encode --tune` takes the first listed that fits.",
)
def export(
    checkpoint: Path, folder: Path, summary: str, data: str, default: bool, tuned_for: Tune
) -> None:
    """Write the averaged weights of CHECKPOINT to the model FOLDER and list it in the index."""
    digest = export_model(checkpoint, folder, summary, data, default=default, tuned_for=tuned_for)
    click.echo(f"{folder.name}: {digest}")


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
def curve(checkpoint: Path) -> None:
    """Print CHECKPOINT's learning curve as JSON lines."""
    for row in read_progress(checkpoint)[1].curve:
        click.echo(json.dumps(row))


if __name__ == "__main__":
    main()
