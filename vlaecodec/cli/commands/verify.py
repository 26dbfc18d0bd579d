"""`vlaecodec verify`."""

from __future__ import annotations

import click

from vlaecodec.cli.batch.jobs import PATH
from vlaecodec.cli.files import read_input
from vlaecodec.cli.reporting import reports_errors


@click.command()
@click.argument("file", type=PATH)
@reports_errors
def verify(file: str) -> None:
    """Decode FILE and compare every tile with the checksums that its encoder stored.

    Exit code 4: the file is damaged. 5: its model is not installed. 7: the file is intact, but this
    machine computes something else than the encoder's did.

    \b
    Examples:
      vlaecodec verify photo.vlae
      vlaecodec verify photo.vlae && rm photo.png
      cat photo.vlae | vlaecodec verify -
    """
    data = read_input(file)

    from vlaecodec.codec.decode import verify as verify_file

    info = verify_file(data)
    click.echo(f"{file}: intact, {info.width} x {info.height}, decodes here exactly")
