"""`vlaecodec encode`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from vlaecodec.bitstream.header import MAX_ERROR, SEED_MAX, read_header
from vlaecodec.cli.batch.jobs import PATH, Job, Outcome
from vlaecodec.cli.batch.names import is_other_picture, is_picture
from vlaecodec.cli.batch.options import FileOptions, file_options
from vlaecodec.cli.batch.plan import plan_jobs, show_plan
from vlaecodec.cli.batch.run import run_plan
from vlaecodec.cli.commands.limits import max_pixels_option, threads_option
from vlaecodec.cli.commands.roi_options import RoiOption, RoiType, check_masks, read_rois
from vlaecodec.cli.files import write_output
from vlaecodec.cli.logs import logged
from vlaecodec.cli.reporting import prefix_errors, reports_errors
from vlaecodec.codec.options import EncodeOptions
from vlaecodec.errors import ImageError, OutputError, ParameterError
from vlaecodec.model.registry import TUNES

QUALITIES = Path(__file__).parent / "qualities.txt"
"""What each quality means, measured; the end of this command's help."""

BYTE_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1000, "m": 1000**2, "mb": 1000**2}
BYTE_UNITS |= {"ki": 1024, "mi": 1024**2}
"""By their first two letters."""


class ByteCount(click.ParamType[Any]):
    """A number of bytes: 40000, 40k or 40kB (thousand), 1.5M (million), 40KiB (1024), 2MiB."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        parts = re.fullmatch(r"([0-9.e+]+)\s*(|b|kb?|mb?|kib|mib)", value.strip(), re.IGNORECASE)
        try:
            count = round(float(parts[1]) * BYTE_UNITS[parts[2].lower()[:2]]) if parts else 0
        except (ValueError, OverflowError):
            count = 0
        if count < 1:
            problem = f"{value!r} is not a number of bytes, as 40000, 40k, 40KiB or 1.5M"
            self.fail(problem, param, ctx)
        return count


class TextureType(click.ParamType[Any]):
    """A strength from 0 to 1, or the word for measuring it."""

    name = "strength"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        if value == "auto":
            return "auto"
        strength = click.FloatRange(0, 1).convert(value, param, ctx)
        return float(strength)


@click.command(
    epilog="What each quality gives (means of photos), and settings of JPEG XL and AVIF with the "
    "same SSIMULACRA2:\n\n\b\n" + QUALITIES.read_text()
)
@click.argument("inputs", nargs=-1, required=True, type=PATH, metavar="INPUT... [OUTPUT]")
@file_options
@click.option(
    "-q",
    "--quality",
    type=click.FloatRange(1, 100),
    metavar="Q",
    help="Quality: 1 gives the smallest file, 100 the best picture.  [default: 50; 30 for the "
    "preview in a file of --lossless or --max-error]",
)
@click.option(
    "--target-size",
    type=ByteCount(),
    help="Choose the best quality whose file fits in BYTES, such as 40k or 1.5M.",
)
@click.option(
    "--target-bpp",
    type=click.FloatRange(0, min_open=True),
    metavar="BPP",
    help="Choose the best quality that takes at most BPP bits per pixel.",
)
@click.option(
    "--target-psnr",
    type=float,
    metavar="DB",
    help="Choose the smallest file whose PSNR, without texture, is at least DB decibels.",
)
@click.option(
    "--target-ms-ssim",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="S",
    help="Choose the smallest file whose MS-SSIM, without texture, is at least S.",
)
@click.option(
    "--target-ssimulacra2",
    type=float,
    metavar="S",
    help="Choose the smallest file whose SSIMULACRA2, without texture, is at least S: 100 is the "
    "original, 80 looks the same side by side. Needs the package ssimulacra2.",
)
@click.option("--lossless", is_flag=True, help="Keep every sample exactly.")
@click.option(
    "--max-error",
    type=click.IntRange(1, MAX_ERROR),
    metavar="N",
    help="Keep every sample within N of 255 levels (near-lossless).",
)
@click.option(
    "-e",
    "--effort",
    type=click.IntRange(1, 9),
    metavar="N",
    help="How long to search for a smaller lossy file of equal quality: 2 takes seconds, 9 "
    "minutes.  [default: 1, no search; 5 where --tune names another metric than the model's]",
)
@click.option(
    "--tune",
    type=click.Choice(TUNES),
    help="Optimise how the picture looks, or its squared error (PSNR): this chooses the model, "
    "and the metric of --effort.  [default: looks, or the metric of the model]",
)
@click.option(
    "--roi",
    "rois",
    type=RoiType(),
    multiple=True,
    help="Spend more bits in a region of interest: X,Y,W,H in pixels, or a grey PNG of the "
    "picture's size, white where it matters. Errors there count GAIN times as much, 1/64 to 64; "
    "a gain of 2 is like 11 steps of -q.  [default gain: 4]  Can be repeated.",
)
@click.option(
    "--texture",
    type=TextureType(),
    metavar="S",
    help="How strongly decoders draw texture, fine grain in place of detail that the file does "
    "not hold: 0 to 1, or auto, which measures on the picture how much suits each place.  "
    "[default: 0]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, SEED_MAX),
    metavar="N",
    help="Seed of the texture's noise.  [default: derived from the picture]",
)
@click.option(
    "--robust",
    is_flag=True,
    help="Store the header once more at the end, and up to 60 bytes of checks for each tile, so "
    "that decode --keep-going mostly shows a damaged tile without its details: for archives.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Decode the file in a second way before it is written, and stop with exit code 7 if the "
    "picture is not as it should be: for archives.",
)
@threads_option
@click.option("--strip", is_flag=True, help="Do not store the ICC profile, EXIF and XMP.")
@click.option(
    "--to-8-bit",
    is_flag=True,
    help="Reduce samples of more than 8 bits to 8; without this such pictures are refused.",
)
@click.option(
    "--frame",
    type=click.IntRange(1),
    metavar="N",
    help="Encode frame or page N of a file that has several; without this such files are refused.",
)
@click.option(
    "--accept-truncated",
    is_flag=True,
    help="Encode pictures whose file is cut off; what is missing is grey or black.",
)
@click.option(
    "--only-nets",
    is_flag=True,
    help="Always use the networks, even where a lossless WebP is smaller or, near -q 100, where "
    "the networks do not reach the promised PSNR.",
)
@click.option(
    "--keep-suffix",
    is_flag=True,
    help="Append .vlae to the whole name, as in photo.jpg.vlae, so that photo.png and photo.jpg "
    "do not collide.",
)
@max_pixels_option
@click.option("-m", "--model", metavar="NAME", help="Model to use: a name from `vlaecodec models`.")
@logged
@reports_errors
def encode(
    inputs: tuple[str, ...],
    files: FileOptions,
    rois: tuple[RoiOption, ...],
    max_pixels: int,
    frame: int | None,
    accept_truncated: bool,
    keep_suffix: bool,
    **values: Any,
) -> None:
    """Encode INPUT, any picture that Pillow reads, to OUTPUT.

    By default OUTPUT is INPUT with the suffix .vlae. "-" is standard input or output.

    Many inputs need --output-dir, or -o with an existing folder: each INPUT becomes FOLDER/INPUT
    with the suffix .vlae; with -r and no folder each output is written beside its input. Two
    arguments without a folder are INPUT and OUTPUT, unless the second is a picture that exists.
    A file that fails does not stop the others; the exit code is then 1.

    A .tar shard in the layout of webdataset becomes FOLDER/INPUT: the same members in the same
    order, with .vlae files in place of pictures.

    \b
    Examples:
      vlaecodec encode photo.png
      vlaecodec encode -q 25 photo.jpg tiny.vlae
      vlaecodec encode --lossless photo.png exact.vlae
      vlaecodec encode -q 30 --roi 420,80,200,240 photo.png face.vlae
      vlaecodec encode --target-ssimulacra2 80 photo.png
      vlaecodec encode --target-size 40k --roi mask.png:8 photo.png
      vlaecodec encode --tune psnr -q 30 photo.png
      vlaecodec encode -j 4 *.png --output-dir small
      vlaecodec encode -r album --output-dir small --dry-run
      vlaecodec encode --engine ray shards/*.tar --output-dir small
      cat photo.webp | vlaecodec encode - - > photo.vlae
    """
    plan = plan_jobs(
        inputs,
        files,
        suffix=".vlae",
        is_input=is_picture,
        keep_suffix=keep_suffix,
    )
    for job in plan.jobs:
        check_suffix(job.output)
    check_masks(rois, (job.output for job in plan.jobs))
    options = EncodeOptions(roi=read_rois(rois), **values)
    if files.dry_run:
        show_plan(plan, force=files.force)
        return
    work = partial(
        encode_file,
        options=options,
        max_pixels=max_pixels,
        frame=frame,
        accept_truncated=accept_truncated,
        preserve=files.preserve,
    )
    run_plan(plan, work, files, title="encoding")


def check_suffix(path: str) -> None:
    """Raise OutputError for the suffix of another format: programs go by it."""
    if is_picture(Path(path)) or is_other_picture(Path(path)):
        raise OutputError(f"{path}: would be a .vlae file with the suffix of another format")


def encode_file(
    job: Job,
    *,
    force: bool,
    options: EncodeOptions,
    max_pixels: int,
    frame: int | None = None,
    accept_truncated: bool = False,
    preserve: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Encode one file to another."""
    data = job.read()

    from vlaecodec.codec.encode import encode_picture
    from vlaecodec.picture.image import read_image

    with prefix_errors(job.source, (ImageError, ParameterError)):
        image = read_image(
            data,
            to_8_bit=options.to_8_bit,
            max_pixels=max_pixels,
            frame=frame,
            accept_truncated=accept_truncated,
        )
        start = time.perf_counter()
        encoded = encode_picture(image, options, progress, close=True)
        seconds = time.perf_counter() - start
    write_output(job.output, encoded, force=force, like=job.input if preserve else None)
    header, _ = read_header(encoded, max_pixels)
    return Outcome(header.width, header.height, len(encoded), seconds)
