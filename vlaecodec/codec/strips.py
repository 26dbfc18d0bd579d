"""Large pictures, one row of tiles after another: of no more than three rows are there latents.

The bytes are those that all latents at once would give.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np

from vlaecodec.bitstream.container import Tile
from vlaecodec.bitstream.payload import to_payload, to_words
from vlaecodec.bitstream.tiles import LATENT_FACTOR, TileBox, latent_window, tiles_of
from vlaecodec.latents import coder as latent_coder
from vlaecodec.latents.predictor import FloatLatent
from vlaecodec.model.frozen import LatentArray, PhotoModel
from vlaecodec.model.tiled import empty_latent, reconstruct

LARGE_PX = 2**25
"""Pictures of more pixels are coded in strips: all their latents at once, their mean image and what
it is made from take about 25 bytes a pixel."""

HUGE_PX = 100_000_000
"""Of larger ones no whole mean image is made, to see whether they were decoded before."""


class Strip(NamedTuple):
    """A row of tiles, coded."""

    boxes: list[TileBox]
    payloads: list[bytes]
    latent: LatentArray
    """As decoders will see it, [C, rows, columns]."""


def code_strips(
    model: PhotoModel, ys: Iterable[FloatLatent], shape: tuple[int, ...], quality_code: int
) -> list[Tile]:
    """Every tile's payload, with the checksum of its mean image.

    ys: float32 [C, rows, columns] each, in the tiles' order, each taken when its turn comes.
    shape: of the picture, [H, W, ...].
    """
    sealed: list[Tile] = []
    above: Strip | None = None
    strips = _code(model, iter(ys), shape, quality_code)
    here = next(strips, None)
    while here is not None:
        below = next(strips, None)
        sealed += _seal(model, above, here, below, quality_code)
        above, here = here, below
    return sealed


def decode_strips(
    model: PhotoModel, tiles: Iterable[Tile], shape: tuple[int, ...], quality_code: int
) -> LatentArray:
    """All latents of what code_strips made: [C, rows, columns]."""
    latent = empty_latent(model, shape)
    for tile, box in zip(tiles, tiles_of(shape), strict=True):
        part = latent[latent_window(box)]
        part[:] = latent_coder.decode_latent(
            model, to_words(tile.payload), quality_code, *part.shape[1:]
        )
    return latent


def _code(
    model: PhotoModel, ys: Iterator[FloatLatent], shape: tuple[int, ...], quality_code: int
) -> Iterator[Strip]:
    for _, row in groupby(tiles_of(shape), key=lambda box: box.top):
        boxes = list(row)
        top, payloads = boxes[0].top, []
        latent = empty_latent(model, (boxes[0].bottom - top, shape[1]))
        for box in boxes:
            words, coded = latent_coder.encode_latent(model, next(ys), quality_code)
            latent[latent_window(_lowered(box, -top))] = coded
            payloads.append(to_payload(words))
        yield Strip(boxes, payloads, latent)


def _seal(
    model: PhotoModel, above: Strip | None, here: Strip, below: Strip | None, quality_code: int
) -> Iterator[Tile]:
    """A strip's tiles, whose mean image depends on some latents of the strips around it."""
    halo = model.synthesis_halo
    parts = [here.latent]
    lead = 0
    if above is not None:
        parts.insert(0, above.latent[:, -halo:])
        lead = parts[0].shape[1]
    if below is not None:
        parts.append(below.latent[:, :halo])
    latent = np.concatenate(parts, axis=1)
    down = lead * LATENT_FACTOR - here.boxes[0].top
    for box, payload in zip(here.boxes, here.payloads, strict=True):
        window = _lowered(box, down)
        mean = reconstruct(model, latent, quality_code, (), window=window).mean
        yield Tile(payload, zlib.crc32(mean.data))


def _lowered(box: TileBox, by_px: int) -> TileBox:
    return TileBox(box.left, box.top + by_px, box.right, box.bottom + by_px)
