"""`vlaecodec page`."""

from __future__ import annotations

from pathlib import Path

import click

from vlaecodec.cli.batch.jobs import PATH
from vlaecodec.cli.files import STDIO, check_output, read_vlae, write_output
from vlaecodec.cli.reporting import prefix_errors, reports_errors
from vlaecodec.errors import ParameterError


@click.command()
@click.argument("file", type=PATH, required=False)
@click.option(
    "-o", "--output", type=PATH, help="The page to write.  [default: FILE with the suffix .html]"
)
@click.option("-f", "--force", is_flag=True, help="Overwrite the output.")
@reports_errors
def page(file: str | None, output: str | None, force: bool) -> None:
    """Write a page that shows FILE, a .vlae file, in any browser that has WebAssembly.

    The page holds the file, its model (7 MB) and a decoder, and needs no network. Other files of
    the same model can be dropped on it. It shows lossy pictures without texture, and the lossy
    picture in lossless files. Without FILE the page waits for files of the default model.

    \b
    Examples:
      vlaecodec page photo.vlae
      vlaecodec page photo.vlae -o show.html
      vlaecodec page -o decoder.html
    """
    if output is None:
        if file is None or file == STDIO:
            raise ParameterError("say where to write the page: -o decoder.html")
        output = str(Path(file).with_suffix(".html"))
    check_output(output, file or "", force=force)
    data = None if file is None else read_vlae(file)

    from vlaecodec.page.document import render_page

    name = "" if file is None else "picture" if file == STDIO else Path(file).stem
    with prefix_errors(file or "page"):
        text = render_page(data, name)
    write_output(output, text.encode(), force=force)
