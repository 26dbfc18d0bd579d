"""`vlaecodec compare`."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vlaecodec.bitstream.header import MAGIC
from vlaecodec.cli.files import STDIO, check_output, read_input, write_output
from vlaecodec.cli.listing import Record, check_listing, print_columns, print_records
from vlaecodec.cli.reporting import prefix_errors, reports_errors, say
from vlaecodec.errors import DamagedError, ImageError, InputError, ParameterError, VlaeError

if TYPE_CHECKING:
    from vlaecodec.analysis.codecs import Rival
    from vlaecodec.analysis.comparison import Candidate
    from vlaecodec.picture.image import Pixels


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@click.option(
    "--texture",
    type=click.FloatRange(0, 1),
    metavar="S",
    help="Decode .vlae files with texture of this strength.",
)
@click.option(
    "--against",
    metavar="CODECS",
    help="Other codecs, by commas: jpeg, jpeg2000, webp, avif, avif-psnr, avif-ssim, jxl.",
)
@click.option(
    "--at-bytes-of",
    "file",
    metavar="FILE",
    help="Instead of B: a .vlae file of A; the other codecs get no more bytes.",
)
@click.option("--html", metavar="PAGE", help="Also write an HTML page with a divider to drag.")
@click.option("-f", "--force", is_flag=True, help="Overwrite the page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for two folders.")
@reports_errors
def compare(
    first: str,
    second: str | None,
    texture: float | None,
    against: str | None,
    file: str | None,
    html: str | None,
    force: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Measure how similar B is to A, the original. Both may be pictures or .vlae files.

    Of two folders, files whose names differ only in the suffix are compared, and the means shown.

    With --at-bytes-of, FILE is decoded without texture, with the recommended strength and with
    full texture, and compared with the best files of other codecs that have no more bytes.

    \b
    Examples:
      vlaecodec compare photo.png photo.vlae
      vlaecodec compare --texture 0 photo.png photo.vlae
      vlaecodec compare originals small --csv > quality.csv
      vlaecodec compare photo.png --against webp,avif --at-bytes-of photo.vlae
      vlaecodec compare photo.png --against jxl --at-bytes-of a.vlae --html a.html
    """
    if (second is None) == (file is None):
        raise ParameterError("name a second picture B, or a file with --at-bytes-of")
    if file is None:
        if against is not None or html is not None:
            raise ParameterError("--against and --html need --at-bytes-of")
        check_listing(as_json=as_json, as_csv=as_csv)
        if Path(first).is_dir() and Path(str(second)).is_dir():
            _compare_folders(
                Path(first), Path(str(second)), texture, as_json=as_json, as_csv=as_csv
            )
            return
        if as_csv:
            raise ParameterError("--csv is for two folders")
        _print_measures(first, str(second), texture, as_json=as_json)
        return
    if texture is not None:
        raise ParameterError("with --at-bytes-of, several strengths are shown; leave --texture out")
    if html is not None:
        for source in (first, file):
            check_output(html, source, force=force)
    original = _read_pixels(first, None)
    candidates = _find_candidates(original, file, _chosen_rivals(against or ""))
    if as_json:
        click.echo(json.dumps([_describe(found) for found in candidates]))
    else:
        _print_candidates(candidates)
    if html is not None:
        from vlaecodec.analysis.html.comparer import render_comparison
        from vlaecodec.analysis.html.document import render_document

        title = "photo" if first == STDIO else Path(first).stem
        heading = f"{title}: codecs at equal bytes"
        page = render_document(heading, [render_comparison(title, original, candidates)])
        write_output(html, page.encode(), force=force)


def _chosen_rivals(names: str) -> list[Rival]:
    from vlaecodec.analysis.codecs import JPEG_XL_PACKAGE, list_rivals

    known = list_rivals()
    chosen = []
    for name in filter(None, (part.strip().lower() for part in names.split(","))):
        if name not in known:
            raise ParameterError(f"no codec named {name!r}; there are: {', '.join(known)}")
        if known[name].library is None:
            cure = JPEG_XL_PACKAGE if name == "jxl" else "a Pillow that has it"
            say(f"{known[name].name} is not installed and left out: pip install {cure}")
            continue
        chosen.append(known[name])
    return chosen


def _read_pixels(path: str, texture: float | None) -> Pixels:
    """The pixels of a picture or a .vlae file."""
    data = read_input(path)
    with prefix_errors(path):
        if data.startswith(MAGIC):
            from vlaecodec.codec.decode import decode_pixels

            return decode_pixels(data, texture=texture)
        from vlaecodec.picture.image import read_image, to_picture

        return to_picture(read_image(data, to_8_bit=True), to_8_bit=True).pixels


def _find_candidates(original: Pixels, file: str, rivals: list[Rival]) -> list[Candidate]:
    from vlaecodec.analysis.comparison import compare_at_bytes

    with prefix_errors(file, (DamagedError, ImageError)):
        return compare_at_bytes(original, read_input(file), rivals)


def _compare_folders(
    first: Path, second: Path, texture: float | None, *, as_json: bool, as_csv: bool
) -> None:
    """Each file of the second folder with its original. Exits with code 1 if one has none."""
    from vlaecodec.metrics.measures import MEASURES

    originals = {path.stem: path for path in sorted(first.iterdir()) if path.is_file()}
    records: list[Record] = []
    failed = False
    for path in sorted(path for path in second.iterdir() if path.is_file()):
        try:
            if path.stem not in originals:
                raise InputError(f"{path}: {first} has no file of this name")
            measures = _measure(str(originals[path.stem]), str(path), texture)
        except VlaeError as error:
            failed = True
            say(str(error))
            continue
        size_bytes = path.stat().st_size
        records.append({"file": path.name, "size_bytes": size_bytes, **_finite(measures)})
    if as_json or (as_csv and records):
        print_records(records, as_csv=as_csv)
    elif records:
        names = [name for name in MEASURES if any(r[name] is not None for r in records)]
        rows = [("file", "bytes", *(MEASURES[name][0] for name in names))]
        for record in [*records, _mean(records)]:
            cells = [_format(record, name) for name in names]
            rows.append((record["file"], f"{record['size_bytes']:.0f}", *cells))
        print_columns(rows)
    if failed or not records:
        sys.exit(1)


def _mean(records: list[Record]) -> Record:
    """Over the files; of a measure that one of them lacks there is none."""
    mean: Record = {"file": "mean"}
    for name in records[0].keys() - {"file"}:
        values = [record[name] for record in records]
        mean[name] = None if None in values else sum(values) / len(values)
    return mean


def _format(record: Record, name: str) -> str:
    from vlaecodec.analysis.html.comparer import format_measure

    return format_measure(name, record[name])


def _measure(first: str, second: str, texture: float | None) -> dict[str, float | None]:
    from vlaecodec.metrics.measures import measure_all

    original, decoded = (_read_pixels(path, texture) for path in (first, second))
    if original.shape != decoded.shape:
        sizes = (f"{p.shape[1]} x {p.shape[0]}" for p in (original, decoded))
        raise ImageError(f"{first} and {second} differ in size: " + " and ".join(sizes))
    return measure_all(original, decoded)


def _print_measures(first: str, second: str, texture: float | None, *, as_json: bool) -> None:
    from vlaecodec.metrics.measures import MEASURES

    measures = _measure(first, second, texture)
    if as_json:
        click.echo(json.dumps(_finite(measures)))
        return
    for name, (title, unit, decimals) in MEASURES.items():
        value = measures[name]
        text = "not measured" if value is None else f"{value:.{decimals}f} {unit}".rstrip()
        click.echo(f"{title:21} {text}")
    if measures["ssimulacra2"] is None:
        click.echo("SSIMULACRA2 needs the package ssimulacra2 and 256 pixels a side", err=True)


def _print_candidates(candidates: list[Candidate]) -> None:
    from rich.console import Console
    from rich.table import Table

    from vlaecodec.analysis.html.comparer import format_measure
    from vlaecodec.metrics.measures import MEASURES

    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("file")
    for column in ("bytes", *(title for title, _, _ in MEASURES.values())):
        table.add_column(column, justify="right")
    for found in candidates:
        cells = [format_measure(name, found.measures[name]) for name in MEASURES]
        table.add_row(found.name, str(found.size_bytes), *cells)
    Console(highlight=False).print(table)
    for found in candidates:
        if found.too_large:
            click.echo(f"{found.name} has no file as small: this is its smallest", err=True)


def _describe(found: Candidate) -> dict[str, Any]:
    return {"name": found.name, "size_bytes": found.size_bytes, **_finite(found.measures)}


def _finite(measures: dict[str, float | None]) -> dict[str, float | None]:
    """JSON has no infinity: the PSNR of equal pictures becomes null."""
    return {k: v if v is None or math.isfinite(v) else None for k, v in measures.items()}
