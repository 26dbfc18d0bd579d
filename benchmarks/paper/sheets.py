"""Pictures of what the small models keep: reconstructions, samples, interpolations, swaps.

bin/benchmark sheets mnist-dynamic=mnist.npz --work runs --output sheets

`runs` holds the checkpoints of ablations: models that differ in their window only.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.paper.ablations import read_colour_networks, read_windows
from benchmarks.paper.bits_back import to_images
from benchmarks.paper.colour_draws import redraw
from benchmarks.paper.likelihood import read_pairs
from vlaecodec.model.registry import find_model
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.small.codec import draw_images
from vlaecodec.small.coder import (
    Images,
    Latents,
    dequantise_latents,
    draw_latents,
    invert_latents,
    posterior_means,
    quantise_latents,
)
from vlaecodec.small.model import SmallModel, load_small_model
from vlaecodec.training.small.datasets import Dataset, read_dataset

COLUMNS = 12
RECONSTRUCTION_LEVELS = (3, 4, 5)
SCALE = 2
GAP_PX = 2
FULL_DRAW = 128


def reconstructions(model: SmallModel, images: Images) -> list[Images]:
    """Rows: the originals, then for each level one draw of its latents, and what draws share."""
    rows = [images]
    for level in RECONSTRUCTION_LEVELS:
        z = dequantise_latents(model, quantise_latents(model, images, level), level)
        rows.append(draw_images(model, z, FULL_DRAW, 0))
        if model.curves is None:  # the mean of many colour images is a grey mist
            rows.append(draw_images(model, z, 0, 0))
    return rows


def samples(model: SmallModel) -> list[Images]:
    """Four rows of images that never were: eps from N(0, 1)."""
    noise = np.random.default_rng(0).normal(size=(4 * COLUMNS, *model.latent_shape))
    z = draw_latents(model, to_latents(noise * LATENT.scale))
    return np.split(draw_images(model, z, FULL_DRAW, 0), 4)


def interpolations(model: SmallModel, images: Images) -> list[Images]:
    """Rows from one image to the next, in eps."""
    eps = invert_latents(model, posterior_means(model, images)).astype(np.float64)
    rows = []
    for start, end in zip(eps[:8:2], eps[1:8:2], strict=True):
        part = np.linspace(0, 1, COLUMNS).reshape(-1, 1, 1, 1)
        rows.append(draw_alike(model, to_latents(start + part * (end - start))))
    return rows


def swaps(model: SmallModel, images: Images) -> list[Images]:
    """Three rows: images A; images B; the first half of A's eps with the second half of B's."""
    eps = invert_latents(model, posterior_means(model, images))
    first, second = eps, np.roll(eps, 1, axis=0)
    mixed = first.copy()
    mixed[:, mixed.shape[1] // 2 :] = second[:, mixed.shape[1] // 2 :]
    return [images, np.roll(images, 1, axis=0), draw_alike(model, mixed)]


def draw_alike(model: SmallModel, eps: Latents) -> Images:
    """What differs by the latents alone: bitmaps are votes of draws; colours share their noise."""
    z = draw_latents(model, eps)
    if model.curves is None:
        return draw_images(model, z, 0, 0)
    return np.concatenate([draw_images(model, each[None], FULL_DRAW, 0) for each in z])


def windows(models: dict[str, SmallModel], images: Images) -> list[Images]:
    """Rows: the originals, then for each model a draw from the mean of q(z | x): what z keeps."""
    return [images] + [
        draw_images(model, posterior_means(model, images), FULL_DRAW, 0)
        for model in models.values()
    ]


def to_latents(values: NDArray[np.float64]) -> Latents:
    """Rounded to LATENT units."""
    return np.clip(np.floor(values + 0.5), LATENT.low, LATENT.high).astype(np.int64)


def draw_sheet(rows: list[Images]) -> Image.Image:
    """Rows of images with grey gaps: black on white, or samples."""
    rows = [_as_samples(row) for row in rows]
    height, width = rows[0].shape[1:3]
    sheet = np.full(
        (len(rows) * (height + GAP_PX) + GAP_PX, len(rows[0]) * (width + GAP_PX) + GAP_PX, 3),
        200,
        np.uint8,
    )
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            top, left = GAP_PX + y * (height + GAP_PX), GAP_PX + x * (width + GAP_PX)
            sheet[top : top + height, left : left + width] = image
    return Image.fromarray(sheet).resize(
        (SCALE * sheet.shape[1], SCALE * sheet.shape[0]), Image.Resampling.NEAREST
    )


def _as_samples(images: Images) -> NDArray[np.uint8]:
    """uint8 [N, H, W, 3]; of bitmaps, 1 is black."""
    return images if images.ndim == 4 else np.repeat(255 - 255 * images[..., None], 3, axis=3)


def draw_all(name: str, data: Dataset, work: Path | None) -> dict[str, Image.Image]:
    """The sheets of one data set, by kind."""
    model = load_small_model(find_model(name))
    spread = data.test[:: len(data.test) // COLUMNS][:COLUMNS]
    images = to_images(spread)
    rows = {
        "reconstructions": reconstructions(model, images),
        "samples": samples(model),
        "interpolations": interpolations(model, images),
        "swaps": swaps(model, images),
    }
    if work is not None and model.curves is not None:
        draws = [redraw(network, spread) for network in read_colour_networks(work, name).values()]
        rows["windows"] = [images, *(draw.transpose(0, 2, 3, 1) for draw in draws)]
    elif work is not None and (models := read_windows(work, name, data)):
        rows["windows"] = windows(models, images)
    return {kind: draw_sheet(found) for kind, found in rows.items()}


@click.command()
@click.argument("pairs", metavar="MODEL=DATA...", nargs=-1, required=True, callback=read_pairs)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder.")
@click.option(
    "--work",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the ablations' checkpoints: sheets of windows too.",
)
def main(pairs: dict[str, Path], output: Path, work: Path | None) -> None:
    """Draw sheets of the installed MODELs with the test images of DATA."""
    output.mkdir(parents=True, exist_ok=True)
    for name, path in pairs.items():
        for kind, sheet in draw_all(name, read_dataset(name, path), work).items():
            file = output / f"{name}-{kind}.png"
            sheet.save(file, optimize=True)
            click.echo(file)


if __name__ == "__main__":
    main()
