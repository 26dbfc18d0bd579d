"""Whether a grid of blocks shows in smooth places of mean images at low quality.

bin/benchmark blocks IMAGES... --output benchmarks/results/blocks.json
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

import vlaecodec
from benchmarks.kit.pictures import open_pictures
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.tables import lay_out
from vlaecodec.metrics.blocks import block_step_ratio
from vlaecodec.model.registry import TUNES, Tune, find_model

BLOCKS_PX = (8, 16)


def measure_blocks(pictures: dict[str, Any], quality: float, tune: Tune) -> dict[str, Any]:
    """The ratios of every picture that has smooth places, by block size, and their means."""
    rows: dict[str, dict[str, float]] = {}
    for name, image in pictures.items():
        decoded = vlaecodec.decode(vlaecodec.encode(image, quality, tune=tune), texture=0)
        found = {
            f"step_ratio_{px}px": block_step_ratio(np.asarray(image), np.asarray(decoded), px)
            for px in BLOCKS_PX
        }
        rows[name] = {key: round(ratio, 4) for key, ratio in found.items() if ratio is not None}
    keys = [f"step_ratio_{px}px" for px in BLOCKS_PX]
    mean = {key: float(np.mean([row[key] for row in rows.values() if key in row])) for key in keys}
    return {"model": find_model(tune=tune).fingerprint.hex(), "mean": mean, "pictures": rows}


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--quality", default=10.0, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="JSON.")
def main(images: tuple[Path, ...], quality: float, output: Path | None) -> None:
    """Measure IMAGES: files, and folders of them."""
    check_output(output)
    pictures = open_pictures(images)
    record: dict[str, Any] = {**describe_run(), "quality": quality}
    record |= {tune: measure_blocks(pictures, quality, tune) for tune in TUNES}
    rows: dict[str, Any] = {tune: record[tune] | record[tune]["mean"] for tune in TUNES}
    steps = {f"{px} px": f"{{step_ratio_{px}px:.3f}}" for px in BLOCKS_PX}
    lay_out("", "tune", rows, {"model": "{model}", **steps}).print()
    write_record(output, record)


if __name__ == "__main__":
    main()
