"""`vlaecodec info`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from vlaecodec.cli.files import read_input
from vlaecodec.cli.reporting import reports_errors
from vlaecodec.info import read_info


@click.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@reports_errors
def info(file: str, as_json: bool) -> None:
    """Show size, quality, rate and model of FILE from its header; decodes nothing.

    \b
    Examples:
      vlaecodec info photo.vlae
      vlaecodec info --json photo.vlae
      cat photo.vlae | vlaecodec info -
    """
    details = read_info(read_input(file))
    if as_json:
        click.echo(json.dumps(asdict(details)))
        return
    rows = {
        "size": f"{details.width} x {details.height}",
        "quality": f"{details.quality:g}",
        "file": f"{details.size_bytes} bytes, {details.rate_bpp:.3f} bpp"
        + ("" if details.complete else ", not the size its header says"),
        "tiles": str(details.tiles),
        "format": f"version {details.format_version}",
        "model": f"{details.model or 'not installed'} ({details.model_fingerprint})",
    }
    for name, value in rows.items():
        click.echo(f"{name:8} {value}")
