"""The photos to measure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np
from PIL import Image

SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".ppm", ".tif"}


def find_images(paths: Iterable[Path]) -> list[Path]:
    """Image files, and the image files in folders."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [p for p in inside if p.suffix.lower() in SUFFIXES]
    return found


def open_picture(path: Path) -> Image.Image:
    """A picture as RGB, without metadata that some codecs would keep."""
    with Image.open(path) as image:
        return Image.fromarray(np.asarray(image.convert("RGB")))


def name_pictures(paths: Iterable[Path]) -> dict[str, Path]:
    """The files of `find_images` by name.

    Raises click.UsageError if there are none, or two of one name.
    """
    files = find_images(paths)
    named = {path.stem: path for path in files}
    if not named:
        raise click.UsageError("no pictures there")
    if len(named) != len(files):
        raise click.UsageError("two pictures have the same name")
    return named


def open_pictures(paths: Iterable[Path]) -> dict[str, Image.Image]:
    """The pictures of files and folders by name; raises as `name_pictures` does."""
    return {name: open_picture(path) for name, path in name_pictures(paths).items()}


def digest(image: Image.Image) -> str:
    """A name of a picture's pixels that does not depend on its file."""
    size = f"{image.width} {image.height} ".encode()
    return hashlib.sha256(size + image.tobytes()).hexdigest()[:16]


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of a size like 768x512, pixels. Raises click.UsageError."""
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) * int(height)):
        raise click.UsageError(f"{text!r} is not a size like 768x512")
    return int(width), int(height)
