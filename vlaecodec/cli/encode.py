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
from vlaecodec.container import MAX_ERROR, SEED_MAX


@click.command()
@click.argument("input")
@click.argument("output", required=False)
@click.option("-o", "--output", "option", metavar="OUTPUT", help="Same as the second argument.")
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
    "-e",
    "--effort",
    type=click.IntRange(1, 9),
    default=3,
    show_default=True,
    help="How long to search for a smaller file at equal quality; 4 to 9 take seconds to minutes.",
)
@click.option(
    "--texture",
    type=click.FloatRange(0, 1),
    help="Strength of regenerated texture that decoders use.  [default: measured on the picture]",
)
@click.option(
    "--seed", type=click.IntRange(0, SEED_MAX), help="Of the texture.  [default: from the picture]"
)
@click.option("-m", "--model", help="A name from `vlaecodec models`.")
@click.option("-f", "--force", is_flag=True, help="Overwrite the output.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
@reports_errors
def encode(
    input: str,
    output: str | None,
    option: str | None,
    quality: float | None,
    lossless: bool,
    max_error: int | None,
    effort: int,
    texture: float | None,
    seed: int | None,
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
      vlaecodec encode --lossless photo.png exact.vlae
      cat photo.webp | vlaecodec encode - - > photo.vlae
    """
    target = output_path(input, output, option, ".vlae")
    check_output(target, input, force=force)
    data = read_input(input)

    from vlaecodec.codec import encode as encode_image
    from vlaecodec.image import read_image

    image = read_image(data, exact=lossless or max_error is not None)
    start = time.perf_counter()
    with progress_bar("encoding", quiet=quiet) as progress:
        encoded = encode_image(
            image,
            quality,
            lossless=lossless,
            max_error=max_error,
            effort=effort,
            texture=texture,
            seed=seed,
            model=model,
            progress=progress,
        )
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
