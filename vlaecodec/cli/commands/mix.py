"""`vlaecodec mix`."""

from __future__ import annotations

import io

import click

from vlaecodec.bitstream.container import read_container
from vlaecodec.cli.batch.jobs import PATH
from vlaecodec.cli.commands.decode import pillow_format
from vlaecodec.cli.files import STDIO, check_output, read_vlae, write_output
from vlaecodec.cli.reporting import prefix_errors, reports_errors
from vlaecodec.errors import OutputError, ParameterError
from vlaecodec.model.registry import find_fingerprint


@click.command()
@click.argument("structure", type=PATH, metavar="A")
@click.argument("other", type=PATH, metavar="B")
@click.option(
    "-o", "output", type=PATH, metavar="OUTPUT", required=True, help="The picture to write."
)
@click.option(
    "--take",
    type=click.Choice(["top", "texture"]),
    default="texture",
    show_default=True,
    help="What to take from B: its top latent, or the strength of its texture at each place.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite the output.")
@reports_errors
def mix(structure: str, other: str, output: str, take: str, force: bool) -> None:
    """Make a picture with the structure of A and the texture, or the top latent, of B.

    Both are .vlae files of one size and model. With --take texture, texture is drawn for A, and
    scaled so that it is as strong at each place as B's details are there. With --take top, the top
    latent of B replaces that of A: A's latent keeps its differences from what the top latent
    predicts, so that large, smooth differences, such as colour and light, come from B.

    \b
    Examples:
      vlaecodec mix wall.vlae meadow.vlae -o rough.png
      vlaecodec mix --take top noon.vlae dusk.vlae -o mixed.png
      vlaecodec mix -f noon.vlae dusk.vlae -o mixed.tif
    """
    name = pillow_format(output, None)
    for source in (structure, other):
        check_output(output, source, force=force)
    if structure == other == STDIO:
        raise ParameterError("only one of A and B can be standard input")
    first, second = (_read_file(path) for path in (structure, other))

    from vlaecodec.analysis.mix import mix as mix_files
    from vlaecodec.picture.saving import save_image

    image = mix_files(first, second, take)
    buffer = io.BytesIO()
    try:
        save_image(image, buffer, name)
    except Exception as error:  # Pillow's writers raise whatever they meet
        raise OutputError(f"{output}: {name} cannot hold it: {error}") from error
    write_output(output, buffer.getvalue(), force=force)


def _read_file(path: str) -> bytes:
    """A .vlae file that can be decoded; what is wrong with one is said with its name."""
    data = read_vlae(path)
    with prefix_errors(path):
        find_fingerprint(read_container(data).header.fingerprint)
    return data
