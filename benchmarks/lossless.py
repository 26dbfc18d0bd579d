"""Exact and nearly exact coding of whole files, ours and the rivals', on the same pictures.

python -m benchmarks.lossless IMAGES... --output benchmarks/results/lossless.json
"""

from __future__ import annotations

import importlib
import io
import json
import platform
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image, features
from rich import box
from rich.console import Console
from rich.table import Table

import vlaecodec
from benchmarks.rate_distortion import find_images
from benchmarks.speed import median_seconds
from vlaecodec.cli.progress import progress_bar
from vlaecodec.registry import find_model

MAX_ERRORS = (1, 2, 4)
LOSSLESS = "vlaecodec"
JPEG_XL = "JPEG XL e7"
PACKAGES = ("numpy", "torch", "pillow", "constriction")
ROOT = Path(__file__).parents[1]
TABLE_COLUMNS = 160


@dataclass(frozen=True)
class Coder:
    """A codec both ways, and how far off it may be, grey levels."""

    encode: Callable[[Image.Image], bytes]
    decode: Callable[[bytes], Image.Image] = lambda data: Image.open(io.BytesIO(data)).convert(
        "RGB"
    )
    max_error: int = 0


def pillow(name: str, **options: Any) -> Coder:
    """One of Pillow's codecs, or a plugin's."""

    def encode(image: Image.Image) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, name, **options)
        return buffer.getvalue()

    return Coder(encode)


def nearly(max_error: int) -> Coder:
    """Ours, off by so many grey levels at most."""
    return Coder(
        lambda image: vlaecodec.encode(image, max_error=max_error), vlaecodec.decode, max_error
    )


def coders() -> dict[str, Coder]:
    """All codecs that are installed here."""
    found = {
        "PNG": pillow("PNG", optimize=True),
        "WebP": pillow("WEBP", lossless=True, quality=100, method=6),
    }
    if optional_module("pillow_jxl") is not None:
        found[JPEG_XL] = pillow("JXL", lossless=True, effort=7)
    found[LOSSLESS] = Coder(lambda image: vlaecodec.encode(image, lossless=True), vlaecodec.decode)
    return found | {f"{LOSSLESS} +-{e}": nearly(e) for e in MAX_ERRORS}


def optional_module(name: str) -> Any | None:
    """A module that benchmarks can do without, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def open_pictures(paths: Iterable[Path]) -> dict[str, Image.Image]:
    """The RGB pictures of files and folders, by name, without metadata that some codecs would keep.

    Raises click.UsageError if there are none, or two of one name.
    """
    files = find_images(paths)
    pictures = {p.stem: Image.fromarray(np.asarray(Image.open(p).convert("RGB"))) for p in files}
    if not pictures:
        raise click.UsageError("no pictures there")
    if len(pictures) != len(files):
        raise click.UsageError("two pictures have the same name")
    return pictures


def describe_run(*packages: str) -> dict[str, Any]:
    """What a result depends on: model, code, threads and versions (of `packages` too)."""
    versions: dict[str, str | None] = {}
    for package in (*PACKAGES, *packages):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    for name in ("webp", "avif"):
        versions[f"lib{name}"] = features.version(name)
    changes = _git("status", "--porcelain", "--", "vlaecodec", "benchmarks")
    return {
        "model": find_model().fingerprint.hex(),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": None if changes is None else changes != "",
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": versions,
    }


def _git(*arguments: str) -> str | None:
    """What a git command that only reads says, or None outside a checkout."""
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def check_output(output: Path | None) -> None:
    """Fail before the work, not after it."""
    if output is not None and not output.absolute().parent.is_dir():
        raise click.UsageError(f"{output.parent}: no such folder")


def write_record(output: Path | None, record: dict[str, Any]) -> None:
    """Store results, if asked to."""
    if output is not None:
        output.write_text(json.dumps(record, indent=1) + "\n")


def print_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A Markdown table on standard output, numbers to the right."""
    table = Table(box=box.MARKDOWN)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console(width=TABLE_COLUMNS, highlight=False).print(table)


def measure(coder: Coder, image: Image.Image, runs: int) -> dict[str, float]:
    """One picture's whole-file rate, and seconds: medians over `runs`, after one not counted.

    Raises ValueError if any sample of any decoded file is further off than it may be.
    """
    files: list[bytes] = []
    decoded: list[Image.Image] = []
    encode_s = median_seconds(lambda: files.append(coder.encode(image)), runs)
    decode_s = median_seconds(lambda: decoded.append(coder.decode(files[-1])), runs)
    samples = np.asarray(image).astype(np.int16)
    for picture in decoded:
        if picture.size != image.size:
            raise ValueError(f"decodes to {picture.size} instead of {image.size}")
        off = int(np.abs(samples - np.asarray(picture)).max())
        if off > coder.max_error:
            raise ValueError(f"a sample is off by {off}, more than {coder.max_error}")
    return {
        "size_bytes": len(files[-1]),
        "rate_bpsp": 8 * len(files[-1]) / samples.size,
        "max_off": off,
        "encode_s": encode_s,
        "decode_s": decode_s,
    }


def summarise(results: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Means over the pictures for each codec, and the rate's ratio to our lossless rate."""
    means = {
        name: {
            key: float(np.mean([row[key] for row in rows.values()]))
            for key in ("rate_bpsp", "encode_s", "decode_s")
        }
        for name, rows in results.items()
    }
    for row in means.values():
        row["ratio_to_lossless"] = row["rate_bpsp"] / means[LOSSLESS]["rate_bpsp"]
    return means


def report(
    results: dict[str, dict[str, dict[str, float]]], means: dict[str, dict[str, float]]
) -> None:
    """Print rates per picture, then the means."""
    stems = next(iter(results.values()))
    rates = [
        [stem, *(f"{rows[stem]['rate_bpsp']:.3f}" for rows in results.values())] for stem in stems
    ]
    mean_rates = ["mean", *(f"{mean['rate_bpsp']:.3f}" for mean in means.values())]
    print_table(["bits per sub-pixel", *results], [*rates, mean_rates])
    columns = ("codec", "bpsp", "to our lossless", "encode, s", "decode, s")
    print_table(
        columns,
        [
            [
                name,
                f"{mean['rate_bpsp']:.3f}",
                f"{mean['ratio_to_lossless']:.3f}",
                f"{mean['encode_s']:.3f}",
                f"{mean['decode_s']:.3f}",
            ]
            for name, mean in means.items()
        ],
    )


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--runs", default=3, show_default=True, help="Counted runs of each picture.")
def main(images: tuple[Path, ...], output: Path | None, runs: int) -> None:
    """Code IMAGES, files or folders, exactly and nearly so; every decoded file is verified."""
    check_output(output)
    pictures, codecs = open_pictures(images), coders()
    left_out = [name for name in (JPEG_XL,) if name not in codecs]
    results: dict[str, dict[str, dict[str, float]]] = {name: {} for name in codecs}
    steps = len(pictures) * len(codecs)
    with progress_bar("lossless", quiet=False) as progress:
        for stem, picture in pictures.items():
            for name, coder in codecs.items():
                try:
                    results[name][stem] = measure(coder, picture, runs)
                except ValueError as error:
                    raise click.ClickException(f"{name} on {stem}: {error}") from error
                if progress is not None:
                    progress(sum(map(len, results.values())) / steps)
    means = summarise(results)
    report(results, means)
    for name in left_out:
        click.echo(f"{name} is left out: its package is not installed")
    click.echo(f"all {steps * (runs + 1)} decoded files are as exact as they should be")
    record = {
        **describe_run("pillow-jxl-plugin"),
        "runs": runs,
        "left_out": left_out,
        "mean": means,
        "results": results,
    }
    write_record(output, record)


if __name__ == "__main__":
    main()
