"""`vlaecodec decode`."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from vlaecodec.bitstream.header import SEED_MAX, read_header
from vlaecodec.bitstream.tiles import Region
from vlaecodec.cli.batch.jobs import PATH, Job, Outcome
from vlaecodec.cli.batch.names import is_shard, is_vlae
from vlaecodec.cli.batch.options import FileOptions, file_options
from vlaecodec.cli.batch.plan import plan_jobs, show_plan
from vlaecodec.cli.batch.run import run_plan
from vlaecodec.cli.commands.limits import max_pixels_option, threads_option
from vlaecodec.cli.files import STDIO, write_output
from vlaecodec.cli.logs import logged
from vlaecodec.cli.reporting import prefix_errors, reports_errors
from vlaecodec.codec.options import DecodeOptions
from vlaecodec.errors import OutputError, ParameterError

SUFFIXES = ("png", "tif", "webp", "bmp", "ppm", "jpg")
FORMATS = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pnm": "PPM",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
"""Suffixes that `decode` writes, and Pillow's names for them."""


class RegionType(click.ParamType[Region]):
    """Four whole numbers with commas between them."""

    name = "X,Y,W,H"

    def convert(self, value: Any, param: Any, ctx: Any) -> Region:
        try:
            left, top, width, height = (int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not like 100,50,640,480", param, ctx)
        return left, top, width, height


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=PATH, metavar="INPUT... [OUTPUT]")
@file_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(SUFFIXES),
    help="Format of the output, whatever its suffix.  [default: from its suffix, or png]",
)
@click.option(
    "--texture",
    type=click.FloatRange(0, 1),
    metavar="S",
    help="Strength of drawn texture: 0 draws none, is fast and nearest to the original; 1 draws "
    "all of it.  [default: as the file says]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, SEED_MAX),
    metavar="N",
    help="Seed of the texture's noise: another seed, another draw.  [default: the file's]",
)
@click.option("--preview", is_flag=True, help="Decode only the lossy part of a lossless file.")
@click.option(
    "--region",
    type=RegionType(),
    help="Decode only this part: left, top, width, height in pixels. The pixels are those of the "
    "whole picture; only the tiles that the part touches are decoded.",
)
@click.option(
    "--thumbnail",
    type=click.IntRange(1),
    metavar="N",
    help="Write a small picture, N pixels on its longer side, without decoding the large one.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="Decode damaged files: show damaged tiles without details, after encode --robust, or else "
    "the colours around them, and leave out a damaged alpha channel, profile, EXIF or XMP.",
)
@max_pixels_option
@threads_option
@click.option("--strip", is_flag=True, help="Do not write the ICC profile, EXIF and XMP.")
@logged
@reports_errors
def decode(
    inputs: tuple[str, ...],
    files: FileOptions,
    format_name: str | None,
    thumbnail: int | None,
    strip: bool,
    **values: Any,
) -> None:
    """Decode INPUT, a .vlae file, to OUTPUT: .png, .tif, .webp, .bmp, .ppm, or .jpg (lossy).

    By default OUTPUT is INPUT with the suffix .png, or .decoded.png where a .png of that name
    exists. "-" is standard input or output.

    Many inputs need --output-dir, or -o with an existing folder: each INPUT becomes FOLDER/INPUT
    with the suffix of --format. Two arguments without a folder are INPUT and OUTPUT, unless the
    second is a .vlae file that exists. A file that fails does not stop the others; the exit code
    is then 1. A .tar shard becomes a shard of pictures.

    \b
    Examples:
      vlaecodec decode photo.vlae
      vlaecodec decode --texture 0 photo.vlae smooth.png
      vlaecodec decode --preview exact.vlae preview.png
      vlaecodec decode -j 4 *.vlae --output-dir pictures --format jpg
      vlaecodec decode --region 100,50,640,480 photo.vlae part.png
      vlaecodec decode --thumbnail 256 photo.vlae small.png
      vlaecodec decode --keep-going damaged.vlae rescued.png
    """
    plan = plan_jobs(
        inputs,
        files,
        suffix="." + (format_name or "png"),
        is_input=is_vlae,
    )
    for job in plan.jobs:
        if not is_shard(Path(job.output)):
            pillow_format(job.output, format_name)
    options = DecodeOptions(**values)
    if thumbnail is not None and options != DecodeOptions(
        keep_going=options.keep_going, max_pixels=options.max_pixels, threads=options.threads
    ):
        raise ParameterError("thumbnail goes without texture, seed, preview and region")
    if files.dry_run:
        show_plan(plan, force=files.force)
        return
    work = partial(
        decode_file,
        options=options,
        thumbnail=thumbnail,
        format_name=format_name,
        strip=strip,
        preserve=files.preserve,
    )
    run_plan(plan, work, files, title="decoding", origin="from ")


def decode_file(
    job: Job,
    *,
    force: bool,
    strip: bool,
    options: DecodeOptions,
    thumbnail: int | None,
    format_name: str | None,
    preserve: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Decode one file to another."""
    data = job.read_vlae()

    from vlaecodec.codec.decode import decode_picture
    from vlaecodec.codec.thumbnail import decode_thumbnail

    start = time.perf_counter()
    with prefix_errors(job.source):
        if thumbnail is None:
            image = decode_picture(data, options, progress)
        else:
            image = decode_thumbnail(
                data,
                thumbnail,
                keep_going=options.keep_going,
                max_pixels=options.max_pixels,
                threads=options.threads,
                progress=progress,
            )
    seconds = time.perf_counter() - start
    from vlaecodec.picture.saving import save_image

    name = pillow_format(job.output, format_name)
    buffer = io.BytesIO()
    try:
        save_image(image, buffer, name, strip=strip)
    except Exception as error:  # Pillow's writers raise whatever they meet
        raise OutputError(f"{job.output}: {name} cannot hold it: {error}") from error
    like = job.input if preserve else None
    write_output(job.output, buffer.getvalue(), force=force, like=like)
    header, _ = read_header(data, options.max_pixels)
    coded = header.width * header.height
    return Outcome(image.width, image.height, len(data), seconds, coded)


def pillow_format(target: str, format_name: str | None) -> str:
    """Pillow's name for the format of an output: the one asked for, or that of its suffix."""
    if format_name is not None:
        return FORMATS["." + format_name]
    if target == STDIO:
        return "PNG"
    suffix = Path(target).suffix.lower()
    if suffix not in FORMATS:
        raise OutputError(f"{target}: cannot write pictures with the suffix {suffix or '(none)'!r}")
    return FORMATS[suffix]
