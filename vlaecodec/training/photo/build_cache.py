"""Writing what `latent_cache` reads: photos through a frozen model, once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vlaecodec.bitstream.header import quality_to_code
from vlaecodec.bitstream.tiles import LATENT_FACTOR, TileBox
from vlaecodec.latents.coder import encode_latent
from vlaecodec.model.analyser import analyse_tile
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.model.tiled import reconstruct
from vlaecodec.training.photo.data import Photo
from vlaecodec.training.photo.latent_cache import (
    EXACT_QUALITIES,
    INDEX_NAME,
    PIXELS_NAME,
    TRUNKS_NAME,
)

REDUCTION = (1.3, 2.2)
"""A reduced photo is smaller by a factor between these."""

SHORTEST_REDUCED_PX = 128

NOISY_PART = 0.5
"""Of the reduced photos get noise."""

NOISE_GREY = 1.5
"""Deviations up to this, grey levels."""

COARSE_COLOURS_PART = 0.5
"""Of the reduced photos have colours at half the resolution."""


def build_cache(
    folder: Path,
    model: PhotoModel,
    photos: list[Photo],
    exact_part: float,
    seed: int,
    count: int | None = None,
    *,
    reduced_part: float = 0.0,
) -> None:
    """Decode photos, flipped and transposed at random, and write the cache to a folder.

    exact_part: this part of them at EXACT_QUALITIES, the others at any quality. count: only so many
    of them. reduced_part: so many are reduced first, see `reduce_photo`. Caches of one seed are
    alike whatever the model.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows, at = [], 0
    with (folder / PIXELS_NAME).open("wb") as pixels, (folder / TRUNKS_NAME).open("wb") as trunks:
        for index in rng.permutation(len(photos))[:count]:
            photo = photos[index]
            if reduced_part and rng.random() < reduced_part:
                photo = reduce_photo(photo, rng)
            photo = _turned(photo, rng)
            height, width = photo.shape[:2]
            span = EXACT_QUALITIES if rng.random() < exact_part else (1.0, 100.0)
            code = quality_to_code(rng.uniform(*span))
            y = analyse_tile(model, photo, TileBox(0, 0, width, height), code)
            _, latent = encode_latent(model, y, code)
            base = reconstruct(model, latent, code, photo.shape)
            pixels.write(photo.tobytes() + base.mean.tobytes())
            # Operands have no more significant bits than bfloat16.
            features = torch.from_numpy(np.ascontiguousarray(base.features)).to(torch.bfloat16)
            trunks.write(features.view(torch.int16).numpy().tobytes())
            rows.append((height, width, at))
            at += height * width
    index = {"photos": rows, "channels": model.arch.eighth_channels}
    temporary = folder / "index.tmp"
    temporary.write_text(json.dumps(index))
    temporary.replace(folder / INDEX_NAME)


def reduce_photo(photo: Photo, rng: np.random.Generator) -> Photo:
    """A photo at a fraction of its size, as if it had never been a JPEG.

    Quantisation takes a JPEG's finest detail and leaves a trace of 8 x 8 blocks: a local decoder
    that has seen only such photos relies on what pictures from cameras and scanners do not have.
    A smaller photo has detail again, but no noise, and colours as fine as its brightness; so some
    get noise back, and some the coarser colours that cameras, scanners and video have.
    """
    height, width = photo.shape[:2]
    factor = min(rng.uniform(*REDUCTION), min(height, width) / SHORTEST_REDUCED_PX)
    size = (round(width / factor), round(height / factor))
    kernel = (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC)[int(rng.integers(2))]
    reduced = np.asarray(Image.fromarray(photo).resize(size, kernel))
    if rng.random() < NOISY_PART:
        reduced = _add_noise(reduced, rng)
    return _coarsen_colours(reduced) if rng.random() < COARSE_COLOURS_PART else reduced


def _add_noise(photo: Photo, rng: np.random.Generator) -> Photo:
    """Grey noise, and noise of each colour."""
    grey, coloured = rng.uniform(0, NOISE_GREY, 2)
    noise = grey * rng.standard_normal((*photo.shape[:2], 1))
    noise = noise + coloured * rng.standard_normal(photo.shape)
    return np.rint(photo + noise).clip(0, 255).astype(np.uint8)


def _coarsen_colours(photo: Photo) -> Photo:
    """Colour differences from 2 x 2 pixels, and in between interpolated."""
    brightness, *colours = Image.fromarray(photo).convert("YCbCr").split()
    height, width = photo.shape[:2]
    half = (-(-width // 2), -(-height // 2))
    coarse = [
        colour.resize(half, Image.Resampling.BOX).resize((width, height), Image.Resampling.BICUBIC)
        for colour in colours
    ]
    return np.asarray(Image.merge("YCbCr", (brightness, *coarse)).convert("RGB"))


def _turned(photo: Photo, rng: np.random.Generator) -> Photo:
    """A photo flipped and transposed at random, cut to whole latents."""
    if rng.random() < 0.5:
        photo = photo[:, ::-1]
    if rng.random() < 0.25:
        photo = photo.transpose(1, 0, 2)
    height, width = (side // LATENT_FACTOR * LATENT_FACTOR for side in photo.shape[:2])
    return np.ascontiguousarray(photo[:height, :width])
