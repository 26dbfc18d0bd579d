"""Photos as a data set of 32 x 32 images, for the cifar10 preset where CIFAR-10 is not at hand.

bin/benchmark photo_crops train.tar --test val.tar --output crops
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.training.photo.data import read_photos

SIDE_PX = 32


def crop(photo: NDArray[np.uint8], count: int, rng: np.random.Generator) -> list[Image.Image]:
    """Squares from anywhere in a photo, half to all of its shorter side, scaled down."""
    height, width = photo.shape[:2]
    crops = []
    for _ in range(count):
        side = int(rng.integers(min(height, width) // 2, min(height, width) + 1))
        left, top = rng.integers(width - side + 1), rng.integers(height - side + 1)
        square = Image.fromarray(photo[top : top + side, left : left + side])
        crops.append(square.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS))
    return crops


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--test", required=True, type=click.Path(exists=True, path_type=Path), help="Photos.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder.")
@click.option("--count", default=8, show_default=True, help="Crops of each photo.")
def main(sources: tuple[Path, ...], test: Path, output: Path, count: int) -> None:
    """Write crops of the SOURCES, shards or folders of photos, and of the test photos, as PNGs."""
    rng = np.random.default_rng(0)
    for part, photos in (("train", read_photos(list(sources))), ("test", read_photos([test]))):
        folder = output / part
        folder.mkdir(parents=True, exist_ok=True)
        for number, photo in enumerate(photos):
            for index, picture in enumerate(crop(photo, count, rng)):
                picture.save(folder / f"{number:05}-{index}.png")


if __name__ == "__main__":
    main()
