"""Section 10 of FORMAT.md: small black and white images, decoded as in reference_decoder.py."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from tests.golden.reference_decoder import (
    LATENT,
    POSITIVE,
    SIGNED,
    STREAM,
    Array,
    Model,
    Stack,
    mix,
    read_file,
    requantise,
)

LOGIT = (-191, 191)
VOTES = 31


def column(values: Array) -> Array:
    """Numbers of one place as the input of a convolution."""
    return values[:, None, None]


def invert_step(model: Model, y: Array, name: str) -> Array:
    """The z that one step of the flow took to y."""
    z = np.zeros_like(y)
    for c in range(len(y)):
        x = model.convolve(column(z), f"{name}.enter", POSITIVE)
        x = model.convolve(x, f"{name}.hidden", POSITIVE)
        shift = model.convolve(x, f"{name}.leave", LATENT)
        z[c] = np.clip(y[c] + shift[c, 0, 0], *LATENT)
    return z


def decode_latent(model: Model, words: list[int], quality: int) -> Array:
    stack = Stack(words, model)
    level = ((quality - 256) * 8 + 12672) // 25344
    e = stack.pop("latent", 8 * model.tensors["spread"][level])
    assert stack.state == 0
    assert not stack.words
    y = np.clip(e * (512 >> level), *LATENT)
    if model.sizes["prior"] == "gaussian":
        return y
    steps = model.sizes["flow_steps"]
    if steps % 2:
        y = y[::-1]
    for n in reversed(range(steps)):
        y = invert_step(model, y[::-1], f"prior.steps.{n}")
    return y


def features(model: Model, z: Array) -> Array:
    """[F, side, side]."""
    name, quarter = "decoder.features", model.sizes["image_px"] // 4
    if not model.sizes["conditional"]:
        z = np.zeros_like(z)
    x = model.convolve(column(z), f"{name}.enter", STREAM).reshape(-1, quarter, quarter)
    x = model.blocks(x, f"{name}.trunk.0", model.sizes["blocks"])
    x = model.block(model.up(x, f"{name}.trunk.1"), f"{name}.trunk.2")
    x = model.block(model.up(x, f"{name}.trunk.3"), f"{name}.trunk.4")
    return model.convolve(requantise(x), f"{name}.leave", SIGNED)


class PixelDecoder:
    """Pixels one by one, of one or more images with the same features."""

    def __init__(self, model: Model, seen: Array, images: int = 1) -> None:
        self.model, self.seen = model, seen
        self.side = model.sizes["image_px"]
        self.reach, self.rows = model.sizes["window_width"] // 2, model.sizes["window_height"]
        # 64 is white, -64 black; around the image, and where nothing is decoded yet, 0.
        padded = (images, self.rows + self.side, self.side + 2 * self.reach)
        self.known = np.zeros(padded, np.int64)

    def logits(self, i: int, j: int) -> Array:
        """Of row i, column j in each image."""
        window = self.known[:, i : i + self.rows + 1, j : j + 2 * self.reach + 1]
        window = window.reshape(len(window), -1)[:, : -self.reach - 1]
        same = np.tile(self.seen[:, i, j], (len(window), 1))
        x = np.concatenate([window, same], 1).T[:, :, None]
        x = self.model.convolve(x, "decoder.enter", POSITIVE)
        for layer in range(self.model.sizes["local_layers"] - 1):
            x = self.model.convolve(x, f"decoder.hidden.{layer}", POSITIVE)
        return self.model.convolve(x, "decoder.leave", LOGIT)[0, :, 0]

    def store(self, i: int, j: int, white: Array) -> None:
        self.known[:, i + self.rows, j + self.reach] = np.where(white, 64, -64)

    def white(self) -> Array:
        """Bool [images, side, side]."""
        return self.known[:, self.rows :, self.reach : self.reach + self.side] > 0


def decode_exact(decoder: PixelDecoder, words: list[int]) -> Array:
    stack, side = Stack(words, decoder.model), decoder.side
    slope = decoder.reach + 1
    for step in range(side + slope * (side - 1)):
        places = [(i, step - slope * i) for i in range(side) if 0 <= step - slope * i < side]
        tables = [decoder.logits(*place)[0] + 191 for place in places]
        for place, entry in zip(places, stack.pop("logit", np.array(tables, int)), strict=True):
            decoder.store(*place, entry)
    assert stack.state == 0
    assert not stack.words
    return decoder.white()[0]


def draw(model: Model, seen: Array, seeds: list[int], temperature: int) -> Array:
    """Bool [seeds, side, side]."""
    decoder = PixelDecoder(model, seen, len(seeds))
    for i, j in np.ndindex(decoder.side, decoder.side):
        logits = np.clip(decoder.logits(i, j) * 128 // temperature, *LOGIT)
        hashes = [mix(mix(mix(3 * s) + i & 0xFFFFFFFF) + j & 0xFFFFFFFF) for s in seeds]
        black = [
            z >> 8 < Stack([], model).cumulative("logit", g + 191)[0][1]
            for z, g in zip(hashes, logits.tolist(), strict=True)
        ]
        decoder.store(i, j, np.logical_not(black))
    return decoder.white()


def decode(
    data: bytes, model_path: Path, temperature: int | None = None, preview: bool = False
) -> Array:
    """The image, bool [side, side], white being True. temperature: T, in 1/128."""
    file, model = read_file(data), Model(model_path)
    assert file.grey
    assert (file.width, file.height) == (model.sizes["image_px"],) * 2
    [(words, crc)] = file.latents
    z = decode_latent(model, words, file.quality)
    assert zlib.crc32(z.astype("<i2").tobytes()) == crc
    seen = features(model, z)
    if file.pixels and not preview:
        [(words, crc)] = file.pixels
        white = decode_exact(PixelDecoder(model, seen), words)
        assert zlib.crc32(white.astype(np.uint8).tobytes()) == crc
        return white
    temperature = file.texture if temperature is None else temperature
    if temperature:
        return draw(model, seen, [file.seed], temperature)[0]
    return draw(model, seen, list(range(VOTES)), 128).sum(0) > VOTES // 2
