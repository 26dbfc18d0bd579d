"""`vlaecodec decode`."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import click

from vlaecodec.cli.files import (
    STDIO,
    check_output,
    output_path,
    read_input,
    write_output,
)
from vlaecodec.cli.progress import progress_bar
from vlaecodec.cli.reporting import reports_errors
from vlaecodec.container import MAX_PIXELS, SEED_MAX
from vlaecodec.errors import OutputError

SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"lossless": True},
    "BMP": {},
    "PPM": {},
    "JPEG": {"quality": 95, "subsampling": 0},
}
"""Formats to decode to. All but JPEG keep every sample."""


@click.command()
@click.argument("input")
@click.argument("output", required=False)
@click.option("-o", "--output", "option", metavar="OUTPUT", help="Same as the second argument.")
@click.option("-f", "--force", is_flag=True, help="Overwrite the output.")
@click.option(
    "--texture",
    type=click.FloatRange(0, 1),
    help="Strength of regenerated texture: 0 is the smooth mean image, and fast; 1 a full draw.  "
    "[default: what the file recommends]",
)
@click.option(
    "--seed", type=click.IntRange(0, SEED_MAX), help="Draw another texture.  [default: the file's]"
)
@click.option("--preview", is_flag=True, help="Of a lossless file, show what its latents tell.")
@click.option("--keep-going", is_flag=True, help="Show damaged tiles grey instead of giving up.")
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures.",
)
@click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
@reports_errors
def decode(
    input: str,
    output: str | None,
    option: str | None,
    force: bool,
    texture: float | None,
    seed: int | None,
    preview: bool,
    keep_going: bool,
    max_pixels: int,
    quiet: bool,
) -> None:
    """Decode INPUT, a .vlae file, to OUTPUT: .png, .tif, .webp, .bmp, .ppm, or .jpg (lossy).

    OUTPUT is INPUT with the suffix .png unless given. "-" is standard input or output (PNG).

    \b
    Examples:
      vlaecodec decode photo.vlae
      vlaecodec decode --texture 0 photo.vlae smooth.png
      vlaecodec decode --preview exact.vlae preview.png
      vlaecodec decode --keep-going damaged.vlae rescued.png
    """
    target = output_path(input, output, option, ".png")
    check_output(target, input, force=force)
    pillow_format = _pillow_format(target)
    data = read_input(input)

    from vlaecodec.codec import decode as decode_image

    start = time.perf_counter()
    with progress_bar("decoding", quiet=quiet) as progress:
        image = decode_image(
            data,
            texture=texture,
            seed=seed,
            preview=preview,
            keep_going=keep_going,
            max_pixels=max_pixels,
            progress=progress,
        )
    seconds = time.perf_counter() - start
    buffer = io.BytesIO()
    try:
        image.save(buffer, pillow_format, **SAVE_OPTIONS[pillow_format])
    except Exception as error:  # Pillow's writers raise whatever they meet
        raise OutputError(f"{target}: {pillow_format} cannot hold it: {error}") from error
    write_output(target, buffer.getvalue(), force=force)
    if not quiet:
        name = "standard output" if target == STDIO else target
        bpp = 8 * len(data) / (image.width * image.height)
        click.echo(
            f"{name}: {image.width} x {image.height}, from {len(data)} bytes, {bpp:.3f} bpp, "
            f"{seconds:.2f} s",
            err=True,
        )


def _pillow_format(target: str) -> str:
    """Pillow's name for the format of an output, from its suffix."""
    if target == STDIO:
        return "PNG"
    from PIL import Image

    suffix = Path(target).suffix.lower()
    pillow_format = Image.registered_extensions().get(suffix)
    if pillow_format not in SAVE_OPTIONS:
        raise OutputError(f"{target}: cannot write pictures with the suffix {suffix or '(none)'!r}")
    return pillow_format
