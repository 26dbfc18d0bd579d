"""`vlaecodec info`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from vlaecodec.bitstream.header import HEAD_BYTES, Section
from vlaecodec.cli.batch.jobs import PATH
from vlaecodec.cli.files import read_head
from vlaecodec.cli.reporting import reports_errors
from vlaecodec.codec.info import FileInfo, read_info

MODES = {"RGB": "colour", "RGBA": "colour with alpha", "L": "grey", "LA": "grey with alpha"}
SECTIONS = {section.name.lower(): section.title for section in Section}


@click.command()
@click.argument("file", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="A JSON object.")
@reports_errors
def info(file: str, as_json: bool) -> None:
    """Show size, quality, rate and model of FILE from its header; decodes nothing.

    \b
    Examples:
      vlaecodec info photo.vlae
      vlaecodec info --json photo.vlae
      cat photo.vlae | vlaecodec info -
    """
    details = read_info(*read_head(file, HEAD_BYTES))
    if as_json:
        click.echo(json.dumps(asdict(details)))
        return
    rows = {
        "size": f"{details.width} x {details.height}, {MODES[details.mode]}",
        "quality": f"{details.quality:g}",
        "file": f"{details.size_bytes} bytes, {details.rate_bpp:.3f} bpp"
        + ("" if details.complete else ", not the size its header says"),
        "pixels": _describe_pixels(details),
        "texture": f"{details.texture:.2f} recommended, seed {details.seed}",
        "metadata": ", ".join(f"{SECTIONS[n]} {b} bytes" for n, b in details.sections.items())
        or "none (no alpha, ICC profile, EXIF or XMP)",
        "tiles": str(details.tiles),
        "format": f"version {details.format_version}",
        "model": "none needed"
        if details.coding == "webp"
        else f"{details.model or 'not installed'} ({details.model_fingerprint})",
    }
    for name, value in rows.items():
        click.echo(f"{name:8} {value}")


def _describe_pixels(details: FileInfo) -> str:
    if details.coding == "webp":
        return "exact; stored as a lossless WebP"
    if details.max_error is None:
        drawn = "; drawn parts exact" if details.coding == "networks and webp" else ""
        return f"regenerated (lossy){drawn}"
    share = details.latents_size_bytes / details.size_bytes
    kind = "exact (lossless)" if details.max_error == 0 else f"to within {details.max_error}"
    return f"{kind}; the first {share:.0%} of the file are a lossy preview"
