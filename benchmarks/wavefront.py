"""What decoding by wavefront gains over raster order: steps, and seconds on the same crop.

python -m benchmarks.wavefront PHOTO --output benchmarks/results/wavefront.json

Both decode a lossless file of the crop through the whole codec, with the same weights, kernel and
entropy coder; only the order of the pixels differs, and with it how many are computed at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import vlaecodec
from benchmarks.kit.record import check_output, describe_run, print_table, write_record
from benchmarks.kit.timing import median_seconds
from benchmarks.raster import raster_steps, run_raster
from vlaecodec.bitstream.tiles import TILE_PX
from vlaecodec.model.frozen import load_model
from vlaecodec.model.registry import find_model
from vlaecodec.networks.common.window import Window
from vlaecodec.pixels import coder as pixel_coder

ROWS = (64,)
FULL_SIZE = (768, 512)


@contextmanager
def raster_order() -> Iterator[None]:
    """Within, pixels are coded and decoded in raster order, one a step."""
    with (
        mock.patch.object(pixel_coder, "wavefronts", raster_steps),
        mock.patch.object(pixel_coder, "run_wavefronts", run_raster),
    ):
        yield


def count_steps(window: Window, width: int, height: int) -> dict[str, float]:
    """Sequential steps of both orders, for a picture of one tile."""
    wavefront, raster = window.steps(height, width), width * height
    return {
        "width_px": width,
        "height_px": height,
        "wavefront_steps": wavefront,
        "raster_steps": raster,
        "steps_ratio": raster / wavefront,
    }


def decode_checked(data: bytes, pixels: NDArray[np.uint8]) -> None:
    """Decode a lossless file. Raises ValueError if it is not the picture."""
    if not np.array_equal(np.asarray(vlaecodec.decode(data)), pixels):
        raise ValueError("the decoded pixels are not the picture's")


def measure(crop: Image.Image, window: Window, runs: int) -> dict[str, float]:
    """Steps, and seconds to decode a lossless file of the crop in both orders."""
    pixels = np.asarray(crop)
    data = vlaecodec.encode(crop, lossless=True)
    wavefront_s = median_seconds(lambda: decode_checked(data, pixels), runs)
    preview_s = median_seconds(lambda: vlaecodec.decode(data, preview=True), runs)
    with raster_order():
        serial = vlaecodec.encode(crop, lossless=True)
        # Once is enough for something this long: the model is loaded, the caches are warm.
        start = time.perf_counter()
        decode_checked(serial, pixels)
        raster_s = time.perf_counter() - start
    return {
        **count_steps(window, crop.width, crop.height),
        "wavefront_size_bytes": len(data),
        "raster_size_bytes": len(serial),
        "latents_and_mean_s": preview_s,
        "wavefront_s": wavefront_s,
        "raster_s": raster_s,
        "seconds_ratio": raster_s / wavefront_s,
        "seconds_ratio_of_pixels": (raster_s - preview_s) / (wavefront_s - preview_s),
    }


def report(full_size: dict[str, float], crops: list[dict[str, Any]]) -> None:
    """Print steps and seconds."""
    names = ("wavefront_steps", "raster_steps", "steps_ratio")
    print_table(
        ("size", "wavefront steps", "raster steps", "ratio"),
        [
            [f"{row['width_px']} x {row['height_px']}", *(f"{row[name]:.0f}" for name in names)]
            for row in (full_size, *crops)
        ],
    )
    print_table(
        ("crop", "wavefront, s", "raster, s", "ratio", "ratio without latents"),
        [
            [
                f"{row['width_px']} x {row['height_px']}",
                f"{row['wavefront_s']:.3f}",
                f"{row['raster_s']:.3f}",
                f"{row['seconds_ratio']:.1f}",
                f"{row['seconds_ratio_of_pixels']:.1f}",
            ]
            for row in crops
        ],
    )


@click.command()
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option(
    "--rows",
    "heights",
    multiple=True,
    type=click.IntRange(min=1),
    help="Height of a crop from the picture's middle; several may be given.  [default: 64]",
)
@click.option("--runs", default=3, show_default=True, help="Counted runs of the wavefront.")
def main(image: Path, output: Path | None, heights: Iterable[int], runs: int) -> None:
    """Decode crops of IMAGE, of its full width, by wavefront and in raster order."""
    check_output(output)
    picture = Image.fromarray(np.asarray(Image.open(image).convert("RGB")))
    window = load_model(find_model()).local.window
    crops = []
    for height in tuple(heights) or ROWS:
        height = min(height, picture.height)
        top = (picture.height - height) // 2
        if max(picture.width, height) > TILE_PX:
            raise click.UsageError(f"more than a tile's {TILE_PX} pixels wide or high")
        crop = picture.crop((0, top, picture.width, top + height))
        try:
            row = measure(crop, window, runs)
        except ValueError as error:
            raise click.ClickException(f"{image.stem}, {height} rows: {error}") from error
        crops.append({"top_px": top, **row})
    full_size = count_steps(window, *FULL_SIZE)
    report(full_size, crops)
    click.echo("both orders decode the exact pixels of each crop")
    record = {**describe_run(), "picture": image.stem, "runs": runs}
    window_px = {"width_px": window.width, "height_px": window.height}
    write_record(
        output, {**record, "window": window_px, "full_size_steps": full_size, "crops": crops}
    )


if __name__ == "__main__":
    main()
