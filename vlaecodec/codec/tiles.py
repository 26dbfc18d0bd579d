"""All tiles of a picture to payloads and back, and the checks of what came back."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Collection, Iterable

import numpy as np
from torch import Tensor

from vlaecodec.bitstream.container import Container, Tile
from vlaecodec.bitstream.payload import not_reproduced, to_payload, to_words, warn_of_lost_pixels
from vlaecodec.bitstream.tiles import (
    TileBox,
    View,
    boxes_of,
    latent_window,
    pixel_window,
    tile_boxes,
    touch,
    trunk_window,
)
from vlaecodec.codec.progress import Stages
from vlaecodec.errors import DamagedError, LossWarning, ReproductionError
from vlaecodec.latents import coder as latent_coder
from vlaecodec.latents import rdo as deadzone
from vlaecodec.latents import search as latent_search
from vlaecodec.latents.coder import RateSplit
from vlaecodec.latents.importance import Weights, weigh_latents
from vlaecodec.latents.search import Search
from vlaecodec.model.frozen import LatentArray, PhotoModel
from vlaecodec.model.tiled import analyse_tile, empty_latent, pad_edges
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels import coder as pixel_coder

BROKEN_GREY = 128
"""What a broken tile is painted with."""


def encode_latents(
    model: PhotoModel,
    twin: PhotoVLAE | None,
    pixels: Pixels,
    code: int,
    search: Search,
    stages: Stages,
    weights: Weights | None = None,
) -> tuple[LatentArray, list[bytes]]:
    """Every tile's payload, and the latents of the whole picture as the decoder will see them.

    twin: the float network to search with, or None to take the analysis network's guess.
    weights: of the squared errors, relative to what the quality code stands for; all 1 by default.
    """
    padded = pad_edges(pixels)
    latent = empty_latent(model, pixels.shape)
    payloads = []
    ys: Iterable[Tensor] = (
        analyse_tile(model, padded, box, code) for box in boxes_of(pixels.shape)
    )
    if twin is not None:
        ys = latent_search.search_tiles(twin, ys, pixels, code, search, stages.finish_one, weights)
    if weights is not None:
        shares = weigh_latents(weights)
        ys = (
            deadzone.round_by_weight(model, y, code, shares[latent_window(box)[1:]])
            for box, y in zip(boxes_of(pixels.shape), ys, strict=True)
        )
    for box, y in zip(boxes_of(pixels.shape), ys, strict=True):
        words, latent[latent_window(box)], _ = latent_coder.encode_latent(model, y, code)
        payloads.append(to_payload(words))
        stages.finish_one()
    return latent, payloads


def decode_latents(
    model: PhotoModel,
    container: Container,
    stages: Stages,
    *,
    keep_going: bool,
    needed: set[int] | None = None,
) -> tuple[LatentArray, set[int], RateSplit]:
    """The latents of the whole picture, which tiles are broken, and where the bits went.

    Tiles that are not needed are left zero; all are by default.
    """
    header = container.header
    shape = (header.height, header.width, 3)
    latent = empty_latent(model, shape)
    broken, splits = set(), []
    for index, (tile, box) in enumerate(zip(container.latents, boxes_of(shape), strict=True)):
        if needed is not None and index not in needed:
            continue
        window = latent_window(box)
        rows, columns = latent[window].shape[1:]
        try:
            if tile is None:
                raise DamagedError("the tile is damaged")
            latent[window], split = latent_coder.decode_latent(
                model, to_words(tile), header.quality_code, rows, columns
            )
            splits.append(split)
        except DamagedError as error:
            if not keep_going:
                raise not_reproduced(index, str(error)) from error
            broken.add(index)
        stages.finish_one()
    return latent, broken, RateSplit.total(splits)


def encode_pixels(
    model: PhotoModel,
    pixels: Pixels,
    mean: Pixels,
    trunk: Tensor,
    error: int,
    stages: Stages,
    *,
    grey: bool,
) -> list[Tile]:
    """Every tile's exact pixels."""
    colours = 1 if grey else 3
    tiles = []
    for box in boxes_of(pixels.shape):
        window = pixel_window(box)
        original = pixels[window]
        words, decoded = pixel_coder.encode_pixels(
            model, original, mean[window], trunk[trunk_window(box)], error, colours=colours
        )
        off = np.abs(original.astype(np.int16) - decoded).max()
        if off > error:
            raise ReproductionError(f"a sample would be off by {off}, more than {error}")
        tiles.append(Tile(to_payload(words), zlib.crc32(decoded.tobytes())))
        stages.finish_one()
    return tiles


def decode_pixels(
    model: PhotoModel,
    container: Container,
    mean: Pixels,
    trunk: Tensor,
    broken: set[int],
    stages: Stages,
    view: View,
) -> Pixels:
    """Every tile's exact pixels; the mean image, with a warning, where they are lost."""
    error = container.header.max_error or 0
    colours = 1 if container.header.grey else 3
    decoded = mean.copy()
    lost = 0
    near = _near(broken, container)
    for shown in view.tiles:
        index, box, tile = shown.index, shown.inner, container.pixels[shown.index]
        if tile is None or index in near:
            lost += 1
            stages.finish_one()
            continue
        window = pixel_window(box)
        try:
            decoded[window] = pixel_coder.decode_pixels(
                model,
                to_words(tile),
                mean[window],
                trunk[trunk_window(box)],
                error,
                colours=colours,
            )
        except DamagedError as problem:
            raise not_reproduced(index, str(problem)) from problem
        if tile.pixel_crc != pixel_crc_of(decoded, box):
            raise not_reproduced(index, "other pixels than the encoder saw")
        stages.finish_one()
    if lost:
        warn_of_lost_pixels(lost, len(view.tiles))
    return decoded


def check_any(broken: set[int], tiles: Collection[int]) -> None:
    """Raise DamagedError if all of these tiles are broken."""
    if broken.issuperset(tiles):
        raise DamagedError("every tile is damaged")


def check_mean(mean: Pixels, container: Container, broken: set[int], view: View) -> None:
    """Compare every tile of the mean image with the encoder's checksum."""
    check_any(broken, [shown.index for shown in view.tiles])
    near = _near(broken, container)
    for shown in view.tiles:
        tile = container.latents[shown.index]
        if tile is None or shown.index in near:
            continue  # next to a broken tile, whose missing latents it sees, it differs rightly
        if tile.pixel_crc != pixel_crc_of(mean, shown.inner):
            raise not_reproduced(shown.index, "another picture than the encoder saw")


def _near(broken: set[int], container: Container) -> set[int]:
    """The broken tiles and those that touch one."""
    boxes = list(tile_boxes(container.header.width, container.header.height))
    return {
        index
        for index, box in enumerate(boxes)
        if any(touch(box, boxes[other]) for other in broken)
    }


def paint_broken(decoded: Pixels, broken: set[int], view: View) -> None:
    """Paint the broken tiles grey, with a LossWarning if there are any."""
    painted = [shown for shown in view.tiles if shown.index in broken]
    for shown in painted:
        decoded[pixel_window(shown.inner)] = BROKEN_GREY
    warn_of_broken(len(painted), len(view.tiles))


def warn_of_broken(broken: int, tiles: int) -> None:
    """A LossWarning if there are any."""
    if broken:
        warnings.warn(
            f"{broken} of {tiles} tiles are damaged and shown grey", LossWarning, stacklevel=4
        )


def pixel_crc_of(pixels: Pixels, box: TileBox) -> int:
    """CRC-32 of a tile's RGB bytes, rows from the top."""
    return zlib.crc32(pixels[pixel_window(box)].tobytes())
