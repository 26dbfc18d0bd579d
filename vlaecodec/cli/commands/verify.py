"""`vlaecodec verify`."""

from __future__ import annotations

import click

from vlaecodec.bitstream.header import MAX_PIXELS
from vlaecodec.cli.batch.jobs import PATH
from vlaecodec.cli.files import read_vlae
from vlaecodec.cli.reporting import printable, reports_errors


@click.command()
@click.argument("file", type=PATH)
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    metavar="N",
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures.",
)
@reports_errors
def verify(file: str, max_pixels: int) -> None:
    """Decode FILE and compare every tile with the checksums that its encoder stored.

    Exit code 4: the file is damaged. 5: its model is not installed. 7: the file is intact, but this
    machine computes something else than the encoder's did.

    \b
    Examples:
      vlaecodec verify photo.vlae
      vlaecodec verify photo.vlae && rm photo.png
      cat photo.vlae | vlaecodec verify -
    """
    data = read_vlae(file)

    from vlaecodec.codec.decode import verify as verify_file

    info = verify_file(data, max_pixels=max_pixels)
    click.echo(f"{printable(file)}: intact, {info.width} x {info.height}, decodes here exactly")
