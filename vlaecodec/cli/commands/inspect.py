"""`vlaecodec inspect`."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlaecodec.cli.batch.jobs import PATH
from vlaecodec.cli.files import STDIO, check_output, read_vlae, write_output
from vlaecodec.cli.reporting import prefix_errors, reports_errors
from vlaecodec.errors import ParameterError

if TYPE_CHECKING:
    from vlaecodec.analysis.inspection import Inspection


@click.command()
@click.argument("file", type=PATH)
@click.option(
    "--png", type=PATH, metavar="SHEET", help="Write all heat maps and pictures as one PNG sheet."
)
@click.option(
    "--html",
    type=PATH,
    metavar="PAGE",
    help="Write an HTML page that compares them, with a divider to drag.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite the outputs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reports_errors
def inspect(file: str, png: str | None, html: str | None, force: bool, as_json: bool) -> None:
    """Show where the bits of FILE, a .vlae file, went, and what each layer of the latent adds.

    The table has the exact code length of each layer (the top latent; the anchor, which is the
    first of four passes over the latent; the other passes) and the PSNR of the picture decoded up
    to that layer. The sheet and the page show the same as pictures: heat maps of the bits, the
    picture after each layer, and a map of how strong its texture is.

    \b
    Examples:
      vlaecodec inspect photo.vlae
      vlaecodec inspect photo.vlae --png sheet.png
      vlaecodec inspect photo.vlae --html page.html
    """
    outputs = [path for path in (png, html) if path is not None]
    for path in outputs:
        check_output(path, file, force=force)
    if len(outputs) == 2 and Path(outputs[0]).resolve() == Path(outputs[1]).resolve():
        raise ParameterError("--png and --html name the same file: give them different names")
    data = read_vlae(file)

    from vlaecodec.analysis.inspection import inspect_file

    with prefix_errors(file):
        found = inspect_file(data)
    if outputs:
        from vlaecodec.analysis.heat_map import draw_panels, draw_sheet

        panels = draw_panels(found)
    if png is not None:
        buffer = io.BytesIO()
        draw_sheet(panels).save(buffer, "PNG")
        write_output(png, buffer.getvalue(), force=force)
    if html is not None:
        from vlaecodec.analysis.html.inspection import render_inspection

        title = "file" if file == STDIO else Path(file).stem
        write_output(html, render_inspection(title, found, panels).encode(), force=force)
    if STDIO in outputs:
        return
    if as_json:
        click.echo(json.dumps(_describe(found)))
        return
    _print_table(found)


def _print_table(found: Inspection) -> None:
    from vlaecodec.analysis.html.inspection import COLUMNS, table_rows

    for name, *cells in (COLUMNS, *table_rows(found)):
        line = f"{name:10} {cells[0]:>12} {cells[1]:>9} {cells[2]:>8} {cells[3]:>9}"
        click.echo(line.rstrip())
    click.echo(
        f"texture    {_mean_rms(found):.2f} grey levels, RMS, at full strength; "
        f"{found.info.texture:.2f} of it recommended"
    )


def _mean_rms(found: Inspection) -> float:
    return float((found.texture_rms**2).mean() ** 0.5)


def _describe(found: Inspection) -> dict[str, object]:
    return {
        "layers": [
            {
                "name": layer.name,
                "bits": layer.total_bits,
                "psnr_db": layer.psnr_db if math.isfinite(layer.psnr_db) else None,
            }
            for layer in found.layers
        ],
        "side_bits": found.side_bits,
        "size_bytes": found.info.size_bytes,
        "texture_rms": _mean_rms(found),
        "texture": found.info.texture,
    }
