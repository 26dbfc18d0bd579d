"""All figures of the shipped cifar10 model, by one command.

bin/benchmark cifar10 cifar10.npz --output benchmarks/results/cifar10.json

About ten minutes on a core: the importance samples of 100 images are most of it; `--images 1000`
takes samples of every test image, which is ten times as much.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.tables import read_record
from benchmarks.paper.bits_back import code_chain, to_images
from benchmarks.paper.colour_tables import classes_table, density_table
from benchmarks.paper.likelihood import measure
from benchmarks.paper.representation import measure_all
from vlaecodec.model.registry import find_model
from vlaecodec.small.model import load_small_model
from vlaecodec.training.small.datasets import read_dataset

NAME = "cifar10"
PARTS = ("likelihood", "chain", "representation")


def measure_part(part: str, path: Path, images: int, samples: int) -> dict[str, Any]:
    """One of PARTS, of all test images."""
    if part == "likelihood":
        return measure(NAME, path, 4, images, samples)
    if part == "chain":
        test = to_images(read_dataset(NAME, path).test)
        return code_chain(load_small_model(find_model(NAME)), test, NAME)
    return measure_all(NAME, path, 20000, None)


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Default: all.")
@click.option("--images", default=100, show_default=True, help="Images for importance sampling.")
@click.option("--samples", default=512, show_default=True, help="Latents for each of those.")
def main(
    data: Path, output: Path | None, parts: tuple[str, ...], images: int, samples: int
) -> None:
    """Measure the shipped model on the test images of DATA.

    Parts that are not asked for are kept from the output if they are of the same model.
    """
    check_output(output)
    fingerprint = find_model(NAME).fingerprint.hex()
    record: dict[str, Any] = {**describe_run(), "fingerprint": fingerprint}
    stored = read_record(output) if output is not None and output.exists() else {}
    if stored.get("fingerprint") == fingerprint:
        record |= {part: stored[part] for part in PARTS if part in stored}
    for part in parts or PARTS:
        record[part] = measure_part(part, data, images, samples)
        write_record(output, record)
    if all(part in record for part in PARTS):
        for table in (density_table(record), classes_table(record)):
            table.print()


if __name__ == "__main__":
    main()
