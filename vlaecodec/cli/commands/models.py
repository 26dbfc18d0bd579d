"""`vlaecodec models`."""

from __future__ import annotations

import json
import shutil
import textwrap

import click

from vlaecodec.cli.reporting import reports_errors
from vlaecodec.model.registry import list_models


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@reports_errors
def models(as_json: bool) -> None:
    """List the models that `encode -m` takes; the default one is marked with a star.

    \b
    Examples:
      vlaecodec models
      vlaecodec models --json
      VLAECODEC_MODELS=/my/models vlaecodec models
    """
    default, entries = list_models()
    if as_json:
        rows = [
            {
                "name": e.name,
                "default": e.name == default,
                "fingerprint": e.fingerprint.hex(),
                "tuned_for": e.tuned_for,
                "summary": e.summary,
            }
            for e in entries
        ]
        click.echo(json.dumps(rows))
        return
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        star = "*" if entry.name == default else " "
        start = f"{star} {entry.name:{width}} {entry.fingerprint.hex()}  "
        columns, indent = shutil.get_terminal_size().columns, " " * len(start)
        text = textwrap.fill(entry.summary, columns, initial_indent=start, subsequent_indent=indent)
        click.echo(text)
