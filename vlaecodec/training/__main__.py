"""`bin/train`: train a model, or export one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from safetensors import SafetensorError

from vlaecodec.model.registry import PSNR, TUNES
from vlaecodec.networks.photo.architecture import ARCHITECTURES, GRAIN_SIZES
from vlaecodec.training.checkpoint import read_progress
from vlaecodec.training.config import ADAM, CHECKPOINT_HELP, MUON, run_options
from vlaecodec.training.photo.attach import attach_decoders
from vlaecodec.training.photo.data import read_photos
from vlaecodec.training.photo.export import export_model
from vlaecodec.training.photo.loop import TrainingConfig, train
from vlaecodec.training.photo.narrow import narrow_checkpoint
from vlaecodec.training.photo.objectives import LIKELIHOODS
from vlaecodec.training.photo.passes import PassesConfig, train_passes
from vlaecodec.training.photo.prune import prune_checkpoint
from vlaecodec.training.photo.refit import RefitConfig, refit_decoders
from vlaecodec.training.small.command import export_preset, train_preset

PATH = click.Path(path_type=Path)
EXISTING = click.Path(exists=True, path_type=Path)
Command = TypeVar("Command", bound=Callable[..., Any])

validation_option = click.option(
    "--validation", multiple=True, required=True, type=PATH, help="Shard or folder of photos."
)


class _Commands(click.Group):
    """A group in which `--preset NAME` stands for the command `preset NAME`."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0].partition("=")[0] == "--preset":
            args = ["preset", *filter(None, [args[0].partition("=")[2]]), *args[1:]]
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> Any:
        """Report a wrong file or value in one line."""
        try:
            return super().invoke(context)
        except (ValueError, OSError, SafetensorError) as error:
            raise click.ClickException(str(error)) from error


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
def main() -> None:
    """Train models and export them for the codec.

    `bin/train --preset NAME DATA` is short for `bin/train preset NAME DATA`: it trains one of the
    paper's small models.
    """


main.add_command(train_preset)
main.add_command(export_preset)


def _global_options(command: Command) -> Command:
    """What `run` and `gpu` share: photos, where to start, and the objective."""
    for option in (
        click.option("--synthetic", default=0.0, help="Share of crops from drawings, not photos."),
        click.option("--coarse-weight", default=0.0, help="Weight of the error of block averages."),
        click.option("--ssimulacra2-part", default=0.0, help="Share of SSIMULACRA2's error in it."),
        click.option("--ms-ssim-part", default=0.0, help="Share of 1 - MS-SSIM in the distortion."),
        click.option("--start-from", type=PATH, help="Model folder to start from."),
        validation_option,
        click.argument("photos", nargs=-1, required=True, type=EXISTING),
    ):
        command = option(command)
    return command


@main.command()
@_global_options
@click.option("--architecture", type=click.Choice(sorted(ARCHITECTURES)), default="photo")
@click.option("--checkpoint", required=True, type=PATH, help=CHECKPOINT_HELP)
@click.option("--minutes", default=9.0, help="Time limit of the training itself.")
@click.option("--batch", default=32, help="Crops per step.")
@click.option("--learning-rate", default=1e-3)
@click.option("--optimizer", type=click.Choice([ADAM, MUON]), default=MUON)
@click.option("--device", default="cuda")
def gpu(**options: Any) -> None:
    """Train the global networks on PHOTOS in one short run on a GPU.

    This is `run` with settings for a GPU: photos and crops in its memory, large batches, bfloat16,
    and a learning rate that falls to 0 within the time limit. A CPU can continue from the
    checkpoint. `--device cpu --minutes 1` is a rehearsal.
    """
    _train(
        options,
        crop=256,
        bf16=True,
        crops_on_device=True,
        rescale_part=0.3,
        seam_weight=20.0,
        decay_fraction=0.9,
        validation_minutes=1e9,
    )


@main.command()
@_global_options
@click.option("--architecture", type=click.Choice(sorted(ARCHITECTURES)), default="small")
@click.option("--crop", type=int, default=192, help="Side of a training crop, pixels.")
@click.option("--seam-weight", default=0.0, help="Weight of steps between pixels; evens a grid.")
@click.option("--rescale-part", default=0.0, help="Share of crops from downscaled photos.")
@click.option(
    "--decoder-only",
    is_flag=True,
    help="Train the global decoder alone, on rounded latents: a last phase, with --quantised.",
)
@run_options(batch=6, learning_rate=1e-3, validation_minutes=10.0)
def run(**options: Any) -> None:
    """Train the global networks on PHOTOS: tar shards, or folders of images."""
    _train(options)


def _train(options: dict[str, Any], **more: Any) -> None:
    architecture = ARCHITECTURES[options.pop("architecture")]
    photos, validation = (list(options.pop(name)) for name in ("photos", "validation"))
    places: dict[str, Any] = {"train": photos, "validation": validation}
    train(TrainingConfig(architecture=architecture, **places, **options, **more))


@main.command()
@click.argument("checkpoint", type=EXISTING)
@click.argument("folder", type=PATH)
@click.option("--summary", required=True, help="One line for `vlaecodec models`.")
@click.option("--data", required=True, help="What it was trained on, for the model card.")
@click.option(
    "--local-from", type=PATH, required=True, help="Model folder to copy the local decoders from."
)
@click.option(
    "--photos",
    multiple=True,
    type=EXISTING,
    help="Shard or folder of photos to equalise layers on: rounding then costs least.",
)
@click.option("--default", is_flag=True, help="Make it the default model of `encode`.")
@click.option(
    "--tuned-for",
    type=click.Choice(TUNES),
    default=PSNR,
    help="The metric it was trained for. `encode --tune` takes the first listed model that fits.",
)
def export(checkpoint: Path, folder: Path, photos: tuple[Path, ...], **options: Any) -> None:
    """Export the averaged weights of CHECKPOINT to the model FOLDER and list it in the index."""
    read = read_photos(list(photos)) if photos else None
    click.echo(f"{folder.name}: {export_model(checkpoint, folder, photos=read, **options)}")


@main.command()
@click.argument("checkpoint", type=EXISTING)
@click.argument("smaller", type=PATH)
@click.option("--photos", multiple=True, required=True, type=EXISTING, help="To tell by.")
def prune(checkpoint: Path, smaller: Path, photos: tuple[Path, ...]) -> None:
    """Write the averaged weights of CHECKPOINT to SMALLER, without blocks that do nothing."""
    click.echo(prune_checkpoint(checkpoint, smaller, read_photos(list(photos))))


@main.command()
@click.argument("photos", nargs=-1, required=True, type=EXISTING)
@validation_option
@click.option("--model", required=True, type=PATH, help="Folder whose features it reads.")
@click.option("--decoder", type=click.Choice(sorted(LIKELIHOODS)), default="local")
@click.option(
    "--squeezenet", type=PATH, help="Weights of SqueezeNet, to train texture through its draws."
)
@click.option("--cache", type=PATH, help="Folder for decoded photos; on a GPU leave it out.")
@click.option("--start-from", type=PATH, help="Model folder whose decoder is the start.")
@click.option("--channels", type=int, help="Hidden units; may be more than the start has.")
@click.option("--colour-channels", type=int, help="Of each colour, likewise.")
@click.option(
    "--reduced-part",
    default=0.0,
    help="Share of photos made smaller first, so that they are no JPEGs any more; with --cache.",
)
@click.option(
    "--exact-part",
    type=float,
    help="Share of photos decoded as they are for exact pixels. Default: half; none for texture.",
)
@click.option("--crop", default=64, help="Side of a training crop, pixels; a multiple of 8.")
@run_options(batch=8, learning_rate=2e-3, validation_minutes=10.0)
def passes(photos: tuple[Path, ...], validation: tuple[Path, ...], **options: Any) -> None:
    """Train a local decoder on PHOTOS that a frozen model decodes."""
    train_passes(PassesConfig(train=list(photos), validation=list(validation), **options))


@main.command()
@click.argument("checkpoint", type=EXISTING)
@click.argument("narrower", type=PATH)
@click.option("--decoder", type=click.Choice(sorted(LIKELIHOODS)), default="local")
@click.option("--cache", required=True, type=EXISTING, help="Decoded photos: a part of a cache.")
@click.option("--channels", required=True, type=int, help="Hidden units to keep.")
@click.option("--colour-channels", "merged", required=True, type=int, help="Of each colour.")
def narrow(checkpoint: Path, narrower: Path, **options: Any) -> None:
    """Write the local decoder in CHECKPOINT to NARROWER, without its weakest hidden units.

    `passes` goes on with NARROWER.
    """
    narrow_checkpoint(checkpoint, narrower, **options)


@main.command()
@click.argument("folder", type=EXISTING)
@click.option("--local", type=PATH, help="Checkpoint of the decoder for exact pixels.")
@click.option("--texture", type=PATH, help="Checkpoint of the one for texture.")
@click.option("--texture-gain", type=float, help="Show draws so many times as large, up to 4.")
@click.option("--texture-chroma", type=float, help="Show so much of their colour, 0 to 1.")
@click.option("--texture-floor", type=float, help="Halve draws of so many grey levels.")
@click.option("--notes", required=True, help="How they were trained, for the model card.")
def attach(
    folder: Path,
    local: Path | None,
    texture: Path | None,
    notes: str,
    **grain: float | None,
) -> None:
    """Replace the local decoders of the model in FOLDER by averaged weights of checkpoints."""
    chosen = {"local": local, "texture": texture}
    checkpoints = {name: path for name, path in chosen.items() if path is not None}
    sizes = {n: round(x * GRAIN_SIZES[n][0]) for n, x in grain.items() if x is not None}
    click.echo(f"{folder.name}: {attach_decoders(folder, checkpoints, notes, sizes)}")


@main.command()
@click.argument("folder", type=EXISTING)
@click.argument("photos", nargs=-1, required=True, type=EXISTING)
@validation_option
@click.option(
    "--start-from",
    required=True,
    type=PATH,
    help="Model folder whose local decoders are the start.",
)
@click.option("--work", required=True, type=PATH, help="Folder for caches and checkpoints.")
@click.option("--minutes", default=4.0, help="Time limit for each decoder.")
@click.option("--count", default=250, help="Number of photos to train on.")
@click.option("--learning-rate", default=5e-4)
@click.option("--bf16", is_flag=True, help="Compute in bfloat16 (autocast).")
@click.option("--threads", default=0, help="Number of threads; 0: torch's default.")
@click.option("--notes", required=True, help="How they were trained, for the model card.")
def refit(
    folder: Path, photos: tuple[Path, ...], validation: tuple[Path, ...], count: int, **options: Any
) -> None:
    """Adapt local decoders to the model in FOLDER: fit, train them on PHOTOS, attach them.

    For a model whose global networks were trained further. The decoders start as those of
    --start-from, which may be the same model before that. Takes ten minutes on one core.
    """
    config = RefitConfig(train=list(photos), validation=list(validation), photos=count, **options)
    click.echo(f"{folder.name}: {refit_decoders(folder, config)}")


@main.command()
@click.argument("checkpoint", type=EXISTING)
def curve(checkpoint: Path) -> None:
    """Print CHECKPOINT's learning curve as JSON lines."""
    for row in read_progress(checkpoint)[1].curve:
        click.echo(json.dumps(row))


if __name__ == "__main__":
    main()
