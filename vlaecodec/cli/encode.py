"""`vlaecodec encode`."""

from __future__ import annotations

import time

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


@click.command()
@click.argument("input")
@click.argument("output", required=False)
@click.option("-o", "--output", "option", metavar="OUTPUT", help="Same as the second argument.")
@click.option(
    "-q",
    "--quality",
    type=click.FloatRange(1, 100),
    default=50,
    show_default=True,
    help="1 is the smallest file, 100 the best picture.",
)
@click.option("-m", "--model", help="A name from `vlaecodec models`.")
@click.option("-f", "--force", is_flag=True, help="Overwrite the output.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
@reports_errors
def encode(
    input: str,
    output: str | None,
    option: str | None,
    quality: float,
    model: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Encode INPUT, any picture that Pillow reads, to OUTPUT.

    OUTPUT is INPUT with the suffix .vlae unless given. "-" is standard input or output.

    \b
    Examples:
      vlaecodec encode photo.png
      vlaecodec encode -q 25 photo.jpg tiny.vlae
      cat photo.webp | vlaecodec encode - - > photo.vlae
    """
    target = output_path(input, output, option, ".vlae")
    check_output(target, input, force=force)
    data = read_input(input)

    from vlaecodec.codec import encode as encode_image
    from vlaecodec.image import read_image

    image = read_image(data)
    start = time.perf_counter()
    with progress_bar("encoding", quiet=quiet) as progress:
        encoded = encode_image(image, quality, model=model, progress=progress)
    seconds = time.perf_counter() - start
    write_output(target, encoded, force=force)
    if not quiet:
        bpp = 8 * len(encoded) / (image.width * image.height)
        name = "standard output" if target == STDIO else target
        click.echo(
            f"{name}: {image.width} x {image.height}, {len(encoded)} bytes, {bpp:.3f} bpp, "
            f"{seconds:.2f} s",
            err=True,
        )
