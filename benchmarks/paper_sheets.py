"""Pictures of what the small models keep: reconstructions, samples, interpolations, swaps.

python -m benchmarks.paper_sheets mnist-dynamic=mnist.npz --output benchmarks/results/sheets
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.paper import read_pairs
from vlaecodec.networks.fixed_point import LATENT
from vlaecodec.registry import find_model
from vlaecodec.small_codec import draw_bitmaps
from vlaecodec.small_coder import (
    Bitmaps,
    Latents,
    dequantise_latents,
    draw_latents,
    invert_latents,
    posterior_means,
    quantise_latents,
)
from vlaecodec.small_model import SmallModel, load_small_model
from vlaecodec.training.small.datasets import read_dataset

COLUMNS = 12
RECONSTRUCTION_LEVELS = (3, 4, 5)
SCALE = 2
GAP_PX = 2
FULL_DRAW = 128


def reconstructions(model: SmallModel, images: Bitmaps) -> list[Bitmaps]:
    """Rows: the originals, then for each level one draw of its latents, and the vote of many."""
    rows = [images]
    for level in RECONSTRUCTION_LEVELS:
        z = dequantise_latents(model, quantise_latents(model, images, level), level)
        rows += [draw_bitmaps(model, z, FULL_DRAW, 0), draw_bitmaps(model, z, 0, 0)]
    return rows


def samples(model: SmallModel) -> list[Bitmaps]:
    """Four rows of images that never were: eps from N(0, 1)."""
    noise = np.random.default_rng(0).normal(size=(4 * COLUMNS, *model.latent_shape))
    z = draw_latents(model, to_latents(noise * LATENT.scale))
    return np.split(draw_bitmaps(model, z, FULL_DRAW, 0), 4)


def interpolations(model: SmallModel, images: Bitmaps) -> list[Bitmaps]:
    """Rows from one image to the next, in eps; votes of many draws."""
    eps = invert_latents(model, posterior_means(model, images)).astype(np.float64)
    rows = []
    for start, end in zip(eps[:8:2], eps[1:8:2], strict=True):
        part = np.linspace(0, 1, COLUMNS).reshape(-1, 1, 1, 1)
        z = draw_latents(model, to_latents(start + part * (end - start)))
        rows.append(draw_bitmaps(model, z, 0, 0))
    return rows


def swaps(model: SmallModel, images: Bitmaps) -> list[Bitmaps]:
    """Three rows: images A; images B; the first half of A's eps with the second half of B's."""
    eps = invert_latents(model, posterior_means(model, images))
    first, second = eps, np.roll(eps, 1, axis=0)
    mixed = first.copy()
    mixed[:, mixed.shape[1] // 2 :] = second[:, mixed.shape[1] // 2 :]
    return [
        images,
        np.roll(images, 1, axis=0),
        draw_bitmaps(model, draw_latents(model, mixed), 0, 0),
    ]


def to_latents(values: NDArray[np.float64]) -> Latents:
    """Rounded to LATENT units."""
    return np.clip(np.floor(values + 0.5), LATENT.low, LATENT.high).astype(np.int64)


def draw_sheet(rows: list[Bitmaps]) -> Image.Image:
    """Rows of images, black on white with grey gaps."""
    height, width = rows[0].shape[1:]
    sheet = np.full(
        (len(rows) * (height + GAP_PX) + GAP_PX, len(rows[0]) * (width + GAP_PX) + GAP_PX),
        200,
        np.uint8,
    )
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            top, left = GAP_PX + y * (height + GAP_PX), GAP_PX + x * (width + GAP_PX)
            sheet[top : top + height, left : left + width] = 255 - 255 * image
    return Image.fromarray(sheet).resize(
        (SCALE * sheet.shape[1], SCALE * sheet.shape[0]), Image.Resampling.NEAREST
    )


@click.command()
@click.argument("pairs", metavar="MODEL=DATA...", nargs=-1, required=True, callback=read_pairs)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder.")
def main(pairs: dict[str, Path], output: Path) -> None:
    """Draw sheets of the installed MODELs with the test images of DATA."""
    output.mkdir(parents=True, exist_ok=True)
    for name, path in pairs.items():
        model = load_small_model(find_model(name))
        test = (read_dataset(name, path).test[:, 0] // 255).numpy()
        images = test[:: len(test) // COLUMNS][:COLUMNS]
        sheets = {
            "reconstructions": reconstructions(model, images),
            "samples": samples(model),
            "interpolations": interpolations(model, images),
            "swaps": swaps(model, images),
        }
        for kind, rows in sheets.items():
            file = output / f"{name}-{kind}.png"
            draw_sheet(rows).save(file, optimize=True)
            click.echo(file)


if __name__ == "__main__":
    main()
