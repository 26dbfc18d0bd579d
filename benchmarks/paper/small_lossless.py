"""Lossless rates of other codecs on a data set's test images: one by one, and as one sheet.

bin/benchmark small_lossless cifar10=cifar10.npz --output small_lossless.json
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.paper.likelihood import read_pairs
from benchmarks.paper.tables import small_lossless_table
from benchmarks.photo.lossless import Coder, rival_coders
from vlaecodec.training.small.datasets import read_dataset

JXL_EFFORT = 9
COLUMNS = 40
"""Images in a row of a sheet."""


def lay_out(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One sheet [rows, columns, ...] of images [N, H, W, ...], COLUMNS in a row; black where there
    are none."""
    rows = -(-len(images) // COLUMNS)
    height, width, *rest = images.shape[1:]
    cells = np.zeros((rows * COLUMNS, height, width, *rest), np.uint8)
    cells[: len(images)] = images
    sheet = cells.reshape(rows, COLUMNS, height, width, *rest).swapaxes(1, 2)
    return sheet.reshape(rows * height, COLUMNS * width, *rest)


def measure(coder: Coder, images: NDArray[np.uint8]) -> dict[str, float]:
    """Bits a dimension of whole files. Raises ValueError if a file does not decode to its image."""
    return {
        "one_by_one": 8 * sum(_size(coder, image) for image in images) / images.size,
        "one_sheet": 8 * _size(coder, lay_out(images)) / images.size,
    }


def _size(coder: Coder, samples: NDArray[np.uint8]) -> int:
    image = Image.fromarray(samples)
    data = coder.encode(image)
    with Image.open(io.BytesIO(data)) as decoded:
        if not np.array_equal(np.asarray(decoded.convert(image.mode)), samples):
            raise ValueError("a file does not decode to its image")
    return len(data)


@click.command()
@click.argument("pairs", metavar="PRESET=DATA...", nargs=-1, required=True, callback=read_pairs)
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
def main(pairs: dict[str, Path], output: Path | None) -> None:
    """Code the test images of DATA; every file is verified."""
    check_output(output)
    results: dict[str, dict[str, Any]] = {}
    for name, path in pairs.items():
        test = read_dataset(name, path).test.permute(0, 2, 3, 1).squeeze(-1).contiguous().numpy()
        rows = {codec: measure(coder, test) for codec, coder in rival_coders(JXL_EFFORT).items()}
        results[name] = {"images": len(test), "bits_per_dimension": rows}
    record = {**describe_run("pillow-jxl-plugin"), "results": results}
    small_lossless_table(record).print()
    write_record(output, record)


if __name__ == "__main__":
    main()
