"""From a small image to a file and back, with one of the paper's models.

The same container as photos'. The latents are eps = f^-1(mean of q(z | x)) on a grid that quality
chooses; a lossy file ends there, and decoding draws an image from p(x | z). A lossless one goes on
with the pixels.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.container import Container, Tile
from vlaecodec.bitstream.header import (
    TEXTURE_UNIT,
)
from vlaecodec.bitstream.payload import not_reproduced, to_payload, to_words, warn_of_lost_pixels
from vlaecodec.entropy.ans import AnsStack
from vlaecodec.entropy.scales import LOGIT_LIMIT
from vlaecodec.errors import DamagedError, ImageError
from vlaecodec.picture.image import Picture, Pixels
from vlaecodec.pixels.noise import noise_at
from vlaecodec.small.coder import (
    Bitmaps,
    Images,
    Latents,
    colour_pixels,
    dequantise_latents,
    pop_pixels,
    pop_symbols,
    push_pixels,
    push_symbols,
    quality_level,
    quantise_latents,
    run_pixels,
)
from vlaecodec.small.model import SmallModel

WHITE = 255

VOTES = 31
"""Draws that vote on what is shown without texture, or whose mean it is."""


def decode_image(
    model: SmallModel, container: Container, texture_code: int, seed: int, *, preview: bool
) -> Images:
    """The image in a file: uint8 [1, H, W] of 0 and 1, or samples [1, H, W, 3].

    texture_code: the temperature of the draw, 0..TEXTURE_UNIT, where the pixels are not in the file
    or a preview is asked for. Raises DamagedError or ReproductionError.
    """
    header, side = container.header, model.preset.image_px
    if (header.width, header.height) != (side, side):
        raise DamagedError("the picture is not of the size that its model is for")
    if header.max_error:
        raise DamagedError("a file of a small model cannot be near-lossless")
    z = _decode_latents(model, container)
    if container.pixels and not preview:
        if container.pixels[0] is not None:
            return _decode_pixels(model, container.pixels[0], z)
        warn_of_lost_pixels(1, 1)
    return draw_images(model, z, texture_code, seed)


def to_pixels(images: Images) -> Pixels:
    """The first of some images as uint8 [H, W, 3]."""
    if images.ndim == 4:
        return images[0]
    return np.repeat(images[0][:, :, None] * np.uint8(WHITE), 3, axis=2)


def draw_images(model: SmallModel, z: Latents, texture_code: int, seed: int) -> Images:
    """Images from p(x | z), as decode_image gives them; the n-th with seed + n.

    texture_code: the temperature, 0..TEXTURE_UNIT. At 0 it is what draws have in common, whatever
    the seed: bitmaps as draw_bitmaps says, colour images as the mean of VOTES full draws.
    """
    if model.curves is None:
        return draw_bitmaps(model, z, texture_code, seed)
    if texture_code:
        return colour_pixels(model, z).draw(texture_code, seed)
    every = colour_pixels(model, np.repeat(z, VOTES, axis=0)).draw(TEXTURE_UNIT, 0)
    total = every.reshape(len(z), VOTES, *every.shape[1:]).sum(1, dtype=np.int64)
    return ((2 * total + VOTES) // (2 * VOTES)).astype(np.uint8)


def draw_bitmaps(model: SmallModel, z: Latents, texture_code: int, seed: int) -> Bitmaps:
    """Images from p(x | z), uint8 [N, H, W] of 0 and 1; the n-th with seed + n.

    texture_code: the temperature, 1..TEXTURE_UNIT: logits are divided by it before drawing. At 0 it
    is what most of VOTES full draws show, whatever the seed: the likeliest pixel one by one would
    be an empty image, where no stroke ever begins.
    """
    if texture_code == 0:
        every = np.repeat(z, VOTES, axis=0)
        votes = draw_bitmaps(model, every, TEXTURE_UNIT, 0).reshape(len(z), VOTES, *_size(model))
        return (votes.sum(1) > VOTES // 2).astype(np.uint8)
    height, width = _size(model)
    noise = np.stack([noise_at(seed + lane, 0, 0, height, width)[0] for lane in range(len(z))])
    noise = (noise.reshape(len(z), -1) >> np.uint32(8)).astype(np.int64)
    # The first entry of each table is how often a pixel is black.
    black = model.tables["logit"].frequencies[::2].astype(np.int64)

    def choose(pixels: slice, logits: NDArray[np.int64]) -> NDArray[np.uint8]:
        sharp = np.clip(logits * TEXTURE_UNIT // texture_code, -LOGIT_LIMIT, LOGIT_LIMIT)
        return (noise[:, pixels] >= black[sharp + LOGIT_LIMIT]).astype(np.uint8)

    return run_pixels(model, z, choose)


def _size(model: SmallModel) -> tuple[int, int]:
    return model.preset.image_px, model.preset.image_px


def to_images(picture: Picture, name: str, model: SmallModel) -> Images:
    """The picture as 0 and 1, uint8 [1, H, W], or as samples [1, H, W, 3].

    Raises ImageError if it is none of the model's.
    """
    side, pixels = model.preset.image_px, picture.pixels
    if pixels.shape[:2] != (side, side):
        raise ImageError(
            f"model {name!r} codes images of {side} x {side} pixels; this one has "
            f"{pixels.shape[1]} x {pixels.shape[0]}"
        )
    if model.curves is not None:
        return pixels[None]
    if not np.isin(pixels, (0, WHITE)).all() or (pixels != pixels[..., :1]).any():
        raise ImageError(
            f"model {name!r} codes black and white; this image has other colours: reduce it first"
        )
    return (pixels[None, :, :, 0] // WHITE).astype(np.uint8)


def encode_level(model: SmallModel, image: Images, level: int) -> tuple[Tile, Latents]:
    """The coded latents of an image, held as finely as a level says, and these as decoded."""
    symbols = quantise_latents(model, image, level)
    z = dequantise_latents(model, symbols, level)
    stack = AnsStack()
    push_symbols(model, stack, symbols, level)
    return Tile(to_payload(stack.words()), _latent_crc(z)), z


def encode_image(model: SmallModel, image: Images, z: Latents) -> Tile:
    """The coded pixels of an image given its latents."""
    stack = AnsStack()
    push_pixels(model, stack, image, z)
    return Tile(to_payload(stack.words()), zlib.crc32(image.tobytes()))


def _decode_latents(model: SmallModel, container: Container) -> Latents:
    tile = container.latents[0]
    if tile is None:
        raise DamagedError("every tile is damaged")
    level = quality_level(container.header.quality_code)
    try:
        stack = AnsStack(to_words(tile.payload))
        z = dequantise_latents(model, pop_symbols(model, stack, 1, level), level)
    except DamagedError as problem:
        raise not_reproduced(0, str(problem)) from problem
    if not stack.is_empty() or tile.pixel_crc != _latent_crc(z):
        raise not_reproduced(0, "other latents than the encoder saw")
    return z


def _decode_pixels(model: SmallModel, tile: Tile, z: Latents) -> Images:
    try:
        stack = AnsStack(to_words(tile.payload))
        image = pop_pixels(model, stack, z)
    except DamagedError as problem:
        raise not_reproduced(0, str(problem)) from problem
    if not stack.is_empty() or tile.pixel_crc != zlib.crc32(image.tobytes()):
        raise not_reproduced(0, "other pixels than the encoder saw")
    return image


def _latent_crc(z: Latents) -> int:
    """CRC-32 of latents, 16 bits each, little-endian."""
    return zlib.crc32(z.astype("<i2").tobytes())
