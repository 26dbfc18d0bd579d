"""A page on which people judge, blindly, which of two versions of a photo looks better.

bin/benchmark eyes IMAGES... --output eyes.html

Each trial shows two versions at equal bytes without their names; the names come with the tally at
the end. The page holds its pictures and needs no network.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import vlaecodec
from benchmarks.kit.pictures import open_pictures
from benchmarks.kit.progress import each
from benchmarks.photo.texture import encode_near, find_crops, rate_bpp
from vlaecodec.analysis.codecs import largest_within, list_rivals

MEAN, TEXTURED, AVIF = "vlaecodec", "vlaecodec, texture", "AVIF"
VERSIONS = (MEAN, TEXTURED, AVIF)
DEFAULT_BPP = 0.2
DEFAULT_CROP_PX = 512

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Trial:
    """Two versions of one place of a photo, and the photo itself."""

    photo: str
    original: Pixels
    versions: dict[str, Pixels]
    """Exactly two, by name."""
    rates_bpp: dict[str, float]


def code_versions(
    image: Image.Image, target_bpp: float
) -> tuple[dict[str, Pixels], dict[str, float]]:
    """The decoded versions of a picture, and the rates of their whole files."""
    ours = encode_near(image, target_bpp)
    rival = next(r for r in list_rivals().values() if r.name == AVIF)
    _, theirs = largest_within(rival, image, len(ours))
    pictures = {
        MEAN: np.asarray(vlaecodec.decode(ours, texture=0)),
        TEXTURED: np.asarray(vlaecodec.decode(ours, texture=None)),
        AVIF: np.asarray(rival.decode(theirs)),
    }
    rates = {MEAN: rate_bpp(image, ours), TEXTURED: rate_bpp(image, ours)}
    return pictures, rates | {AVIF: rate_bpp(image, theirs)}


def make_trials(
    name: str, image: Image.Image, target_bpp: float, crop_px: int, chosen: Iterable[str]
) -> Iterator[Trial]:
    """A trial for each pair of the chosen versions that differ in the crop of most detail."""
    original = np.asarray(image)
    pictures, rates = code_versions(image, target_bpp)
    top, left = find_crops(original, crop_px)[0]
    area = (slice(top, top + crop_px), slice(left, left + crop_px))
    for one, other in itertools.combinations([v for v in VERSIONS if v in chosen], 2):
        shown = {one: pictures[one][area], other: pictures[other][area]}
        if not np.array_equal(shown[one], shown[other]):
            yield Trial(name, original[area], shown, {v: rates[v] for v in shown})


def render_page(trials: Iterable[Trial], target_bpp: float) -> str:
    """The whole page, pictures inside; the browser chooses order and sides anew each time."""
    pictures: dict[str, int] = {}
    data = [
        {
            "photo": trial.photo,
            "original": _number(pictures, trial.original),
            "versions": [
                {"name": name, "picture": _number(pictures, pixels), "bpp": trial.rates_bpp[name]}
                for name, pixels in trial.versions.items()
            ],
        }
        for trial in trials
    ]
    folder = Path(__file__).parent
    page = (folder / "eyes.html").read_text()
    # What could end the script is no part of JSON's own syntax, only of names.
    stored = json.dumps({"bpp": target_bpp, "trials": data, "pictures": list(pictures)})
    return page.replace("/*DATA*/", stored.replace("<", "\\u003c"))


def _number(pictures: dict[str, int], pixels: Pixels) -> int:
    """The place of a picture among those that the page holds; each is held once."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=60, method=3)
    uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    return pictures.setdefault(uri, len(pictures))


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The page.")
@click.option(
    "--rate",
    "target_bpp",
    default=DEFAULT_BPP,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Rate of our files, bpp; the others' are the largest that are no larger.",
)
@click.option(
    "--crop",
    "crop_px",
    default=DEFAULT_CROP_PX,
    show_default=True,
    type=click.IntRange(min=64),
    help="Side of the square that is shown, where the photo has most detail.",
)
@click.option(
    "--version",
    "chosen",
    multiple=True,
    type=click.Choice(VERSIONS),
    help="Compare only these; at least two.",
)
def main(
    images: tuple[Path, ...],
    output: Path,
    target_bpp: float,
    crop_px: int,
    chosen: tuple[str, ...],
) -> None:
    """Write a page for a blind comparison of IMAGES, files or folders, at equal bytes."""
    versions = chosen or VERSIONS
    if len(set(versions)) < 2:
        raise click.UsageError("a comparison needs two versions")
    pictures = open_pictures(images)
    trials: list[Trial] = []
    for name, image in each("eyes", list(pictures.items())):
        trials += make_trials(name, image, target_bpp, crop_px, versions)
    if not trials:
        raise click.ClickException("no two versions differ; nothing to judge")
    output.write_text(render_page(trials, target_bpp))
    click.echo(f"{output}: {len(trials)} trials of {len(pictures)} photos")


if __name__ == "__main__":
    main()
