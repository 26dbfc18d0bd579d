"""`vlaecodec info`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from vlaecodec.bitstream.header import HEAD_BYTES, Section
from vlaecodec.cli.batch.jobs import PATH
from vlaecodec.cli.files import read_head
from vlaecodec.cli.listing import (
    Record,
    check_listing,
    expand_files,
    print_columns,
    print_records,
)
from vlaecodec.cli.reporting import prefix_errors, reports_errors, say
from vlaecodec.codec.info import FileInfo, read_info
from vlaecodec.errors import VlaeError

MODES = {"RGB": "colour", "RGBA": "colour with alpha", "L": "grey", "LA": "grey with alpha"}
SECTIONS = {section.name.lower(): section.title for section in Section}
TEXTURE_MAP = Section.TEXTURE_MAP.name.lower()


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE...")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: an object, or a list for several files."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a line for each file.")
@reports_errors
def info(files: tuple[str, ...], as_json: bool, as_csv: bool) -> None:
    """Show size, quality, rate and model of each FILE. Only the header is read.

    A folder stands for all .vlae files in it and its subfolders. Several files are listed in a
    table; the exit code is 1 if any has no usable header.

    \b
    Examples:
      vlaecodec info photo.vlae
      vlaecodec info --json photo.vlae
      vlaecodec info album --csv > album.csv
      cat photo.vlae | vlaecodec info -
    """
    check_listing(as_json=as_json, as_csv=as_csv)
    names, is_list = expand_files(files)
    if is_list or as_csv:
        _show_list(names, as_json=as_json, as_csv=as_csv)
        return
    details = read_info(*read_head(names[0], HEAD_BYTES))
    if as_json:
        click.echo(json.dumps(asdict(details)))
        return
    rows = {
        "size": f"{details.width} x {details.height}, {MODES[details.mode]}",
        "quality": f"{details.quality:g}"
        + (" of the lossy preview" if _has_preview(details) else ""),
        "file": f"{details.size_bytes} bytes, {details.rate_bpp:.3f} bpp"
        + ("" if details.complete else ", not the size its header says"),
        "pixels": _describe_pixels(details),
        "texture": _describe_texture(details),
        "metadata": ", ".join(
            f"{SECTIONS[n]} {b} bytes" for n, b in details.sections.items() if n != TEXTURE_MAP
        )
        or "none (no alpha, ICC profile, EXIF or XMP)",
        "tiles": str(details.tiles),
        "format": f"version {details.format_version}",
        "model": "none needed"
        if details.coding == "webp"
        else f"{details.model or 'not installed'} ({details.model_fingerprint})",
    }
    for name, value in rows.items():
        click.echo(f"{name:8} {value}")


def _describe_texture(details: FileInfo) -> str:
    text = f"{details.texture:.2f} recommended, seed {details.seed}"
    if size_bytes := details.sections.get(TEXTURE_MAP):
        text += f", a map of {size_bytes} bytes says where"
    return text


def _show_list(names: list[str], *, as_json: bool, as_csv: bool) -> None:
    """All files, the readable ones with their totals. Exits with code 1 if one is not."""
    found: dict[str, FileInfo] = {}
    for name in names:
        try:
            head = read_head(name, HEAD_BYTES)
            with prefix_errors(name):
                found[name] = read_info(*head)
        except VlaeError as error:
            say(str(error))
    if as_json or (as_csv and found):
        records: list[Record] = [
            {"file": name, **asdict(details)} for name, details in found.items()
        ]
        if as_csv:
            # A cell holds one value: what there is beside the picture becomes their names.
            records = [{**r, "sections": " ".join(r["sections"])} for r in records]
        print_records(records, as_csv=as_csv)
    elif found:
        _print_table(found)
    if len(found) < len(names):
        sys.exit(1)


def _print_table(found: dict[str, FileInfo]) -> None:
    rows = [("file", "size", "quality", "bytes", "bpp", "coding")]
    for name, details in found.items():
        rows.append(
            (
                name,
                f"{details.width}x{details.height}",
                f"{details.quality:g}",
                str(details.size_bytes),
                f"{details.rate_bpp:.3f}",
                details.coding
                if details.max_error is None or details.coding == "webp"
                else "lossless"
                if details.max_error == 0
                else f"within {details.max_error}",
            )
        )
    print_columns(rows)
    size_bytes = sum(details.size_bytes for details in found.values())
    pixels = sum(details.width * details.height for details in found.values())
    click.echo(f"{len(found)} files, {size_bytes} bytes, {8 * size_bytes / pixels:.3f} bpp in all")


def _has_preview(details: FileInfo) -> bool:
    return details.max_error is not None and details.coding != "webp"


def _describe_pixels(details: FileInfo) -> str:
    if details.coding == "webp":
        if details.max_error is not None:
            return "exact; stored as a lossless WebP"
        colours = "fewer" if details.colours is None else str(details.colours)
        return f"stored, {colours} colours; a WebP near the original"
    if details.max_error is None:
        drawn = "; drawn parts exact" if details.coding == "networks and webp" else ""
        return f"lossy{drawn}"
    share = details.latents_size_bytes / details.size_bytes
    kind = "exact (lossless)" if details.max_error == 0 else f"to within {details.max_error}"
    return f"{kind}; the first {share:.0%} of the file are a lossy preview"
