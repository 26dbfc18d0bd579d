"""Photos and ramps that are encoded and decoded again and again, each time at the same quality.

    bin/benchmark generations IMAGES... --output benchmarks/results/generations.json

Measures, without texture, what is lost between the first generation and the last.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import vlaecodec
from benchmarks.kit.pictures import open_pictures
from benchmarks.kit.progress import each
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.tables import Record, Table, lay_out, made_with
from vlaecodec.metrics.distortion import psnr_db

QUALITIES = (30.0, 50.0, 75.0, 90.0)
SIDE_PX = 256
"""Photos are cut to that, from their upper left."""

Pixels = NDArray[np.uint8]


def ramp(dark: tuple[int, int, int], light: tuple[int, int, int], noise: float) -> Pixels:
    """From a colour to another, down and to the right, with a camera's noise, in levels."""
    y, x = np.indices((SIDE_PX, SIDE_PX)) / (SIDE_PX - 1)
    part = (0.7 * y + 0.3 * x)[..., None]
    clean = part * np.array(light) + (1 - part) * np.array(dark)
    grain = np.random.default_rng(0).normal(0, noise, clean.shape)
    return np.clip(np.rint(clean + grain), 0, 255).astype(np.uint8)


RAMPS = {
    "dark ramp": ramp((10, 9, 8), (60, 54, 48), 0.0),
    "dark ramp, noise": ramp((10, 9, 8), (60, 54, 48), 0.5),
    "sky": ramp((100, 150, 225), (190, 210, 245), 0.7),
    "flat": ramp((120, 100, 90), (120, 100, 90), 0.0),
}


def measure(pixels: Pixels, quality: float, generations: int) -> dict[str, Any]:
    """What a picture, uint8 [H, W, 3], loses in so many generations at a quality."""
    shown, likeness_db, sizes, seconds, means = pixels, [], [], [], []
    for _ in range(generations):
        start = time.perf_counter()
        data = vlaecodec.encode(shown, quality, only_nets=True)
        seconds.append(time.perf_counter() - start)
        shown = np.asarray(vlaecodec.decode(data, texture=0))
        sizes.append(len(data))
        likeness_db.append(psnr_db(pixels, shown))
        means.append(float(shown.mean()))
    return {
        "quality": quality,
        "first_db": likeness_db[0],
        "last_db": likeness_db[-1],
        "lost_db": likeness_db[0] - likeness_db[-1],
        "drift_levels": means[-1] - means[0],
        "growth": sizes[-1] / sizes[0] - 1,
        "times_as_long": float(np.median(seconds[1:])) / seconds[0],
    }


def generations_table(record: Record) -> Table:
    """A row for each picture and quality."""
    return lay_out(
        f"Encoded and decoded {record['generations']} times; {made_with(record)}:",
        "picture",
        {f"{row['picture']}, -q {row['quality']:g}": row for row in record["rows"]},
        {
            "first, dB": "{first_db:.2f}",
            "lost, dB": "{lost_db:.2f}",
            "drift, levels": "{drift_levels:+.2f}",
            "bytes": "{growth:+.1%}",
            "again, times as long": "{times_as_long:.1f}",
        },
    )


@click.command()
@click.argument("images", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--generations", default=10, show_default=True)
@click.option("--quality", "qualities", multiple=True, type=float, help="Default: 30, 50, 75, 90.")
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
def main(
    images: tuple[Path, ...], generations: int, qualities: tuple[float, ...], output: Path | None
) -> None:
    """Code ramps, and IMAGES: files, and folders of them."""
    check_output(output)
    photos = open_pictures(images) if images else {}
    pictures = RAMPS | {n: np.asarray(p)[:SIDE_PX, :SIDE_PX] for n, p in photos.items()}
    work = [(name, quality) for name in pictures for quality in qualities or QUALITIES]
    rows = [
        {"picture": name, **measure(pictures[name], quality, generations)}
        for name, quality in each("generations", work)
    ]
    record = {**describe_run(), "generations": generations, "rows": rows}
    generations_table(record).print()
    write_record(output, record)


if __name__ == "__main__":
    main()
