"""What is sent and what is drawn, at three levels: digits, CIFAR-10, photos.

    bin/benchmark levels mnist-static=mnist.npz cifar10=cifar10.npz --output benchmarks/results

Writes `levels.json` and the sheet `sheets/levels.png`: for each kind of picture the original, then
at each quality what the latent alone tells, and one draw of the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import vlaecodec
from benchmarks.kit.pictures import open_pictures
from benchmarks.kit.progress import each
from benchmarks.kit.record import ROOT, describe_run, write_record
from benchmarks.kit.tables import Record, Table, lay_out, made_at
from benchmarks.paper.bits_back import to_images
from benchmarks.paper.likelihood import read_pairs
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.model.registry import find_model
from vlaecodec.training.small.datasets import read_dataset

QUALITIES = (10.0, 50.0, 90.0)
PHOTOS = ROOT / "benchmarks" / "data" / "regression"
SIDE_PX = 128
"""Of each picture in the sheet, and of the photos that are measured."""

ROW_GAP_PX, LEVEL_GAP_PX = 4, 12

Pixels = NDArray[np.uint8]


def photos() -> list[Pixels]:
    """The middles of the six crops that regressions are measured on."""
    return [_middle(np.asarray(image)) for image in open_pictures([PHOTOS]).values()]


def _middle(pixels: Pixels) -> Pixels:
    top, left = ((side - SIDE_PX) // 2 for side in pixels.shape[:2])
    return pixels[top : top + SIDE_PX, left : left + SIDE_PX]


def small_images(name: str, path: Path, count: int) -> list[Pixels]:
    """Test images from all over, uint8 [H, W, 3]."""
    test = read_dataset(name, path).test
    images = to_images(test[:: len(test) // count][:count])
    return list(images if images.ndim == 4 else np.repeat(255 * images[..., None], 3, 3))


def measure(pixels: Pixels, model: str) -> tuple[dict[str, float], list[Pixels]]:
    """One picture's bytes and likeness at each level, and the row of the sheet."""
    figures: dict[str, float] = {}
    row = [pixels]
    for quality in QUALITIES:
        data = vlaecodec.encode(pixels, quality, model=model, only_nets=True)
        mean, drawn = (_decode(data, texture=strength) for strength in (0.0, 1.0))
        figures[f"bytes_q{quality:g}"] = len(data)
        figures[f"psnr_db_q{quality:g}"] = psnr_db(pixels, mean)
        row += [mean, drawn]
    exact = vlaecodec.encode(pixels, lossless=True, model=model, only_nets=True)
    if not np.array_equal(_decode(exact), pixels):
        raise ValueError("a lossless file does not decode to its picture")
    return figures | {"bytes_lossless": len(exact)}, row


def _decode(data: bytes, texture: float | None = None) -> Pixels:
    return np.asarray(vlaecodec.decode(data, texture=texture).convert("RGB"))


def levels_table(record: Record) -> Table:
    """Bytes of whole files, means over a kind's pictures."""
    cells = {"pictures": "{pictures}", "pixels": "{side_px} x {side_px}"}
    cells["model"] = "{fingerprint}"
    for quality in QUALITIES:
        key = f"q{quality:g}"
        cells[f"-q {quality:g}"] = f"{{bytes_{key}:,.0f}} B, {{psnr_db_{key}:.1f}} dB"
    cells["lossless"] = "{bytes_lossless:,.0f} B"
    return lay_out(
        "What is sent at three levels of -q, and with all of it: bytes of whole files, and PSNR "
        f"of what the latent alone shows, means; {made_at(record)}:",
        "kind",
        record["results"],
        cells,
    )


def draw_levels(rows: list[list[Pixels]]) -> Image.Image:
    """A sheet with a row for each kind, all in one size; a gap before each level."""
    step = SIDE_PX + ROW_GAP_PX
    last = max(len(row) for row in rows) - 1
    width = _left(last) + SIDE_PX
    sheet = Image.new("RGB", (width, len(rows) * step - ROW_GAP_PX), "white")
    for y, row in enumerate(rows):
        for x, pixels in enumerate(row):
            sheet.paste(Image.fromarray(_enlarge(pixels)), (_left(x), y * step))
    return sheet


def _left(column: int) -> int:
    """Where a column begins: the original, then two for each level."""
    return column * SIDE_PX + (column + 1) // 2 * LEVEL_GAP_PX


def _enlarge(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((SIDE_PX, SIDE_PX), Image.Resampling.NEAREST))


@click.command()
@click.argument("pairs", metavar="MODEL=DATA...", nargs=-1, callback=read_pairs)
@click.option("--images", default=24, show_default=True, help="Test images of each DATA.")
@click.option("--output", required=True, type=click.Path(exists=True, path_type=Path))
def main(pairs: dict[str, Path], images: int, output: Path) -> None:
    """Code some test images of each DATA with the installed MODELs, and photos."""
    kinds = {name: (small_images(name, path, images), name) for name, path in pairs.items()}
    kinds["photos"] = (photos(), find_model().name)
    results: dict[str, dict[str, Any]] = {}
    rows = []
    for kind, (pictures, model) in kinds.items():
        measured = [measure(pixels, model) for pixels in each(kind, pictures)]
        figures = [found for found, _ in measured]
        means = {key: float(np.mean([row[key] for row in figures])) for key in figures[0]}
        results[kind] = {"pictures": len(pictures), "side_px": len(pictures[0]), **means}
        results[kind]["fingerprint"] = find_model(model).fingerprint.hex()
        rows.append(measured[1][1])
    record = {**describe_run(), "results": results}
    levels_table(record).print()
    draw_levels(rows).save(output / "sheets" / "levels.png", optimize=True)
    write_record(output / "levels.json", record)


if __name__ == "__main__":
    main()
