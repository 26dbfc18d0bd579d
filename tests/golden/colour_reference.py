"""The end of section 10 of FORMAT.md: small colour images, decoded as in reference_decoder.py."""

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
from tests.golden.small_reference import VOTES

MIXTURE = (-2047, 2047)


def invert_step(model: Model, y: Array, name: str) -> Array:
    """The z that one step of the flow took to y, position by position."""
    z = np.zeros_like(y)
    for i, j in np.ndindex(y.shape[1:]):
        x = model.convolve(z, f"{name}.enter", POSITIVE)
        x = model.convolve(x, f"{name}.hidden", POSITIVE)
        shift = model.convolve(x, f"{name}.leave", LATENT)
        z[:, i, j] = np.clip(y[:, i, j] + shift[:, i, j], *LATENT)
    return z


def turn(y: Array) -> Array:
    return y[:, ::-1, ::-1]


def decode_latent(model: Model, words: list[int], quality: int) -> Array:
    stack = Stack(words, model)
    level = ((quality - 256) * 8 + 12672) // 25344
    side = model.sizes["latent_px"]
    tables = 8 * model.tensors["spread"][level].reshape(-1, side, side)
    e = stack.pop("latent", tables)
    assert stack.state == 0
    assert not stack.words
    y = np.clip(e * (512 >> level), *LATENT)
    if model.sizes["prior"] == "gaussian":
        return y
    steps = model.sizes["flow_steps"]
    if steps % 2:
        y = turn(y)
    for n in reversed(range(steps)):
        y = invert_step(model, turn(y), f"prior.steps.{n}")
    return y


def features(model: Model, z: Array) -> Array:
    """[F, side, side]."""
    name = "decoder.features"
    if not model.sizes["conditional"]:
        z = np.zeros_like(z)
    x = model.convolve(z, f"{name}.enter", STREAM)
    x = model.blocks(x, f"{name}.trunk.0", model.sizes["blocks"])
    x = model.block(model.up(x, f"{name}.trunk.1"), f"{name}.trunk.2")
    x = model.block(model.up(x, f"{name}.trunk.3"), f"{name}.trunk.4")
    return model.convolve(requantise(x), f"{name}.leave", SIGNED)


class ColourDecoder:
    """Pixels one by one."""

    def __init__(self, model: Model, seen: Array) -> None:
        self.model, self.seen = model, seen
        self.side = model.sizes["image_px"]
        self.reach, self.rows = model.sizes["window_width"] // 2, model.sizes["window_height"]
        self.shown = 1 if model.sizes["grey_context"] else 3
        padded = (self.rows + self.side, self.side + 2 * self.reach, self.shown)
        self.known = np.zeros(padded, np.int64)
        self.image = np.zeros((self.side, self.side, 3), np.int64)

    def begin(self, i: int, j: int) -> tuple[Array, Array]:
        """h and m of a pixel."""
        window = self.known[i : i + self.rows + 1, j : j + 2 * self.reach + 1]
        window = window.reshape(-1, self.shown)[: -self.reach - 1]
        reference = window[-1:] if len(window) else window
        c = np.concatenate([window[:-1] - reference, reference]).ravel()
        x = np.concatenate([c, self.seen[:, i, j]])[:, None, None]
        h = self.model.convolve(x, "decoder.enter", POSITIVE)
        for layer in range(self.model.sizes["local_layers"] - 1):
            h = self.model.convolve(h, f"decoder.hidden.{layer}", POSITIVE)
        if not len(c):
            return h, np.zeros(3, np.int64)
        return h, self.model.convolve(c[:, None, None], "decoder.predict", MIXTURE)[:, 0, 0]

    def masses(self, k: int, h: Array, m: Array, before: Array, narrower: int = 0) -> list[int]:
        """M(0) to M(256) of a pixel's colour k. before: its colours so far."""
        u = np.floor(4 * (before - 128) - m[:k] / 2 + 0.5).astype(np.int64)
        u = np.clip(u, *SIGNED)[:, None, None]
        name = f"decoder.heads.{k}"
        x = self.model.convolve(np.concatenate([h, u]), f"{name}.merge", POSITIVE)
        x = self.model.convolve(np.concatenate([x, u]), f"{name}.leave", MIXTURE)
        a, b, g = x[:, 0, 0].reshape(3, -1)
        a, b = a + m[k], b + narrower
        v = self.model.tensors["curves.inverse_scale"][np.clip(b, 0, 640)]
        w = self.model.tensors["curves.weight"][np.minimum(g.max() - g, 1536)]
        s = self.model.tensors["curves.sigmoid"]
        found = [0]
        for edge in range(1, 256):
            t = np.clip(((8 * (edge - 128) - 4 - a) * v + 2048) >> 12, -6144, 6144)
            total = int((w * s[t + 6144]).sum()) * (2**24 - 256)
            found.append(total // (int(w.sum()) << 20) + edge)
        return [*found, 1 << 24]

    def store(self, i: int, j: int, colours: Array) -> None:
        self.image[i, j] = colours
        shown = 4 * (colours - 128)
        if self.shown == 1:
            shown = np.array([(shown[0] + 2 * shown[1] + shown[2]) // 4])
        self.known[i + self.rows, j + self.reach] = shown


def decode_exact(decoder: ColourDecoder, words: list[int]) -> Array:
    stack, side = Stack(words, decoder.model), decoder.side
    slope = decoder.reach + 1
    for step in range(side + slope * (side - 1)):
        places = [(i, step - slope * i) for i in range(side) if 0 <= step - slope * i < side]
        shared = [decoder.begin(*place) for place in places]
        colours = np.zeros((len(places), 3), np.int64)
        for k in range(3):
            for n, (h, m) in enumerate(shared):
                sums = decoder.masses(k, h, m, colours[n, :k])
                colours[n, k] = stack.pop_entry(sums)
        for place, found in zip(places, colours, strict=True):
            decoder.store(*place, found)
    assert stack.state == 0
    assert not stack.words
    return decoder.image


def draw(decoder: ColourDecoder, seed: int, temperature: int) -> Array:
    narrower = round(64 * float(np.log2(temperature / 128)))
    for i, j in np.ndindex(decoder.side, decoder.side):
        h, m = decoder.begin(i, j)
        colours = np.zeros(3, np.int64)
        for k in range(3):
            sums = np.array(decoder.masses(k, h, m, colours[:k], narrower))
            z = mix(mix(mix(3 * seed + k) + i & 0xFFFFFFFF) + j & 0xFFFFFFFF) >> 8
            colours[k] = np.searchsorted(sums, z, side="right") - 1
        decoder.store(i, j, colours)
    return decoder.image


def decode(
    data: bytes, model_path: Path, temperature: int | None = None, preview: bool = False
) -> Array:
    """The image, uint8 [side, side, 3]. temperature: T, in 1/128."""
    file, model = read_file(data), Model(model_path)
    assert not file.grey
    assert (file.width, file.height) == (model.sizes["image_px"],) * 2
    [(words, crc)] = file.latents
    z = decode_latent(model, words, file.quality)
    assert zlib.crc32(z.astype("<i2").tobytes()) == crc
    seen = features(model, z)
    if file.pixels and not preview:
        [(words, crc)] = file.pixels
        image = decode_exact(ColourDecoder(model, seen), words).astype(np.uint8)
        assert zlib.crc32(image.tobytes()) == crc
        return image
    temperature = file.texture if temperature is None else temperature
    if temperature:
        return draw(ColourDecoder(model, seen), file.seed, temperature).astype(np.uint8)
    total = sum(draw(ColourDecoder(model, seen), seed, 128) for seed in range(VOTES))
    return ((2 * total + VOTES) // (2 * VOTES)).astype(np.uint8)
