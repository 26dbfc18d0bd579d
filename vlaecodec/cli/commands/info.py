"""`vlaecodec info`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from vlaecodec.bitstream.header import MAGIC, Section
from vlaecodec.cli.batch.jobs import PATH
from vlaecodec.cli.files import read_input
from vlaecodec.cli.reporting import reports_errors
from vlaecodec.codec.info import FileInfo, read_info

MODES = {"RGB": "colour", "RGBA": "colour with alpha", "L": "grey", "LA": "grey with alpha"}
SECTIONS = {section.name.lower(): section.title for section in Section}


@click.command()
@click.argument("file", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="JSON: an object, or with --layers an array.")
@click.option(
    "--layers",
    is_flag=True,
    help="Show where the bits go: top latent, anchor, rest, pixels. Decodes FILE; FILE may also be "
    "a picture, which is then encoded losslessly at several qualities.",
)
@reports_errors
def info(file: str, as_json: bool, layers: bool) -> None:
    """Show size, quality, rate and model of FILE from its header; decodes nothing.

    \b
    Examples:
      vlaecodec info photo.vlae
      vlaecodec info --json photo.vlae
      vlaecodec info --layers photo.png
    """
    data = read_input(file)
    if layers:
        _show_layers(data, as_json=as_json)
        return
    details = read_info(data)
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
        "beside": ", ".join(f"{SECTIONS[n]} {b} bytes" for n, b in details.sections.items())
        or "nothing (no alpha, ICC profile, EXIF or XMP)",
        "tiles": str(details.tiles),
        "format": f"version {details.format_version}",
        "model": f"{details.model or 'not installed'} ({details.model_fingerprint})",
    }
    for name, value in rows.items():
        click.echo(f"{name:8} {value}")


def _describe_pixels(details: FileInfo) -> str:
    if details.max_error is None:
        return "regenerated (lossy)"
    share = details.latents_size_bytes / details.size_bytes
    kind = "exact (lossless)" if details.max_error == 0 else f"to within {details.max_error}"
    return f"{kind}; the first {share:.0%} of the file are a lossy preview"


def _show_layers(data: bytes, *, as_json: bool) -> None:
    from vlaecodec.analysis.layers import PICTURE_QUALITIES, measure_file, measure_picture

    if data.startswith(MAGIC[: len(data)]):
        rows = [measure_file(data)]
    else:
        from vlaecodec.picture.image import read_image

        image = read_image(data)
        rows = [measure_picture(image, quality) for quality in PICTURE_QUALITIES]
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    click.echo("Bits per pixel. R(h): top latent, R(y1): anchor, R(y2): rest of the latent,")
    click.echo("-log2 p(x|z): the pixels given the latent; what is not coded is regenerated.")
    click.echo("quality    R(h)   R(y1)   R(y2)    R(y)  -log2 p(x|z)   total")
    for row in rows:
        pixels = "not coded" if row.pixels_bpp is None else f"{row.pixels_bpp:.3f}"
        click.echo(
            f"{row.quality:7g} {row.top_bpp:7.4f} {row.anchor_bpp:7.4f} {row.rest_bpp:7.4f} "
            f"{row.anchor_bpp + row.rest_bpp:7.4f} {pixels:>13} {row.total_bpp:7.3f}"
        )
