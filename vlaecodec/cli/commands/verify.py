"""`vlaecodec verify`."""

from __future__ import annotations

import sys

import click

from vlaecodec.cli.batch.jobs import PATH
from vlaecodec.cli.commands.limits import max_pixels_option
from vlaecodec.cli.files import read_vlae
from vlaecodec.cli.listing import Record, check_listing, expand_files, print_records
from vlaecodec.cli.reporting import describe_error, printable, reports_errors, say
from vlaecodec.errors import VlaeError


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE...")
@max_pixels_option
@click.option("--json", "as_json", is_flag=True, help="Print a list of JSON objects.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a line for each file.")
@reports_errors
def verify(files: tuple[str, ...], max_pixels: int, as_json: bool, as_csv: bool) -> None:
    """Decode each FILE and compare every tile with the checksums that its encoder stored.

    A folder stands for all .vlae files in it and its subfolders. Exit codes: 4, the file is
    damaged; 5, its model is not installed; 7, the file is intact, but this machine computes other
    values than the encoder's did. With several files the exit code is 1 if any is not intact; the
    others are verified nevertheless.

    \b
    Examples:
      vlaecodec verify photo.vlae
      vlaecodec verify photo.vlae && rm photo.png
      vlaecodec verify album --csv > album.csv
      cat photo.vlae | vlaecodec verify -
    """
    check_listing(as_json=as_json, as_csv=as_csv)
    names, is_list = expand_files(files)
    records = []
    for name in names:
        try:
            record = _verify_file(name, max_pixels)
        except (VlaeError, MemoryError) as error:
            if not (is_list or as_json or as_csv):
                raise
            text = describe_error(error) or str(error)
            record = _record(name, error=text.removeprefix(f"{name}: "))
        records.append(record)
        if not as_json and not as_csv:
            _print_line(record)
    failed = sum(not record["intact"] for record in records)
    if as_json or as_csv:
        print_records(records, as_csv=as_csv)
    elif is_list:
        click.echo(f"{len(records) - failed} of {len(records)} files are intact")
    if failed:
        sys.exit(1)


def _verify_file(name: str, max_pixels: int) -> Record:
    data = read_vlae(name)

    from vlaecodec.codec.decode import verify as verify_data

    info = verify_data(data, max_pixels=max_pixels)
    return _record(name, info.width, info.height)


def _record(
    name: str, width: int | None = None, height: int | None = None, error: str | None = None
) -> Record:
    return {
        "file": name,
        "intact": error is None,
        "width": width,
        "height": height,
        "error": error,
    }


def _print_line(record: Record) -> None:
    if record["intact"]:
        size = f"{record['width']} x {record['height']}"
        click.echo(f"{printable(record['file'])}: intact, {size}, decodes here exactly")
    else:
        say(f"{record['file']}: {record['error']}")
