"""Lossless and near-lossless files, ours and the rivals', on the same pictures.

bin/benchmark lossless IMAGES... --output benchmarks/results/lossless.json
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import vlaecodec
from benchmarks.kit.pictures import open_pictures
from benchmarks.kit.progress import each
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.timing import timed
from benchmarks.photo.lossy_tables import lossless_table
from vlaecodec.analysis.codecs import list_rivals

MAX_ERRORS = (1, 2, 4)
LOSSLESS = "vlaecodec"
JXL_EFFORT = 7


@dataclass(frozen=True)
class Coder:
    """An encoder, its decoder, and the largest error allowed, grey levels."""

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


def nearly_exact(max_error: int) -> Coder:
    """Ours, off by so many grey levels at most."""
    return Coder(
        lambda image: vlaecodec.encode(image, max_error=max_error), vlaecodec.decode, max_error
    )


def rival_coders(jxl_effort: int) -> dict[str, Coder]:
    """The other codecs that are installed here."""
    found = {
        "PNG": pillow("PNG", optimize=True),
        "WebP": pillow("WEBP", lossless=True, quality=100, method=6),
    }
    if list_rivals()["jxl"].library is not None:
        found[f"JPEG XL e{jxl_effort}"] = pillow("JXL", lossless=True, effort=jxl_effort)
    return found


def coders() -> dict[str, Coder]:
    """All codecs that are installed here."""
    ours = Coder(lambda image: vlaecodec.encode(image, lossless=True), vlaecodec.decode)
    nearly = {f"{LOSSLESS} +-{error}": nearly_exact(error) for error in MAX_ERRORS}
    return {**rival_coders(JXL_EFFORT), LOSSLESS: ours, **nearly}


def measure(coder: Coder, image: Image.Image, runs: int) -> dict[str, float]:
    """One picture's whole-file rate, and seconds: medians over at most `runs`.

    Raises ValueError if any sample of the decoded file is further off than it may be.
    """
    data, encode_s = timed(lambda: coder.encode(image), runs)
    picture, decode_s = timed(lambda: coder.decode(data), runs)
    samples = np.asarray(image).astype(np.int16)
    if picture.size != image.size:
        raise ValueError(f"decodes to {picture.size} instead of {image.size}")
    off = int(np.abs(samples - np.asarray(picture)).max())
    if off > coder.max_error:
        raise ValueError(f"a sample is off by {off}, more than {coder.max_error}")
    return {
        "size_bytes": len(data),
        "rate_bpsp": 8 * len(data) / samples.size,
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


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--runs", default=3, show_default=True, help="Counted runs of each picture.")
def main(images: tuple[Path, ...], output: Path | None, runs: int) -> None:
    """Code IMAGES, files or folders, exactly and nearly so; every decoded file is verified."""
    check_output(output)
    pictures, codecs = open_pictures(images), coders()
    left_out = [name for name in (f"JPEG XL e{JXL_EFFORT}",) if name not in codecs]
    results: dict[str, dict[str, dict[str, float]]] = {name: {} for name in codecs}
    work = [(stem, name) for stem in pictures for name in codecs]
    for stem, name in each("lossless", work):
        try:
            results[name][stem] = measure(codecs[name], pictures[stem], runs)
        except ValueError as error:
            raise click.ClickException(f"{name} on {stem}: {error}") from error
    record = {
        **describe_run("pillow-jxl-plugin"),
        "runs": runs,
        "left_out": left_out,
        "mean": summarise(results),
        "results": results,
    }
    lossless_table(record).print()
    for name in left_out:
        click.echo(f"{name} is left out: its package is not installed")
    click.echo(f"all {len(work)} decoded files are as exact as they should be")
    write_record(output, record)


if __name__ == "__main__":
    main()
