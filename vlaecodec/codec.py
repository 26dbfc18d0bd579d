"""From a picture to a file, straight down, and back again. The one place that spells it out."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vlaecodec import latent_coder
from vlaecodec.container import (
    MAX_PIXELS,
    Container,
    Header,
    Tile,
    TileBox,
    quality_to_code,
    read_container,
    tile_boxes,
    write_container,
)
from vlaecodec.errors import DamagedError, LossWarning, ReproductionError
from vlaecodec.image import Pixels, to_pixels
from vlaecodec.model import LatentArray, PhotoModel, load_model
from vlaecodec.networks.encoder import LATENT_FACTOR
from vlaecodec.registry import find_fingerprint, find_model

ProgressCallback = Callable[[float], None]
"""Called after each tile with the part done, 0..1; the mean image is the last part."""

SYNTHESIS_BLOCK_PX = 1024
"""Mean images are computed in blocks of this size; any size gives the same picture.

Smaller blocks cost more halo, larger ones more time in the memory allocator."""

_GREY = 128


def encode(
    image: Image.Image | NDArray[np.uint8],
    quality: float = 50,
    *,
    model: str | None = None,
    progress: ProgressCallback | None = None,
) -> bytes:
    """Encode a picture; the bytes are a whole .vlae file.

    image: a PIL image, or a uint8 array [H, W, 3] or [H, W]. quality: 1 (smallest) to 100 (best).
    model: a name from `vlaecodec models`; by default the best one for photos.
    Raises ImageError, ParameterError or ModelError.
    """
    pixels = to_pixels(image)
    code = quality_to_code(quality)
    entry = find_model(model)
    photo_model = load_model(entry)
    latent, payloads = _encode_latents(photo_model, pixels, code, progress)
    decoded = _synthesise(photo_model, latent, code, pixels.shape)
    header = Header(pixels.shape[1], pixels.shape[0], code, entry.fingerprint)
    tiles = [
        Tile(payload, _pixel_crc(decoded, box))
        for payload, box in zip(payloads, _boxes(pixels.shape), strict=True)
    ]
    return write_container(header, tiles)


def decode(
    data: bytes,
    *,
    keep_going: bool = False,
    max_pixels: int = MAX_PIXELS,
    progress: ProgressCallback | None = None,
) -> Image.Image:
    """Decode a .vlae file to an RGB picture.

    With `keep_going` a damaged tile becomes grey, with a LossWarning, instead of an error.
    Raises DamagedError, ModelError, ParameterError (more than max_pixels) or ReproductionError.
    """
    return Image.fromarray(
        decode_pixels(data, keep_going=keep_going, max_pixels=max_pixels, progress=progress)
    )


def decode_pixels(
    data: bytes,
    *,
    keep_going: bool = False,
    max_pixels: int = MAX_PIXELS,
    progress: ProgressCallback | None = None,
    block_px: int = SYNTHESIS_BLOCK_PX,
) -> Pixels:
    """Like `decode`, but returns uint8 [H, W, 3]. `block_px` bounds memory, a multiple of 16."""
    container = read_container(data, max_pixels, keep_going=keep_going)
    header = container.header
    shape = (header.height, header.width, 3)
    photo_model = load_model(find_fingerprint(header.fingerprint))
    latent, broken = _decode_latents(photo_model, container, progress, keep_going=keep_going)
    decoded = _synthesise(photo_model, latent, header.quality_code, shape, block_px)
    _check_pixels(decoded, container, broken)
    return decoded


def _encode_latents(
    model: PhotoModel, pixels: Pixels, code: int, progress: ProgressCallback | None
) -> tuple[LatentArray, list[bytes]]:
    """Every tile's payload, and the latents of the whole picture as the decoder will see them."""
    padded = _pad(pixels)
    latent = _empty_latent(model, pixels.shape)
    payloads = []
    boxes = list(_boxes(pixels.shape))
    for done, box in enumerate(boxes):
        y = _analyse(model, padded, box, code)
        words, tile_latent, _ = latent_coder.encode_latent(model, y, code)
        latent[_latent_window(box)] = tile_latent
        payloads.append(words.astype("<u4").tobytes())
        if progress:
            progress((done + 1) / (len(boxes) + 1))
    return latent, payloads


def _decode_latents(
    model: PhotoModel,
    container: Container,
    progress: ProgressCallback | None,
    *,
    keep_going: bool,
) -> tuple[LatentArray, set[int]]:
    """The latents of the whole picture, and which tiles could not be decoded."""
    header = container.header
    latent = _empty_latent(model, (header.height, header.width, 3))
    broken = set()
    boxes = list(tile_boxes(header.width, header.height))
    for index, (tile, box) in enumerate(zip(container.tiles, boxes, strict=True)):
        window = _latent_window(box)
        rows, columns = latent[window].shape[1:]
        try:
            if tile is None:
                raise DamagedError("the tile is damaged")
            words = np.frombuffer(tile.payload, "<u4").astype(np.uint32)
            latent[window] = latent_coder.decode_latent(
                model, words, header.quality_code, rows, columns
            )
        except DamagedError as error:
            if not keep_going:
                raise ReproductionError(
                    f"tile {index + 1} is intact but does not decode here: this machine computes "
                    f"differently from the encoder's, or the file was forged ({error})"
                ) from error
            broken.add(index)
        if progress:
            progress((index + 1) / (len(boxes) + 1))
    return latent, broken


def _check_pixels(decoded: Pixels, container: Container, broken: set[int]) -> None:
    """Compare every tile with the encoder's checksum; paint broken tiles grey."""
    boxes = list(_boxes(decoded.shape))
    if len(broken) == len(boxes):
        raise DamagedError("every tile is damaged")
    for index, (tile, box) in enumerate(zip(container.tiles, boxes, strict=True)):
        if index in broken:
            decoded[box.top : box.bottom, box.left : box.right] = _GREY
        elif tile is None or any(_touch(box, boxes[other]) for other in broken):
            continue  # next to a broken tile, whose missing latents it sees, it differs rightly
        elif tile.pixel_crc != _pixel_crc(decoded, box):
            raise ReproductionError(
                f"tile {index + 1} is intact but decodes to another picture than the encoder saw: "
                "this machine computes differently"
            )
    if broken:
        warnings.warn(
            f"{len(broken)} of {len(boxes)} tiles are damaged and shown grey",
            LossWarning,
            stacklevel=3,
        )


def _analyse(model: PhotoModel, padded: Pixels, box: TileBox, code: int) -> Tensor:
    """y of one tile, seeing the pixels around it."""
    halo = model.analysis_halo_px
    top, left = max(0, box.top - halo), max(0, box.left - halo)
    y = model.analyse(padded[top : box.bottom + halo, left : box.right + halo], code)
    row, column = (box.top - top) // LATENT_FACTOR, (box.left - left) // LATENT_FACTOR
    _, rows, columns = _latent_window(box)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    return y[..., row : row + height, column : column + width]


def _synthesise(
    model: PhotoModel,
    latent: LatentArray,
    code: int,
    shape: tuple[int, ...],
    block_px: int = SYNTHESIS_BLOCK_PX,
) -> Pixels:
    """The mean image [H, W, 3], block by block, each with the halo that hides its edges."""
    height, width = shape[:2]
    block, halo = block_px // LATENT_FACTOR, model.synthesis_halo
    decoded = np.empty((height, width, 3), np.uint8)
    for row in range(0, latent.shape[1], block):
        for column in range(0, latent.shape[2], block):
            top, left = max(0, row - halo), max(0, column - halo)
            part = latent[:, top : row + block + halo, left : column + block + halo]
            picture = model.synthesise(part, code)
            target = decoded[
                row * LATENT_FACTOR : (row + block) * LATENT_FACTOR,
                column * LATENT_FACTOR : (column + block) * LATENT_FACTOR,
            ]
            y, x = (row - top) * LATENT_FACTOR, (column - left) * LATENT_FACTOR
            target[:] = picture[y : y + target.shape[0], x : x + target.shape[1]]
    return decoded


def _boxes(shape: tuple[int, ...]) -> Iterator[TileBox]:
    return tile_boxes(shape[1], shape[0])


def _pad(pixels: Pixels) -> Pixels:
    """Repeat the last row and column up to whole latents."""
    height, width = pixels.shape[:2]
    below, right = -height % LATENT_FACTOR, -width % LATENT_FACTOR
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")


def _empty_latent(model: PhotoModel, shape: tuple[int, ...]) -> LatentArray:
    """Zeros for the latents of a picture: int16 [C, ceil(H / 16), ceil(W / 16)]."""
    rows, columns = (-(-side // LATENT_FACTOR) for side in shape[:2])
    return np.zeros((model.network.arch.latent_channels, rows, columns), np.int16)


def _latent_window(box: TileBox) -> tuple[slice, slice, slice]:
    """A tile's place in the latents."""
    rows = slice(box.top // LATENT_FACTOR, -(-box.bottom // LATENT_FACTOR))
    columns = slice(box.left // LATENT_FACTOR, -(-box.right // LATENT_FACTOR))
    return slice(None), rows, columns


def _touch(first: TileBox, second: TileBox) -> bool:
    """Whether two tiles share an edge or a corner."""
    return (
        first.left <= second.right
        and second.left <= first.right
        and first.top <= second.bottom
        and second.top <= first.bottom
    )


def _pixel_crc(decoded: Pixels, box: TileBox) -> int:
    """CRC-32 of a tile's RGB bytes, rows from the top."""
    return zlib.crc32(decoded[box.top : box.bottom, box.left : box.right].tobytes())
