"""Encode and decode all tiles of a picture, and check the decoded ones."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np

from vlaecodec.bitstream.container import Container, Tile
from vlaecodec.bitstream.payload import not_reproduced, to_payload, to_words, warn_of_lost_pixels
from vlaecodec.bitstream.tiles import (
    TileBox,
    View,
    latent_window,
    pixel_window,
    tile_boxes,
    tiles_of,
    touch,
)
from vlaecodec.codec.progress import Stages
from vlaecodec.errors import DamagedError, ReproductionError
from vlaecodec.frozen.bands import do_all, in_groups
from vlaecodec.latents import coder as latent_coder
from vlaecodec.latents.predictor import FloatLatent
from vlaecodec.model.frozen import LatentArray, PhotoModel
from vlaecodec.model.tiled import Reconstruction, empty_latent
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels import lossless


class Damage(NamedTuple):
    """Which tiles are not as their encoder saw them."""

    lost: set[int]
    """Nothing is known of their latents, which are left zero."""
    coarse: set[int]
    """Of these the top latent is known, and perhaps the first passes."""

    @property
    def tiles(self) -> set[int]:
        """All of them."""
        return self.lost | self.coarse


def code_latents(
    model: PhotoModel, ys: Iterable[FloatLatent], shape: tuple[int, ...], quality_code: int
) -> tuple[LatentArray, list[bytes]]:
    """Quantise and code every tile's y: the latents as decoders will see them, and the payloads.

    ys: float32 [C, rows, columns] each, in the tiles' order. shape: of the picture, [H, W, ...].
    """
    latent, payloads = empty_latent(model, shape), []
    for box, y in zip(tiles_of(shape), ys, strict=True):
        words, latent[latent_window(box)] = latent_coder.encode_latent(model, y, quality_code)
        payloads.append(to_payload(words))
    return latent, payloads


def seal_latents(payloads: Iterable[bytes], mean: Pixels) -> list[Tile]:
    """Every tile's payload with the checksum of its mean image."""
    return [
        Tile(payload, pixel_crc_of(mean, box))
        for payload, box in zip(payloads, tiles_of(mean.shape), strict=True)
    ]


def decode_latents(
    model: PhotoModel,
    container: Container,
    stages: Stages,
    *,
    keep_going: bool,
    needed: set[int] | None = None,
) -> tuple[LatentArray, Damage]:
    """The latents of the whole picture, and which tiles are damaged.

    Tiles that are not needed are left zero; all are by default.
    """
    header = container.header
    latent, damage = empty_latent(model, header.shape), Damage(set(), set())
    for index, (tile, box) in enumerate(
        zip(container.latents, tiles_of(header.shape), strict=True)
    ):
        if needed is not None and index not in needed:
            continue
        window = latent_window(box)
        rows, columns = latent[window].shape[1:]
        try:
            if tile is None:
                end = to_words(container.ends.get(index, b""))
                latent[window] = latent_coder.decode_first_passes(
                    model, end, header.quality_code, rows, columns
                )
                damage.coarse.add(index)
            else:
                latent[window] = latent_coder.decode_latent(
                    model, to_words(tile.payload), header.quality_code, rows, columns
                )
        except DamagedError as error:
            if not keep_going:
                raise not_reproduced(index, str(error)) from error
            damage.lost.add(index)
        stages.finish_one()
    return latent, damage


def code_pixels(
    model: PhotoModel, pixels: Pixels, base: Reconstruction, max_error: int, stages: Stages
) -> list[Tile]:
    """Every tile's pixels, exact to within max_error grey levels."""
    boxes = list(tiles_of(pixels.shape))
    tiles: dict[TileBox, Tile] = {}

    def code(box: TileBox) -> None:
        original, part = pixels[pixel_window(box)], base.part(box)
        words, decoded = lossless.encode_pixels(
            model, original, part.mean, part.features, max_error, colours=part.colours
        )
        off = np.abs(original.astype(np.int16) - decoded).max()
        if off > max_error:
            raise ReproductionError(f"a sample would be off by {off}, more than {max_error}")
        tiles[box] = Tile(to_payload(words), zlib.crc32(decoded.tobytes()))

    for group in in_groups(boxes, _size_of):
        do_all(code, group)
        stages.finish_up_to(stages.done + len(group))
    return [tiles[box] for box in boxes]


def _size_of(box: TileBox) -> tuple[int, int]:
    return box.bottom - box.top, box.right - box.left


def decode_pixels(
    model: PhotoModel,
    container: Container,
    base: Reconstruction,
    damage: Damage,
    stages: Stages,
    view: View,
) -> Pixels:
    """Every tile's exact pixels; the mean image, with a warning, where they are lost."""
    decoded = base.mean.copy()
    near = _near(damage, container)
    kept = {
        shown.inner: (shown.index, tile)
        for shown in view.tiles
        if (tile := container.pixels[shown.index]) is not None and shown.index not in near
    }

    def decode(box: TileBox) -> None:
        index, tile = kept[box]
        part = base.part(box)
        try:
            decoded[pixel_window(box)] = lossless.decode_pixels(
                model,
                to_words(tile.payload),
                part.mean,
                part.features,
                container.header.max_error or 0,
                colours=part.colours,
            )
        except DamagedError as problem:
            raise not_reproduced(index, str(problem)) from problem
        if tile.pixel_crc != pixel_crc_of(decoded, box):
            raise not_reproduced(index, "other pixels than the encoder saw")

    for group in in_groups(kept, _size_of):
        do_all(decode, group)
        stages.finish_up_to(stages.done + len(group))
    if lost := len(view.tiles) - len(kept):
        stages.finish_up_to(stages.done + lost)
        warn_of_lost_pixels(lost, len(view.tiles))
    return decoded


def check_any(damage: Damage, tiles: Collection[int]) -> None:
    """Raise DamagedError if all of these tiles are lost."""
    if damage.lost.issuperset(tiles):
        raise DamagedError("every tile is damaged")


def check_pixels(container: Container, tiles: Collection[int]) -> None:
    """Raise DamagedError if the exact pixels of one of these tiles are damaged or missing."""
    if lost := sum(container.pixels[index] is None for index in tiles):
        raise DamagedError(
            f"the exact pixels of {lost} of {len(tiles)} tiles are damaged or missing; "
            "keep_going shows the lossy picture there"
        )


def check_mean(mean: Pixels, container: Container, damage: Damage, view: View) -> None:
    """Compare every tile of the mean image with the encoder's checksum."""
    near = _near(damage, container)
    for shown in view.tiles:
        tile = container.latents[shown.index]
        if tile is None or shown.index in near:
            continue  # next to a damaged tile, whose missing latents it sees, it differs rightly
        if tile.pixel_crc != pixel_crc_of(mean, shown.inner):
            raise not_reproduced(shown.index, "another picture than the encoder saw")


def _near(damage: Damage, container: Container) -> set[int]:
    """The damaged tiles and those that touch one."""
    boxes = list(tile_boxes(container.header.width, container.header.height))
    return {
        index
        for index, box in enumerate(boxes)
        if any(touch(box, boxes[other]) for other in damage.tiles)
    }


def pixel_crc_of(pixels: Pixels, box: TileBox) -> int:
    """CRC-32 of a tile's RGB bytes, rows from the top."""
    return zlib.crc32(pixels[pixel_window(box)].tobytes())
