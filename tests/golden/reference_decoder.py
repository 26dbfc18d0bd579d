"""A second decoder, written from FORMAT.md alone: numpy integers, no torch, no constriction.

Slow and plain on purpose. That it agrees with the real one shows that FORMAT.md is complete.
"""

from __future__ import annotations

import binascii
import bisect
import io
import itertools
import json
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

Array = np.ndarray

LATENT, STREAM, SIGNED, POSITIVE = (-2040, 2040), (-8160, 8160), (-1020, 1020), (0, 1020)
TOP, SCALE, TOP_SCALE, PIXEL = (-40, 40), (-1023, 1023), (0, 240), (0, 4080)
DISTRIBUTION, GREY, HIDDEN = (-2047, 2047), (-255, 255), (0, 255)
COLOURS = (1, 0, 2)
CONDITION = (0, 25, 37, 45, 51, 55, 59, 63, 65, 68, 70, 72, 74, 76, 78, 79)
OFFSET = (0, 101, 149, 180, 203, 221, 237, 250, 262, 272, 281, 290, 297, 304, 311, 317)
ORDER = (0, 3, 1, 2)
TILE = 1024


def operand(x: Array) -> Array:
    """Eight significant bits, ties to even."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.ldexp(np.rint(256 * mantissa), exponent - 8).astype(np.int64)


class Model:
    """Section 6."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        size = struct.unpack_from("<Q", data)[0]
        header = json.loads(data[8 : 8 + size])
        metadata = header.pop("__metadata__")
        self.sizes = json.loads(metadata.get("architecture") or metadata["preset"])
        kinds = {"I8": "i1", "I16": "<i2", "I32": "<i4", "F16": "<f2"}
        self.tensors = {}
        for name, entry in header.items():
            start, stop = (8 + size + offset for offset in entry["data_offsets"])
            tensor = np.frombuffer(data[start:stop], kinds[entry["dtype"]])
            self.tensors[name] = tensor.reshape(entry["shape"])
            if not name.startswith("analysis."):
                self.tensors[name] = self.tensors[name].astype(np.int64)

    def residual_table(self, mean: int, g: int, u: int, step: int) -> tuple[int, int, int]:
        """Section 7: table, coarse base and low bits."""
        scales = len(self.tensors["tables.residual.lows"]) // 64
        b = max(0, (g + 4 - scales) // 4)
        width = step << b
        p = (mean + width // 2 - 4 * (width - step)) // width
        return (u * scales + g - 4 * b) * 8 + p % 8, p // 8, b

    def convolve(self, x: Array, name: str, target: tuple[int, int]) -> Array:
        weight, x = operand(self.tensors[f"{name}.weight"]), operand(x)
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
        if f"{name}.gains" in self.tensors:
            x = (x * self.table(f"{name}.gains", quality) + 512) >> 10
        return np.clip(x + self.table(f"{name}.table", quality), *STREAM)

    def block(self, x: Array, name: str) -> Array:
        update = self.convolve(x, f"{name}.depthwise", SIGNED)
        update = self.convolve(update, f"{name}.widen", POSITIVE)
        return np.clip(x + self.convolve(update, f"{name}.narrow", STREAM), *STREAM)

    def blocks(self, x: Array, name: str, count: int) -> Array:
        for index in range(count):
            x = self.block(x, f"{name}.{index}")
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

    def trunk(self, y: Array, quality: int) -> Array:
        x = self.convolve(y, "decoder.enter", STREAM)
        x = self.bias(x, "decoder.sixteenth_bias", quality)
        x = self.blocks(x, "decoder.sixteenth", self.sizes["decoder_sixteenth_blocks"])
        x = self.bias(self.up(x, "decoder.up"), "decoder.eighth_bias", quality)
        x = self.blocks(x, "decoder.eighth", self.sizes["decoder_eighth_blocks"])
        return requantise(x)

    def mean_image(self, trunk: Array) -> Array:
        return unfold(self.convolve(trunk, "decoder.leave", PIXEL), 8)

    def linear(self, x: list[Array], name: str, target: tuple[int, int]) -> Array:
        """A convolution of one pixel whose input comes in parts."""
        return self.convolve(np.concatenate(x)[:, None, None], name, target)[:, 0, 0]


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
                if family in ("latent", "residual") and entry == len(sums) - 2:
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


def decode_latents(
    model: Model, words: list[int], quality: int, rows: int, columns: int, is_end: bool = False
) -> Array:
    """Section 3. is_end: words are missing below these."""
    stack = Stack(words, model)
    steps, offsets = model.table("step.table", quality), model.table("step.offsets", quality)
    y = np.zeros((model.sizes["latent_channels"], rows, columns), np.int64)
    coarse = int(stack.pop("flag", np.zeros(1, np.int64))[0])
    shape = (model.sizes["top_channels"], -(-rows // 4), -(-columns // 4))
    h = stack.pop("top", np.full(shape, coarse)) * (8 if coarse else 1)
    assert not is_end or stack.state >= 1 << 32
    is_cut = False
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
            predicted, mean = (n * step) >> 11, 0
        else:
            symbols = stack.pop("latent", scale * 8)
            predicted = mean
        if is_end and stack.state < 1 << 32:
            symbols, mean, is_cut = np.zeros_like(symbols), predicted, True
        scatter(y, np.clip(mean + ((symbols * step + 128) >> 8), *LATENT), number)
        if number == 0 and not coarse and not is_cut:
            centre, p = model.top_posterior(y, quality)
            stack.push("posterior", (p + 8) >> 4, h - centre)
    assert is_end or (stack.state == 0 and not stack.words)
    return y


def class_of(s: int) -> int:
    return sum(s >= bound for bound in (128, 192, 240, 288, 344))


def sub_grids(count: int) -> list[tuple[int, int, int, list[tuple[int, int]]]]:
    """Row, column and step of each sub-grid, and where the neighbours of its pixels are."""
    found: list[tuple[int, int, int, list[tuple[int, int]]]] = [(0, 0, 8, [])]
    for half in (4, 2, 1):
        for row, column in ((half, half), (0, half), (half, 0)):
            places = itertools.product(range(-5 * half, 5 * half + 1, half), repeat=2)
            known = [
                (y * y + x * x, y, x)
                for y, x in places
                if any(
                    (row + y - r) % step == 0 and (column + x - c) % step == 0
                    for r, c, step, _ in found
                )
            ]
            chosen: list[tuple[int, int]] = []
            for distance in sorted({place[0] for place in known}):
                ring = [(y, x) for d, y, x in sorted(known) if d == distance]
                if len(chosen) + len(ring) > count:
                    break
                chosen += ring
            found.append((row, column, 2 * half, chosen))
    return found


class PixelDecoder:
    """Section 7: a sub-grid's pixels one by one."""

    def __init__(
        self, model: Model, mean: Array, trunk: Array, error: int, drawing: int, grey: int
    ):
        self.coded = 1 if grey else 3
        self.model, self.error, self.drawing = model, error, drawing
        self.name = "texture" if drawing else "local"
        self.features = unfold(model.convolve(trunk, f"{self.name}.project", GREY), 8)
        self.mean = mean.astype(np.int64)
        self.step = 2 * error + 1
        self.residual = np.zeros(mean.shape, np.int64)  # colours in coding order
        self.grids = sub_grids(model.sizes[f"{self.name}_neighbours"])
        self.corrections: dict[int, Array] = {}  # of sub-grids, [6 classes, inputs + 2 + 1 + 1, 3]

    def places(self, number: int) -> list[tuple[int, int]]:
        """The pixels of a sub-grid."""
        height, width = self.mean.shape[:2]
        row, column, step, _ = self.grids[number]
        return list(itertools.product(range(row, height, step), range(column, width, step)))

    def seen(self, number: int, i: int, j: int) -> list[Array]:
        """What a pixel sees: residuals, contrasts, its own mean."""
        height, width = self.mean.shape[:2]
        mean = self.mean[..., list(COLOURS)]
        residuals, contrasts = [], []
        for y, x in ((i + dy, j + dx) for dy, dx in self.grids[number][3]):
            inside = 0 <= y < height and 0 <= x < width
            residuals.append(self.residual[y, x] if inside else np.zeros(3, np.int64))
            nearest = mean[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
            contrasts.append(nearest - mean[i, j])
        return residuals + ([] if self.drawing else contrasts) + [mean[i, j] - 128]

    def begin(self, number: int, i: int, j: int) -> tuple[list[Array], Array]:
        """What a pixel sees, and its hidden units."""
        seen = self.seen(number, i, j)
        condition = [] if self.drawing else [np.array([CONDITION[self.error]])]
        inputs = [*seen, self.features[:, i, j], *condition]
        hidden = self.linear(inputs, f"entrances.{number}.enter", HIDDEN)
        for layer in range(self.model.sizes[f"{self.name}_layers"]):
            hidden = self.linear([hidden], f"hidden.{layer}", HIDDEN)
        return seen, hidden

    def linear(self, x: list[Array], name: str, target: tuple[int, int]) -> Array:
        return self.model.linear(x, f"{self.name}.{name}", target)

    def table(
        self, number: int, i: int, j: int, colour: int, begun: tuple[list[Array], Array]
    ) -> tuple[int, int, int]:
        """Table, coarse base and low bits of a sample."""
        seen, hidden = begun
        known = self.residual[i, j, :colour]
        merged = self.linear([hidden, known], f"heads.{colour}.merge", HIDDEN)
        a, s, t = self.linear([merged, known], f"heads.{colour}.leave", DISTRIBUTION).tolist()
        predict = f"entrances.{number}.predict.{colour}"
        predicted = self.linear([*seen, known], predict, DISTRIBUTION).tolist()
        added, shift = self.corrected(number, i, j, colour, s, seen)
        mean = a + predicted[0 if self.drawing else class_of(s)] + added
        s = min(max(s + shift, DISTRIBUTION[0]), DISTRIBUTION[1])
        g = min(max((s - OFFSET[self.error] + 8) >> 4, 0), 40)
        u = min(max((t + 64) >> 7, 0), 7)
        return self.model.residual_table(mean, g, u, self.step)

    def corrected(
        self, number: int, i: int, j: int, colour: int, s: int, seen: list[Array]
    ) -> tuple[int, int]:
        """What is added to a mean, and to a scale."""
        if number not in self.corrections:
            return 0, 0
        column = self.corrections[number][class_of(s), :, colour]
        known = np.where(np.arange(2) < colour, self.residual[i, j, :2], 0)
        inputs = np.concatenate([*seen, known, [1]])
        return int(inputs @ column[:-1] + 8) >> 4, int(column[-1])

    def store(self, i: int, j: int, colour: int, k: int) -> None:
        expected = int(self.mean[i, j, COLOURS[colour]])
        residual = min(max(expected + k * self.step, 0), 255) - expected
        self.residual[i, j, colour] = residual
        if self.coded == 1:
            self.residual[i, j] = residual

    def pixels(self, strength: int = 128) -> Array:
        scaled = (self.residual * strength + 64) >> 7
        out = self.mean.copy()
        out[..., list(COLOURS)] += scaled
        return np.clip(out, 0, 255).astype(np.uint8)


def uniform(count: int) -> list[int]:
    return [v * ((1 << 24) // count) for v in range(count + 1)]


def pop_values(stack: Stack, tables: list[tuple[int, int, int]]) -> list[int]:
    symbols = stack.pop("residual", np.array([t for t, _, _ in tables], np.int64)).tolist()
    values = [(base + v) << b for (_, base, b), v in zip(tables, symbols, strict=True)]
    for bits in range(1, 10):
        for place, (_, _, b) in enumerate(tables):
            if b == bits:
                values[place] += stack.pop_entry(uniform(1 << bits))
    return values


def decode_tile(decoder: PixelDecoder, words: list[int]) -> Array:
    """Section 7."""
    stack = Stack(words, decoder.model)
    for number in range(7, 10) if decoder.coded == 3 else ():
        if stack.pop_entry(uniform(2)):
            rows = 6 * len(decoder.grids[number][3]) + 3 + 4
            popped = []
            for _ in range(6):
                g = min(stack.pop_entry(uniform(64)), 40)
                table = decoder.model.residual_table(0, g, 0, 1)
                popped.append(pop_values(stack, [table] * (3 * rows)))
            decoder.corrections[number] = np.clip(popped, -128, 127).reshape(6, rows, 3)
    for number in range(len(decoder.grids)):
        places = decoder.places(number)
        begun = [decoder.begin(number, i, j) for i, j in places]
        for colour in range(decoder.coded):
            tables = [
                decoder.table(number, *p, colour, b) for p, b in zip(places, begun, strict=True)
            ]
            for place, value in zip(places, pop_values(stack, tables), strict=True):
                decoder.store(*place, colour, value)
    assert stack.state == 0
    assert not stack.words
    return decoder.pixels()


def mix(x: int) -> int:
    x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
    return x ^ x >> 16


def draw(decoder: PixelDecoder, seed: int, strength: int, levels: bytes | None) -> Array:
    """Section 8."""
    height, width = decoder.mean.shape[:2]
    stack = Stack([], decoder.model)
    for number in range(len(decoder.grids)):
        for i, j in decoder.places(number):
            begun = decoder.begin(number, i, j)
            for colour in range(decoder.coded):
                table, base, b = decoder.table(number, i, j, colour, begun)
                row = mix(mix(3 * seed + colour) + i & 0xFFFFFFFF)
                z = mix(row + j & 0xFFFFFFFF)
                q = 335544 + (((z >> 22) * 16106128 + 8053064) >> 10)
                sums, low = stack.cumulative("residual", table)
                entry = min(bisect.bisect_right(sums, q) - 1, len(sums) - 3)
                decoder.store(i, j, colour, ((base + low + entry) << b) + z % (1 << b))
    drawn = decoder.residual
    decoder.residual = drawn.copy()
    for i, j in itertools.product(range(height), range(width)):
        around = drawn[max(0, i - 3) : i + 4, max(0, j - 3) : j + 4].reshape(-1, 3)
        area = len(around)
        fine = drawn[i, j] - (around.sum(0) + area // 2) // area
        weight = weight_at(levels, i, j, height, width)
        decoder.residual[i, j] = show_grain(fine.tolist(), weight, decoder.model.sizes)
    return decoder.pixels(strength)


def weight_at(levels: bytes | None, i: int, j: int, height: int, width: int) -> int:
    """Section 8: how strong texture is at a pixel, in 1/64."""
    if levels is None:
        return 64
    side = 128 if height * width > 2**22 else 64
    rows, columns = -(-height // side), -(-width // side)
    assert len(levels) == -(-3 * rows * columns // 8)
    bits = int.from_bytes(levels, "little")
    assert bits < 1 << 3 * rows * columns
    (k, p), (m, q) = (divmod(2 * place + 1 - side, 2 * side) for place in (i, j))
    total = 0
    for row, part in ((k, 2 * side - p), (k + 1, p)):
        for column, other in ((m, 2 * side - q), (m + 1, q)):
            at = min(max(row, 0), rows - 1) * columns + min(max(column, 0), columns - 1)
            total += part * other * (0, 8, 11, 16, 22, 32, 45, 64)[bits >> 3 * at & 7]
    return (total + side * side // 2) // (side * side)


def show_grain(fine: list[int], weight: int, sizes: dict[str, int]) -> list[int]:
    """Section 8: what is shown of a pixel's draw, green, red, blue."""
    gain, chroma = sizes.get("texture_gain", 64), sizes.get("texture_chroma", 64)
    floor = sizes.get("texture_floor", 0)
    luma = 2 * fine[0] + fine[1] + fine[2]
    shown = []
    for f in fine:
        x = ((4 * chroma * f + (64 - chroma) * luma) * weight + 1024) >> 11
        x = min(max(x, -4080), 4080)
        d = 512 * (x * x + floor * floor)
        shown.append((2 * gain * x**3 + d) // (2 * d) if x else 0)
    return shown


def read_varints(data: bytes, offset: int, count: int) -> tuple[list[int], int]:
    values = []
    for _ in range(count):
        value = shift = 0
        while True:
            byte = data[offset]
            offset, value, shift = offset + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        values.append(value)
    return values, offset


Part = tuple[list[int], int | None]
"""Words and first CRC of a tile; no CRC if it is damaged."""


def read_parts(
    data: bytes, offset: int, sizes: list[int], robust: int = 0
) -> tuple[list[Part], int]:
    """What is not robust must be intact."""
    parts: list[Part] = []
    for words in sizes:
        body = data[offset : offset + 4 * words + 4]
        intact = zlib.crc32(body) == struct.unpack_from("<I", data, offset + len(body))[0]
        assert intact or robust
        (crc,) = struct.unpack("<I", body[-4:])
        parts.append((list(struct.unpack(f"<{words}I", body[:-4])), crc if intact else None))
        offset += len(body) + 4
    return parts, offset


def read_end(data: bytes, head: bytes, offset: int, latents: list[Part]) -> tuple[list[Part], int]:
    """Section 1, flag 4: of a damaged tile's latents the words behind the last damaged piece."""
    known = []
    for words, crc in latents:
        piece = max(64, -(-len(words) // 16))
        start = len(words)
        for first in range(len(words) - piece, 0, -piece):
            (check,) = struct.unpack_from("<I", data, offset)
            offset += 4
            stored = struct.pack(f"<{piece}I", *words[first : first + piece])
            if start == first + piece and zlib.crc32(stored) == check:
                start = first
        known.append((words[start:] if crc is None else words, crc))
    end = head + struct.pack("<I", len(head))
    assert data[offset:] == end + struct.pack("<I", zlib.crc32(end))
    return known, len(data)


def read_sections(
    data: bytes, offset: int, kinds: list[int], sizes: list[int]
) -> tuple[dict[int, bytes], int]:
    """The stored bytes of each section."""
    sections = {}
    for kind, size in zip(kinds, sizes, strict=True):
        sections[kind] = data[offset : offset + size]
        offset += size
        assert zlib.crc32(sections[kind]) == struct.unpack_from("<I", data, offset)[0]
        offset += 4
    return sections, offset


def read_extras(data: bytes) -> tuple[Array | None, dict[int, bytes]]:
    """Section 9: the alpha channel, and the ICC profile (1), EXIF (2) and XMP (3)."""
    flags, width, height = struct.unpack_from("<5xB4xHH", data)
    offset = 19 + (flags & 1)
    kinds = [k for k in range(8) if flags & 4 and data[offset] >> k & 1]
    sizes, offset = read_varints(data, offset + (flags >> 2 & 1), len(kinds))
    tiles = -(-(width + 1) // TILE) * -(-(height + 1) // TILE)
    _, offset = read_varints(data, offset, 1 if flags & 8 else tiles * (1 + (flags & 1)))
    sections, _ = read_sections(data, offset + 2, kinds, sizes)
    alpha = decode_webp(data)[..., 3] if flags & 0x40 else None
    if 0 in sections:
        alpha = np.asarray(Image.open(io.BytesIO(sections.pop(0))))
        alpha = alpha[..., 1] if alpha.ndim == 3 else alpha
        assert alpha.shape == (height + 1, width + 1)
    return alpha, {k: zlib.decompress(stored) for k, stored in sections.items() if k < 5}


def decode_webp(data: bytes) -> Array:
    """Section 11: the samples, uint8 [H, W, 3 or 4]."""
    _, version, flags, _, width, height, _, _, _ = struct.unpack_from("<4sBB4sHHHBH", data)
    assert (version, flags & 0x98) == (7, 8)
    offset = 19 + (flags & 1)
    kinds = [k for k in range(8) if flags & 4 and data[offset] >> k & 1]
    section_sizes, offset = read_varints(data, offset + (flags >> 2 & 1), len(kinds))
    (size,), offset = read_varints(data, offset, 1)
    assert binascii.crc_hqx(data[:offset], 0xFFFF) == struct.unpack_from("<H", data, offset)[0]
    _, offset = read_sections(data, offset + 2, kinds, section_sizes)
    body, (crc, check) = (
        data[offset : offset + size],
        struct.unpack_from("<II", data, offset + size),
    )
    assert len(data) == offset + size + 8
    assert zlib.crc32(data[offset:-4]) == check
    riff, riff_size, form, chunk, chunk_size, mark, bits = struct.unpack_from("<4sI4s4sIBI", body)
    assert (riff, form, chunk, mark) == (b"RIFF", b"WEBP", b"VP8L", 0x2F)
    assert riff_size + 8 == size == 20 + chunk_size + chunk_size % 2
    assert (bits & 0x3FFF, bits >> 14 & 0x3FFF) == (width, height)
    assert bits >> 28 == flags >> 6 & 1
    samples = np.asarray(Image.open(io.BytesIO(body)).convert("RGBA" if flags & 0x40 else "RGB"))
    assert zlib.crc32(samples.tobytes()) == crc
    return samples


class File(NamedTuple):
    """Section 1, without the sections beside the picture."""

    width: int
    height: int
    grey: int
    quality: int
    texture: int
    seed: int
    error: int
    boxes: list[tuple[int, int]]  # top and left of each tile
    latents: list[Part]
    pixels: list[Part]
    levels: bytes | None  # the texture map


def read_file(data: bytes) -> File:
    fields = struct.unpack_from("<4sBB4sHHHBH", data)
    magic, version, flags, _, width, height, quality, texture, seed = fields
    assert (magic, version, flags & 8) == (b"\x8bVLA", 7, 0)
    width, height, offset = width + 1, height + 1, 19
    error = data[offset] if flags & 1 else 0
    grey = flags & 2
    offset += flags & 1
    kinds = [k for k in range(8) if flags & 4 and data[offset] >> k & 1]
    section_sizes, offset = read_varints(data, offset + (flags >> 2 & 1), len(kinds))
    boxes = list(itertools.product(range(0, height, TILE), range(0, width, TILE)))
    sizes, offset = read_varints(data, offset, len(boxes) * (1 + (flags & 1)))
    assert binascii.crc_hqx(data[:offset], 0xFFFF) == struct.unpack_from("<H", data, offset)[0]
    head_size = offset + 2
    sections, offset = read_sections(data, head_size, kinds, section_sizes)
    latents, offset = read_parts(data, offset, sizes[: len(boxes)], flags & 16)
    pixels, offset = read_parts(data, offset, sizes[len(boxes) :])
    if flags & 16:
        latents, offset = read_end(data, data[:head_size], offset, latents)
    assert offset == len(data)
    return File(
        width, height, grey, quality, texture, seed, error, boxes, latents, pixels, sections.get(6)
    )


def lay_over(data: bytes, pixels: Array) -> Array:
    """Section 9: the overlay, if there is one."""
    flags, width, height = struct.unpack_from("<5xB4xHH", data)
    offset = 19
    kinds = [k for k in range(8) if flags & 4 and data[offset] >> k & 1]
    if 5 not in kinds:
        return pixels
    sizes, offset = read_varints(data, offset + 1, len(kinds))
    tiles = -(-(width + 1) // TILE) * -(-(height + 1) // TILE)
    _, offset = read_varints(data, offset, tiles)
    sections, _ = read_sections(data, offset + 2, kinds, sizes)
    overlay = np.asarray(Image.open(io.BytesIO(sections[5])))
    assert overlay.shape == (height + 1, width + 1, 4)
    assert set(np.unique(overlay[..., 3])) <= {0, 255}
    return np.where(overlay[..., 3:] == 255, overlay[..., :3], pixels)


def decode(
    data: bytes, model_path: Path, strength: int | None = None, preview: bool = False
) -> Array:
    """Sections 1 and 5: the pixels, uint8 [H, W, 3]. strength: of the texture, in 1/128."""
    if data[5] & 8:
        return decode_webp(data)[..., :3]
    file = read_file(data)
    width, height, grey, quality, texture, seed, error, boxes, latents, parts, levels = file
    model = Model(model_path)
    y = np.zeros((model.sizes["latent_channels"], -(-height // 16), -(-width // 16)), np.int64)
    for (top, left), (words, crc) in zip(boxes, latents, strict=True):
        rows, columns = -(-min(TILE, height - top) // 16), -(-min(TILE, width - left) // 16)
        y[:, top // 16 :, left // 16 :][:, :rows, :columns] = decode_latents(
            model, words, quality, rows, columns, crc is None
        )
    trunk = model.trunk(y, quality)
    samples = np.clip((model.mean_image(trunk) + 8) >> 4, 0, 255)
    mean = samples.transpose(1, 2, 0)[:height, :width].astype(np.uint8)
    check(mean, boxes, latents)
    if grey:
        red, green, blue = mean.transpose(2, 0, 1).astype(np.int64)
        mean = np.stack([(red + 2 * green + blue + 2) >> 2] * 3, 2).astype(np.uint8)
    if parts and not preview:
        pixels = mean.copy()
        for (top, left), (words, _) in zip(boxes, parts, strict=True):
            tile = mean[top : top + TILE, left : left + TILE]
            decoder = PixelDecoder(model, tile, trunk[:, top // 8 :, left // 8 :], error, 0, grey)
            pixels[top : top + TILE, left : left + TILE] = decode_tile(decoder, words)
        check(pixels, boxes, parts)
        return pixels
    strength = texture if strength is None else strength
    if strength == 0:
        return lay_over(data, mean)
    drawn = draw(PixelDecoder(model, mean, trunk, 0, 1, grey), seed, strength, levels)
    return lay_over(data, drawn)


def check(pixels: Array, boxes: list, parts: list) -> None:
    for (top, left), (_, crc) in zip(boxes, parts, strict=True):
        assert (
            crc is None or zlib.crc32(pixels[top : top + TILE, left : left + TILE].tobytes()) == crc
        )
