"""Seconds and memory of ours and the rivals, in one run on one machine.

bin/benchmark speed PHOTO --output benchmarks/results/speed.json

Other sizes are cut from PHOTO, or made of it by mirroring: its detail per pixel stays the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image

import vlaecodec
from benchmarks.kit.pictures import open_picture, parse_size
from benchmarks.kit.processes import Options, measure_memory, measure_processes
from benchmarks.kit.progress import each
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.timing import timed
from benchmarks.photo.speed_tables import GROWING, WAYS, sizes_table, speed_table
from vlaecodec.analysis.codecs import largest_within, list_rivals, set_decoder_threads
from vlaecodec.model.reduced import choose_factor

MODE_SIZE = (768, 512)
SIZES = ((384, 256), (768, 512), (1216, 832), (2400, 1600), (4000, 3000), (6000, 4000))
"""Pixels: 0.1, 0.4, 1, 3.8, 12 and 24 megapixels."""

THUMBNAIL_PX = 256
THUMBNAIL_SIZES = ((768, 512), (4000, 3000))

MODES: dict[str, Options] = {
    "mean image": ({"texture": 0}, {"texture": 0}),
    "recommended texture": ({}, {}),
    "full texture": ({"texture": 1}, {"texture": 1}),
    "lossless": ({"lossless": True}, {}),
    "near-lossless +-2": ({"max_error": 2}, {}),
}
"""Options of encoding and decoding. Recommending a strength is part of what encoding costs."""

EXACT_MODES = ("lossless", "near-lossless +-2")
"""Modes that choose the quality of their latents themselves."""

Row = dict[str, Any]


def resize(image: Image.Image, width: int, height: int) -> Image.Image:
    """The picture's top left corner, mirrored on where it is too small."""
    pixels = np.asarray(image)[:height, :width]
    missing = (height - pixels.shape[0], width - pixels.shape[1])
    padded = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), "symmetric")
    return Image.fromarray(padded)


def options_of(mode: str, quality: float) -> Options:
    """Options of encoding and decoding in a mode at a quality, where the mode leaves that open."""
    encoding, decoding = MODES[mode]
    return (encoding if mode in EXACT_MODES else {**encoding, "quality": quality}), decoding


def measure_mode(mode: str, image: Image.Image, quality: float, runs: int) -> Row:
    """Encode and decode in process, model loaded."""
    encoding, decoding = options_of(mode, quality)
    data, encode_s = timed(partial(vlaecodec.encode, image, **encoding), runs)
    _, decode_s = timed(partial(vlaecodec.decode, data, **decoding), runs)
    return {
        "megapixels": image.width * image.height / 1e6,
        "rate_bpp": 8 * len(data) / (image.width * image.height),
        "encode_s": encode_s,
        "decode_s": decode_s,
    }


def measure_sizes(
    image: Image.Image, sizes: Sequence[tuple[int, int]], quality: float, runs: int
) -> list[Row]:
    """Seconds of each of GROWING at every size."""
    rows = []
    for width, height in sizes:
        picture = resize(image, width, height)
        row: Row = {"width_px": width, "height_px": height}
        for mode, prefix in GROWING.items():
            found = measure_mode(mode, picture, quality, runs)
            row["megapixels"] = found["megapixels"]
            row |= {f"{prefix}{way}_s": found[f"{way}_s"] for way in WAYS}
        rows.append(row)
    return rows


def measure_peaks(
    image: Image.Image, sizes: Sequence[tuple[int, int]], quality: float
) -> list[Row]:
    """Peak memory of each of GROWING at every size."""
    rows = []
    for width, height in sizes:
        picture = resize(image, width, height)
        row: Row = {"megapixels": width * height / 1e6}
        for mode, prefix in GROWING.items():
            row |= measure_memory(picture, options_of(mode, quality), prefix)
        rows.append(row)
    return rows


def measure_thumbnails(
    image: Image.Image, sizes: Sequence[tuple[int, int]], quality: float, runs: int
) -> list[Row]:
    """A thumbnail of THUMBNAIL_PX, and whole pictures as recommended and without texture."""
    rows = []
    for width, height in sizes:
        data = vlaecodec.encode(resize(image, width, height), quality)
        actions = {
            "thumbnail_s": partial(vlaecodec.decode_thumbnail, data, THUMBNAIL_PX),
            "mean_image_s": partial(vlaecodec.decode, data, texture=0),
            "recommended_s": partial(vlaecodec.decode, data),
        }
        row: Row = {
            "width_px": width,
            "height_px": height,
            "averages_of_px": choose_factor(width, height, THUMBNAIL_PX),
            **{name: timed(action, runs)[1] for name, action in actions.items()},
        }
        for name in ("mean_image", "recommended"):
            row[f"ratio_to_{name}"] = row[f"{name}_s"] / row["thumbnail_s"]
        rows.append(row)
    return rows


def measure_rivals(image: Image.Image, size_bytes: int, runs: int, threads: int) -> dict[str, Row]:
    """Every rival that is installed, on the same picture, at no more bytes."""
    set_decoder_threads(threads)
    rows = {}
    for rival in (r for r in list_rivals().values() if r.library is not None):
        setting, _ = largest_within(rival, image, size_bytes)
        data, encode_s = timed(partial(rival.encode, image, setting, threads), runs)
        _, decode_s = timed(partial(rival.decode, data), runs)
        rows[rival.name] = {
            "rate_bpp": 8 * len(data) / (image.width * image.height),
            "encode_s": encode_s,
            "decode_s": decode_s,
        }
    return rows


@click.command()
@click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--quality", default=50.0, show_default=True)
@click.option("--runs", default=5, show_default=True, help="Seconds: medians of at most so many.")
@click.option("--threads", default=os.cpu_count() or 1, show_default=True)
@click.option("--size", "names", multiple=True, help="Like 768x512; by default 0.1 to 24 MP.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def main(
    photo: Path,
    quality: float,
    runs: int,
    threads: int,
    names: tuple[str, ...],
    output: Path | None,
) -> None:
    """Measure on PHOTO, at several sizes."""
    check_output(output)
    sizes = [parse_size(name) for name in names] or list(SIZES)
    original = open_picture(photo)
    picture = resize(original, *MODE_SIZE)
    torch.set_num_threads(threads)
    data = vlaecodec.encode(picture, quality)  # also loads the model
    vlaecodec.decode(data, texture=1)
    record = {
        **describe_run("pillow-jxl-plugin"),
        "picture": photo.stem,
        "quality": quality,
        "runs": runs,
    }
    stages = {
        "modes": lambda: {
            f"vlaecodec, {mode}": measure_mode(mode, picture, quality, runs) for mode in MODES
        },
        "rivals": lambda: measure_rivals(picture, len(data), runs, threads),
        "process": lambda: measure_processes(picture, quality, runs),
        "thumbnails": lambda: measure_thumbnails(original, THUMBNAIL_SIZES, quality, runs),
        "sizes": lambda: measure_sizes(original, sizes, quality, runs),
        "memory": lambda: measure_peaks(original, sizes, quality),
    }
    for name, measure in each("speed", list(stages.items())):
        record[name] = measure()
    for table in (speed_table, sizes_table):
        table(record).print()
    record["left_out"] = [r.name for r in list_rivals().values() if r.library is None]
    for name in record["left_out"]:
        click.echo(f"{name} is left out: its package is not installed")
    write_record(output, record)


if __name__ == "__main__":
    main()
