"""Rate and distortion of whole files, ours and the rivals', on the same pictures in one run.

python -m benchmarks.rate_distortion IMAGES... --output results.json
"""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import numpy as np
from PIL import Image

import vlaecodec
from benchmarks.bd_rate import bd_rate_percent
from vlaecodec.metrics import psnr_db
from vlaecodec.registry import find_model

SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".ppm", ".tif"}
Coder = Callable[[Image.Image, float], tuple[bytes, Image.Image]]


def ours(image: Image.Image, quality: float) -> tuple[bytes, Image.Image]:
    """Our default model."""
    # Distortion is that of the mean image; texture is judged by benchmarks/texture.py.
    data = vlaecodec.encode(image, quality)
    return data, vlaecodec.decode(data, texture=0)


def pillow(pillow_format: str, **options: object) -> Coder:
    """One of Pillow's codecs; `quality` may be scaled by the caller."""

    def code(image: Image.Image, quality: float) -> tuple[bytes, Image.Image]:
        buffer = io.BytesIO()
        if pillow_format == "JPEG2000":
            layers = {"quality_mode": "rates", "quality_layers": [quality]}
            image.save(buffer, pillow_format, **layers, **options)
        else:
            image.save(buffer, pillow_format, quality=round(quality), **options)
        return buffer.getvalue(), Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")

    return code


CODERS: dict[str, tuple[Coder, tuple[float, ...]]] = {
    "vlaecodec": (ours, (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)),
    "JPEG": (pillow("JPEG", optimize=True), (5, 8, 12, 18, 27, 40, 55, 70, 80, 88, 93)),
    "WebP": (pillow("WEBP", method=6), (0, 5, 12, 25, 40, 55, 70, 80, 87, 92, 95)),
    "JPEG 2000": (
        pillow("JPEG2000", irreversible=True, mct=1),
        (240, 120, 80, 60, 40, 30, 20, 14, 10),
    ),
    "AVIF": (
        pillow("AVIF", speed=6, subsampling="4:4:4"),
        (10, 18, 26, 34, 42, 50, 58, 66, 74, 82, 90),
    ),
}


def find_images(paths: Iterable[Path]) -> list[Path]:
    """Image files, and the image files in folders."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [p for p in inside if p.suffix.lower() in SUFFIXES]
    return found


def measure(coder: Coder, image: Image.Image, quality: float) -> dict[str, float]:
    """One picture at one quality: whole-file rate, PSNR over RGB samples, seconds for both ways."""
    start = time.perf_counter()
    data, decoded = coder(image, quality)
    seconds = time.perf_counter() - start
    pixels = np.asarray(image)
    return {
        "quality": quality,
        "size_bytes": len(data),
        "rate_bpp": 8 * len(data) / (image.width * image.height),
        "psnr_db": psnr_db(pixels, np.asarray(decoded)),
        "seconds": seconds,
    }


def mean_curve(rows: list[dict[str, float]]) -> list[tuple[float, float]]:
    """Mean rate and mean PSNR over the pictures, for each quality setting."""
    qualities = sorted({row["quality"] for row in rows})
    curve = []
    for quality in qualities:
        chosen = [row for row in rows if row["quality"] == quality]
        rate, psnr = (float(np.mean([r[k] for r in chosen])) for k in ("rate_bpp", "psnr_db"))
        curve.append((rate, psnr))
    return curve


def rises_with_quality(rows: list[dict[str, float]]) -> bool:
    """Whether each higher quality gave a larger file and a better picture."""
    rows = sorted(rows, key=lambda row: row["quality"])
    pairs = list(itertools.pairwise(rows))
    return all(a[key] < b[key] for a, b in pairs for key in ("size_bytes", "psnr_db"))


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--codec", "names", multiple=True, type=click.Choice(list(CODERS)), help="Only it.")
@click.option("--low", default=0.15, show_default=True, help="BD-rate from this rate of a rival.")
@click.option("--high", default=1.0, show_default=True, help="BD-rate up to this rate.")
def main(
    images: tuple[Path, ...], output: Path | None, names: tuple[str, ...], low: float, high: float
) -> None:
    """Measure codecs on IMAGES, files or folders, and print mean curves and BD-rates."""
    paths = find_images(images)
    pictures = {path.stem: Image.open(path).convert("RGB") for path in paths}
    if len(pictures) != len(paths):
        raise click.UsageError("two pictures have the same name")
    if output is not None and not output.absolute().parent.is_dir():
        raise click.UsageError(f"{output.parent}: no such folder")
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    for name in names or CODERS:
        coder, qualities = CODERS[name]
        results[name] = {
            stem: [measure(coder, picture, quality) for quality in qualities]
            for stem, picture in pictures.items()
        }
        curve = mean_curve([row for rows in results[name].values() for row in rows])
        click.echo(f"{name:10} " + "  ".join(f"{r:.3f}:{p:.2f}" for r, p in curve))
    summary: dict[str, float] = {}
    rises: dict[str, bool] = {}
    if "vlaecodec" in results:
        rises = {stem: rises_with_quality(rows) for stem, rows in results["vlaecodec"].items()}
        click.echo(f"rate and PSNR rise with quality on {sum(rises.values())} of {len(rises)}")
        tested = mean_curve([row for rows in results["vlaecodec"].values() for row in rows])
        for name in results:
            if name != "vlaecodec":
                curve = mean_curve([row for rows in results[name].values() for row in rows])
                summary[name] = round(bd_rate_percent(curve, tested, (low, high)), 2)
                click.echo(f"BD-rate against {name}, {low} to {high} bpp: {summary[name]:+.1f} %")
    if output is not None:
        record = {
            "model": find_model().fingerprint.hex(),
            "rates_bpp": [low, high],
            "bd_rate_percent": summary,
            "rises_with_quality": rises,
            "results": results,
        }
        output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
