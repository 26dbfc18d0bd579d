"""Writing what `latent_cache` reads: photos through a frozen model, once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

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


def build_cache(
    folder: Path,
    model: PhotoModel,
    photos: list[Photo],
    exact_part: float,
    seed: int,
    count: int | None = None,
) -> None:
    """Decode photos, flipped and transposed at random, and write the cache to a folder.

    exact_part: this part of them at EXACT_QUALITIES, the others at any quality. count: only so many
    of them. Caches of one seed are alike whatever the model.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows, at = [], 0
    with (folder / PIXELS_NAME).open("wb") as pixels, (folder / TRUNKS_NAME).open("wb") as trunks:
        for index in rng.permutation(len(photos))[:count]:
            photo = _turned(photos[index], rng)
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


def _turned(photo: Photo, rng: np.random.Generator) -> Photo:
    """A photo flipped and transposed at random, cut to whole latents."""
    if rng.random() < 0.5:
        photo = photo[:, ::-1]
    if rng.random() < 0.25:
        photo = photo.transpose(1, 0, 2)
    height, width = (side // LATENT_FACTOR * LATENT_FACTOR for side in photo.shape[:2])
    return np.ascontiguousarray(photo[:height, :width])
