"""`vlaecodec encode`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from vlaecodec.cli.files import check_output, read_input, write_output
from vlaecodec.cli.jobs import (
    PATH,
    Job,
    Outcome,
    is_picture,
    many_options,
    plan_jobs,
    say_outcome,
    show_plan,
)
from vlaecodec.cli.progress import progress_bar
from vlaecodec.cli.reporting import naming, reports_errors
from vlaecodec.container import MAX_ERROR, MAX_PIXELS, SEED_MAX, read_header
from vlaecodec.errors import ImageError


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=PATH, metavar="INPUT... [OUTPUT]")
@many_options
@click.option(
    "-q",
    "--quality",
    type=click.FloatRange(1, 100),
    help="1 is the smallest file, 100 the best picture.  [default: 50; with --lossless or "
    "--max-error 30, and then it is the preview's]",
)
@click.option("--lossless", is_flag=True, help="Keep every sample exactly.")
@click.option(
    "--max-error",
    type=click.IntRange(1, MAX_ERROR),
    metavar="N",
    help=f"Keep every sample to within N grey levels of 255, 1 to {MAX_ERROR}.",
)
@click.option(
    "--texture",
    type=click.FloatRange(0, 1),
    help="Strength of regenerated texture that decoders use.  [default: measured on the picture]",
)
@click.option(
    "--seed", type=click.IntRange(0, SEED_MAX), help="Of the texture.  [default: from the picture]"
)
@click.option("--strip", is_flag=True, help="Leave out the ICC profile, EXIF and XMP.")
@click.option("--to-8-bit", is_flag=True, help="Round samples of 16 bits to 8; refused otherwise.")
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures.",
)
@click.option("-m", "--model", help="A name from `vlaecodec models`.")
@click.option("-f", "--force", is_flag=True, help="Overwrite the output.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
@reports_errors
def encode(
    inputs: tuple[str, ...],
    option: str | None,
    output_dir: str | None,
    recursive: bool,
    processes: int | None,
    dry_run: bool,
    quality: float | None,
    lossless: bool,
    max_error: int | None,
    texture: float | None,
    seed: int | None,
    model: str | None,
    strip: bool,
    to_8_bit: bool,
    max_pixels: int,
    force: bool,
    quiet: bool,
) -> None:
    """Encode INPUT, any picture that Pillow reads, to OUTPUT.

    OUTPUT is INPUT with the suffix .vlae unless given. "-" is standard input or output.

    Many inputs need --output-dir, or -o with a folder that is there: each INPUT becomes
    FOLDER/INPUT with the suffix .vlae. Two arguments without a folder are INPUT and OUTPUT, unless
    the second is a picture that exists. A file that fails does not stop the others; the exit code
    is 1 then.

    \b
    Examples:
      vlaecodec encode photo.png
      vlaecodec encode -q 25 photo.jpg tiny.vlae
      vlaecodec encode --lossless photo.png exact.vlae
      vlaecodec encode -j 4 *.png --output-dir small
      vlaecodec encode -r album --output-dir small --dry-run
      cat photo.webp | vlaecodec encode - - > photo.vlae
    """
    jobs, many = plan_jobs(
        inputs, option, output_dir, recursive=recursive, suffix=".vlae", is_input=is_picture
    )
    if dry_run:
        show_plan(jobs, force=force)
        return
    work = partial(
        encode_file,
        force=force,
        quality=quality,
        lossless=lossless,
        max_error=max_error,
        texture=texture,
        seed=seed,
        model=model,
        strip=strip,
        to_8_bit=to_8_bit,
        max_pixels=max_pixels,
    )
    if many:
        from vlaecodec.cli.batch import run_many

        run_many(jobs, work, processes, title="encoding", force=force, quiet=quiet)
        return
    (job,) = jobs
    check_output(job.output, job.input, force=force)
    with progress_bar("encoding", quiet=quiet) as progress:
        outcome = work(job, progress=progress)
    if not quiet:
        say_outcome(job, outcome)


def encode_file(
    job: Job,
    *,
    force: bool,
    max_pixels: int,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> Outcome:
    """Encode one file to another; `options` are those of `vlaecodec.encode`."""
    data = read_input(job.input)

    from vlaecodec.codec import encode as encode_image
    from vlaecodec.image import read_image

    with naming(job.input, ImageError):
        image = read_image(data, to_8_bit=options["to_8_bit"], max_pixels=max_pixels)
        start = time.perf_counter()
        encoded = encode_image(image, progress=progress, **options)
        seconds = time.perf_counter() - start
    write_output(job.output, encoded, force=force)
    header, _ = read_header(encoded, max_pixels)
    return Outcome(header.width, header.height, len(encoded), seconds)
