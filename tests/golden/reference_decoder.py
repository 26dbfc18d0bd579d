"""A second decoder, written from FORMAT.md alone: numpy integers, no torch, no constriction.

Slow and plain on purpose. That it agrees with the real one shows that FORMAT.md is complete.
"""

from __future__ import annotations

import binascii
import bisect
import itertools
import json
import struct
import zlib
from pathlib import Path

import numpy as np

Array = np.ndarray

LATENT, STREAM, SIGNED, POSITIVE = (-2047, 2047), (-8191, 8191), (-1023, 1023), (0, 1023)
TOP, SCALE, TOP_SCALE, PIXEL = (-40, 40), (-1023, 1023), (0, 240), (0, 4080)
ORDER = (0, 3, 1, 2)
TILE = 1024


class Model:
    """Section 6."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        size = struct.unpack_from("<Q", data)[0]
        header = json.loads(data[8 : 8 + size])
        self.sizes = json.loads(header.pop("__metadata__")["architecture"])
        kinds = {"I8": "i1", "I16": "<i2", "I32": "<i4", "F16": "<f2"}
        self.tensors = {}
        for name, entry in header.items():
            start, stop = (8 + size + offset for offset in entry["data_offsets"])
            tensor = np.frombuffer(data[start:stop], kinds[entry["dtype"]])
            self.tensors[name] = tensor.reshape(entry["shape"])
            if not name.startswith("analysis."):
                self.tensors[name] = self.tensors[name].astype(np.int64)

    def convolve(self, x: Array, name: str, target: tuple[int, int]) -> Array:
        weight = self.tensors[f"{name}.weight"]
        bias, shift = self.tensors[f"{name}.bias"], self.tensors[f"{name}.shift"]
        taps, (rows, columns) = weight.shape[2], x.shape[1:]
        pad = taps // 2
        padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
        total = np.zeros((len(weight), rows, columns), np.int64)
        for dy, dx in itertools.product(range(taps), range(taps)):
            part = padded[:, dy : dy + rows, dx : dx + columns]
            if weight.shape[1] == 1 and len(weight) == len(x):
                total += weight[:, 0, dy, dx][:, None, None] * part
            else:
                total += np.tensordot(weight[:, :, dy, dx], part, 1)
        shift = shift[:, None, None]
        return np.clip((total + bias[:, None, None] + (1 << (shift - 1))) >> shift, *target)

    def table(self, name: str, quality: int) -> Array:
        table = self.tensors[name]
        row = min(quality // 256 - 1, 98)
        fraction = quality - 256 * (row + 1)
        rise = ((table[row + 1] - table[row]) * fraction + 128) >> 8
        return (table[row] + rise)[:, None, None]

    def bias(self, x: Array, name: str, quality: int) -> Array:
        return np.clip(x + self.table(f"{name}.table", quality), *STREAM)

    def blocks(self, x: Array, name: str, count: int) -> Array:
        for index in range(count):
            block = f"{name}.{index}"
            update = self.convolve(x, f"{block}.depthwise", SIGNED)
            update = self.convolve(update, f"{block}.widen", POSITIVE)
            x = np.clip(x + self.convolve(update, f"{block}.narrow", STREAM), *STREAM)
        return x

    def down(self, x: Array, name: str) -> Array:
        channels, rows, columns = x.shape
        x = requantise(x).reshape(channels, rows // 2, 2, columns // 2, 2)
        x = x.transpose(0, 2, 4, 1, 3).reshape(4 * channels, rows // 2, columns // 2)
        return self.convolve(x, f"{name}.mix", STREAM)

    def up(self, x: Array, name: str) -> Array:
        return unfold(self.convolve(requantise(x), f"{name}.mix", STREAM), 2)

    def head(self, x: Array, name: str, first: tuple, second: tuple) -> tuple[Array, Array]:
        x = requantise(x)
        return (
            self.convolve(x, f"{name}.layers.0", first),
            self.convolve(x, f"{name}.layers.1", second),
        )

    def top_posterior(self, y: Array, quality: int) -> tuple[Array, Array]:
        y = np.pad(y, ((0, 0), (0, -y.shape[1] % 4), (0, -y.shape[2] % 4)))
        x = self.bias(self.convolve(y, "posterior.enter", STREAM), "posterior.bias", quality)
        x = self.blocks(x, "posterior.trunk.0", 1)
        x = self.blocks(self.down(x, "posterior.trunk.1"), "posterior.trunk.2", 1)
        x = self.blocks(self.down(x, "posterior.trunk.3"), "posterior.trunk.4", 1)
        return self.head(x, "posterior.head", TOP, TOP_SCALE)

    def anchor_prior(self, h: Array, quality: int, rows: int, columns: int) -> tuple[Array, Array]:
        x = self.convolve(np.clip(h, *TOP), "anchor_prior.enter", STREAM)
        x = self.blocks(self.bias(x, "anchor_prior.bias", quality), "anchor_prior.trunk.0", 1)
        x = self.blocks(self.up(x, "anchor_prior.trunk.1"), "anchor_prior.trunk.2", 1)
        x = self.blocks(self.up(x, "anchor_prior.trunk.3"), "anchor_prior.trunk.4", 1)
        return self.head(x[:, :rows, :columns], "anchor_prior.head", LATENT, SCALE)

    def pass_prior(self, y: Array, number: int, quality: int) -> tuple[Array, Array]:
        name = f"pass_priors.{number - 1}"
        x = self.bias(self.convolve(y, f"{name}.enter", STREAM), f"{name}.bias", quality)
        x = self.blocks(x, f"{name}.trunk", self.sizes["prior_blocks"])
        return self.head(x, f"{name}.head", LATENT, SCALE)

    def mean_image(self, y: Array, quality: int) -> Array:
        x = self.convolve(y, "decoder.enter", STREAM)
        x = self.bias(x, "decoder.sixteenth_bias", quality)
        x = self.blocks(x, "decoder.sixteenth", self.sizes["decoder_sixteenth_blocks"])
        x = self.bias(self.up(x, "decoder.up"), "decoder.eighth_bias", quality)
        x = self.blocks(x, "decoder.eighth", self.sizes["decoder_eighth_blocks"])
        return unfold(self.convolve(requantise(x), "decoder.leave", PIXEL), 8)


def requantise(x: Array) -> Array:
    return np.clip((x + 2) >> 2, *SIGNED)


def unfold(x: Array, factor: int) -> Array:
    channels, rows, columns = x.shape
    x = x.reshape(channels // factor**2, factor, factor, rows, columns).transpose(0, 3, 1, 4, 2)
    return x.reshape(channels // factor**2, rows * factor, columns * factor)


class Stack:
    """Section 2, on Python integers."""

    def __init__(self, words: list[int], model: Model) -> None:
        assert not words or words[-1] != 0
        self.words, self.model, self.state = list(words), model, 0
        for _ in range(2):
            if self.words:
                self.state = (self.state << 32) + self.words.pop()

    def cumulative(self, family: str, table: int) -> tuple[list[int], int]:
        starts = self.model.tensors[f"tables.{family}.starts"]
        frequencies = self.model.tensors[f"tables.{family}.frequencies"]
        sums = np.cumsum(frequencies[starts[table] : starts[table + 1]])
        low = int(self.model.tensors[f"tables.{family}.lows"][table])
        return [0, *sums.tolist()], low

    def pop_entry(self, sums: list[int]) -> int:
        rest = self.state % (1 << 24)
        entry = bisect.bisect_right(sums, rest) - 1
        frequency = sums[entry + 1] - sums[entry]
        self.state = (self.state >> 24) * frequency + rest - sums[entry]
        if self.state < 1 << 32 and self.words:
            self.state = (self.state << 32) + self.words.pop()
        return entry

    def push_entry(self, sums: list[int], entry: int) -> None:
        frequency = sums[entry + 1] - sums[entry]
        if self.state >= frequency << 40:
            self.words.append(self.state % (1 << 32))
            self.state >>= 32
        high, rest = divmod(self.state, frequency)
        self.state = (high << 24) + sums[entry] + rest

    def pop(self, family: str, tables: Array) -> Array:
        flat, symbols, escaped = tables.ravel(), np.zeros(tables.size, np.int64), []
        for table in sorted(set(flat.tolist())):
            sums, low = self.cumulative(family, table)
            for place in np.flatnonzero(flat == table):
                entry = self.pop_entry(sums)
                symbols[place] = low + entry
                if family == "latent" and entry == len(sums) - 2:
                    escaped.append(place)
        uniform = [v << 8 for v in range((1 << 16) + 1)]
        for place in escaped:
            symbols[place] = self.pop_entry(uniform) - (1 << 15)
        return symbols.reshape(tables.shape)

    def push(self, family: str, tables: Array, symbols: Array) -> None:
        flat, values = tables.ravel(), symbols.ravel()
        for table in sorted(set(flat.tolist()), reverse=True):
            sums, low = self.cumulative(family, table)
            for place in reversed(np.flatnonzero(flat == table)):
                assert 0 <= values[place] - low < len(sums) - 1
                self.push_entry(sums, int(values[place]) - low)


def gather(x: Array, number: int, rows: int, columns: int) -> Array:
    """The quarter of the channels that a pass codes at each position."""
    quarters = np.broadcast_to(x, (len(x), rows, columns)).reshape(4, -1, rows, columns)
    r, s = np.indices((rows, columns))
    chosen = (2 * (r % 2) + s % 2) ^ ORDER[number]
    return np.take_along_axis(quarters, chosen[None, None], 0)[0]


def scatter(y: Array, part: Array, number: int) -> None:
    """Write a pass into y."""
    rows, columns = part.shape[1:]
    quarters = y.reshape(4, -1, rows, columns)
    for r, s in itertools.product(range(rows), range(columns)):
        quarters[(2 * (r % 2) + s % 2) ^ ORDER[number], :, r, s] = part[:, r, s]


def decode_latents(model: Model, words: list[int], quality: int, rows: int, columns: int) -> Array:
    """Section 3."""
    stack = Stack(words, model)
    steps, offsets = model.table("step.table", quality), model.table("step.offsets", quality)
    y = np.zeros((model.sizes["latent_channels"], rows, columns), np.int64)
    coarse = int(stack.pop("flag", np.zeros(1, np.int64))[0])
    shape = (model.sizes["top_channels"], -(-rows // 4), -(-columns // 4))
    h = stack.pop("top", np.full(shape, coarse)) * (8 if coarse else 1)
    for number in range(4):
        step, offset = (gather(t, number, rows, columns) for t in (steps, offsets))
        if number == 0:
            mean, p = model.anchor_prior(h, quality, rows, columns)
        else:
            mean, p = model.pass_prior(y, number, quality)
        mean, p = (gather(t, number, rows, columns) for t in (mean, p))
        scale = np.clip((p + offset + 8) >> 4, 0, 63)
        if number == 0:
            n = (mean * 2048 + step // 2) // step
            symbols = stack.pop("latent", scale * 8 + n % 8) + n // 8
            mean = 0
        else:
            symbols = stack.pop("latent", scale * 8)
        scatter(y, np.clip(mean + ((symbols * step + 128) >> 8), *LATENT), number)
        if number == 0 and not coarse:
            centre, p = model.top_posterior(y, quality)
            stack.push("posterior", (p + 8) >> 4, h - centre)
    assert stack.state == 0
    assert not stack.words
    return y


def decode(data: bytes, model_path: Path) -> Array:
    """Sections 1 and 5: the pixels, uint8 [H, W, 3]."""
    magic, version, flags, _, width, height, quality = struct.unpack_from("<4sBB4sHHH", data)
    assert (magic, version, flags & 15) == (b"\x8bVLA", 1, 0)
    width, height, offset = width + 1, height + 1, 16
    boxes = list(itertools.product(range(0, height, TILE), range(0, width, TILE)))
    sizes = []
    for _ in boxes:
        words = shift = 0
        while True:
            byte = data[offset]
            offset, words, shift = offset + 1, words | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        sizes.append(words)
    assert binascii.crc_hqx(data[:offset], 0xFFFF) == struct.unpack_from("<H", data, offset)[0]
    offset += 2
    model = Model(model_path)
    y = np.zeros((model.sizes["latent_channels"], -(-height // 16), -(-width // 16)), np.int64)
    checks = []
    for (top, left), words in zip(boxes, sizes, strict=True):
        body = data[offset : offset + 4 * words + 4]
        assert zlib.crc32(body) == struct.unpack_from("<I", data, offset + len(body))[0]
        checks.append(struct.unpack("<I", body[-4:])[0])
        rows, columns = -(-min(TILE, height - top) // 16), -(-min(TILE, width - left) // 16)
        payload = list(struct.unpack(f"<{words}I", body[:-4]))
        y[:, top // 16 :, left // 16 :][:, :rows, :columns] = decode_latents(
            model, payload, quality, rows, columns
        )
        offset += len(body) + 4
    assert offset == len(data)
    samples = np.clip((model.mean_image(y, quality) + 8) >> 4, 0, 255)
    pixels = samples.transpose(1, 2, 0)[:height, :width].astype(np.uint8)
    for (top, left), check in zip(boxes, checks, strict=True):
        assert zlib.crc32(pixels[top : top + TILE, left : left + TILE].tobytes()) == check
    return pixels
