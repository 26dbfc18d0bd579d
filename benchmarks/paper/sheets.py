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

from benchmarks.paper.ablations import read_contexts, read_windows
from benchmarks.paper.colour_draws import redraw
from benchmarks.paper.likelihood import read_pairs
from vlaecodec.model.registry import find_model
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.small.codec import draw_bitmaps
from vlaecodec.small.coder import (
    Bitmaps,
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


def windows(models: dict[str, SmallModel], images: Bitmaps) -> list[Bitmaps]:
    """Rows: the originals, then for each model a draw from the mean of q(z | x): what z keeps."""
    return [images] + [
        draw_bitmaps(model, posterior_means(model, images), FULL_DRAW, 0)
        for model in models.values()
    ]


def to_latents(values: NDArray[np.float64]) -> Latents:
    """Rounded to LATENT units."""
    return np.clip(np.floor(values + 0.5), LATENT.low, LATENT.high).astype(np.int64)


def draw_sheet(rows: list[Bitmaps]) -> Image.Image:
    """Rows of images, black on white with grey gaps."""
    return draw_colour_sheet([np.repeat(255 - 255 * row[:, None], 3, axis=1) for row in rows])


def draw_colour_sheet(rows: list[NDArray[np.uint8]]) -> Image.Image:
    """Rows of images, uint8 [N, 3, H, W], with grey gaps."""
    height, width = rows[0].shape[2:]
    sheet = np.full(
        (len(rows) * (height + GAP_PX) + GAP_PX, len(rows[0]) * (width + GAP_PX) + GAP_PX, 3),
        200,
        np.uint8,
    )
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            top, left = GAP_PX + y * (height + GAP_PX), GAP_PX + x * (width + GAP_PX)
            sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return Image.fromarray(sheet).resize(
        (SCALE * sheet.shape[1], SCALE * sheet.shape[0]), Image.Resampling.NEAREST
    )


def draw_all(name: str, data: Dataset, work: Path | None) -> dict[str, Image.Image]:
    """The sheets of one data set, by kind."""
    spread = slice(None, len(data.test) // COLUMNS * COLUMNS, len(data.test) // COLUMNS)
    if data.test.shape[1] == 3:
        images = data.test[spread]
        networks = {} if work is None else read_contexts(work, name)
        draws = [redraw(network, images) for network in networks.values()]
        return {"contexts": draw_colour_sheet([images.numpy(), *draws])} if draws else {}
    model = load_small_model(find_model(name))
    bitmaps = (data.test[spread, 0] // 255).numpy()
    rows = {
        "reconstructions": reconstructions(model, bitmaps),
        "samples": samples(model),
        "interpolations": interpolations(model, bitmaps),
        "swaps": swaps(model, bitmaps),
    }
    if work is not None and (models := read_windows(work, name, data)):
        rows["windows"] = windows(models, bitmaps)
    return {kind: draw_sheet(found) for kind, found in rows.items()}


@click.command()
@click.argument("pairs", metavar="MODEL=DATA...", nargs=-1, required=True, callback=read_pairs)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder.")
@click.option(
    "--work",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the ablations' checkpoints: sheets of windows and contexts too.",
)
def main(pairs: dict[str, Path], output: Path, work: Path | None) -> None:
    """Draw sheets of the installed MODELs with the test images of DATA.

    Of cifar10 there is the sheet of contexts only.
    """
    output.mkdir(parents=True, exist_ok=True)
    for name, path in pairs.items():
        for kind, sheet in draw_all(name, read_dataset(name, path), work).items():
            file = output / f"{name}-{kind}.png"
            sheet.save(file, optimize=True)
            click.echo(file)


if __name__ == "__main__":
    main()
