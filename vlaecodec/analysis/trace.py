"""A file's latents as they come off the stack: each symbol, and what it cost.

`rebuild_latent` goes back from symbols to latents: with some left out, to see what the others tell,
or with another file's top latent, to see what that predicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.container import Container, read_container
from vlaecodec.bitstream.header import Header
from vlaecodec.bitstream.payload import to_words
from vlaecodec.bitstream.tiles import latent_window, tiles_of
from vlaecodec.entropy.ans import ESCAPE_BITS, AnsStack
from vlaecodec.entropy.scales import FRACTIONS, TOP_STEPS
from vlaecodec.errors import DamagedError
from vlaecodec.latents.coder import Array, TileCoder, Words, to_latent_array
from vlaecodec.model.frozen import LatentArray, PhotoModel, exactly, load_model
from vlaecodec.model.registry import find_fingerprint
from vlaecodec.model.tiled import empty_latent
from vlaecodec.networks.common.quality import STEP_FRAC_BITS
from vlaecodec.networks.photo.prior import PASSES, TOP_FACTOR, scatter_pass

Bits = NDArray[np.float64]


@dataclass(frozen=True)
class LatentTrace:
    """What one tile's stack held."""

    top: Array
    """h, int64 [1, K, ceil(rows / 4), ceil(columns / 4)]."""
    symbols: list[Array]
    """Of each pass, in steps around its predicted mean: int64 [1, C / 4, rows, columns]."""
    top_bits: Bits
    """-log2 p(h) + log2 q(h | y1) at each position of h: net of what bits-back returned.

    Without the tile's flag, whose 6 bits (where h is deterministic) are no part of a picture."""
    pass_bits: list[Bits]
    """Of each pass, at each position of y: float64 [rows, columns]."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of y."""
        rows, columns = self.pass_bits[0].shape
        return rows, columns


@dataclass(frozen=True)
class FileTrace:
    """All tiles of a file."""

    container: Container
    model: PhotoModel
    tiles: list[LatentTrace]

    @property
    def header(self) -> Header:
        """The file's."""
        return self.container.header

    def latent(self, passes: int = PASSES, tops: FileTrace | None = None) -> LatentArray:
        """The latents of the first passes, later ones as predicted; top latents as in `tops`."""
        latent = empty_latent(self.model, self.header.shape)
        others = (tops or self).tiles
        for box, tile, other in zip(tiles_of(self.header.shape), self.tiles, others, strict=True):
            window = latent_window(box)
            latent[window] = rebuild_latent(
                self.model, other.top, tile.symbols[:passes], self.header.quality_code, tile.size
            )
        return latent

    def bits(self, passes: slice) -> Bits:
        """What the passes cost at each latent position of the picture."""
        return self._assemble([np.sum(tile.pass_bits[passes], 0) for tile in self.tiles])

    def top_bits(self) -> Bits:
        """What the top latent cost, net, spread evenly over the positions that it covers."""
        return self._assemble([_spread(tile.top_bits, tile.size) for tile in self.tiles])

    def _assemble(self, parts: Sequence[Bits]) -> Bits:
        height, width = empty_latent(self.model, self.header.shape).shape[1:]
        whole = np.empty((height, width))
        for box, part in zip(tiles_of(self.header.shape), parts, strict=True):
            whole[latent_window(box)[1:]] = part
        return whole


def trace_file(data: bytes) -> FileTrace:
    """Decode a file's latents symbol by symbol. Raises what `decode` raises."""
    container = read_container(data)
    header = container.header
    model = load_model(find_fingerprint(header.fingerprint))
    tiles = []
    for tile, box in zip(container.latents, tiles_of(header.shape), strict=True):
        if tile is None:
            raise DamagedError("a tile is damaged")
        _, rows, columns = latent_window(box)
        size = (rows.stop - rows.start, columns.stop - columns.start)
        tiles.append(trace_latent(model, to_words(tile), header.quality_code, size))
    return FileTrace(container, model, tiles)


def trace_latent(
    model: PhotoModel, words: Words, quality_code: int, size: tuple[int, int]
) -> LatentTrace:
    """Like latent_coder.decode_latent, but tells all symbols. size: rows, columns of y."""
    recorder = _Recorder(model, quality_code, *size)
    recorder.decode(words)
    ((top, top_bits),) = recorder.seen["top"]
    if "posterior" in recorder.seen:
        ((_, returned_bits),) = recorder.seen["posterior"]
        top_bits = top_bits - returned_bits
    else:
        top = top * TOP_STEPS
    passes = recorder.seen["latent"]
    return LatentTrace(
        top=top,
        symbols=[symbols for symbols, _ in passes],
        top_bits=top_bits[0].sum(0),
        pass_bits=[bits[0].sum(0) for _, bits in passes],
    )


def rebuild_latent(
    model: PhotoModel,
    top: Array,
    symbols: Sequence[Array],
    quality_code: int,
    size: tuple[int, int],
) -> LatentArray:
    """One tile's latents, int16 [C, rows, columns], from h and the symbols of the first passes.

    Passes without symbols are as predicted from those before. With all of a tile's own, this is
    what latent_coder.decode_latent returns.
    """
    return _Rebuilder(model, quality_code, *size).rebuild(top, symbols)


class _Recorder(TileCoder):
    """A decoder that notes what it pops, and what it pushes to give bits back."""

    def __init__(self, model: PhotoModel, quality_code: int, rows: int, columns: int) -> None:
        super().__init__(model, quality_code, rows, columns)
        self.seen: dict[str, list[tuple[Array, Bits]]] = {}

    def _push(self, stack: AnsStack, kind: str, symbols: Array, indices: Array) -> None:
        super()._push(stack, kind, symbols, indices)
        self._note(kind, symbols, indices)

    def _pop(self, stack: AnsStack, kind: str, indices: Array) -> Array:
        symbols = super()._pop(stack, kind, indices)
        self._note(kind, symbols, indices)
        return symbols

    def _note(self, kind: str, symbols: Array, indices: Array) -> None:
        tables = self.tables[kind].tables
        bits = tables.code_lengths(symbols, indices, ESCAPE_BITS)
        self.seen.setdefault(kind, []).append((symbols, bits))


class _Rebuilder(TileCoder):
    """Symbols to latents, without a stack."""

    @exactly
    def rebuild(self, top: Array, symbols: Sequence[Array]) -> LatentArray:
        base, indices = self._anchor_prior(top)
        if symbols:
            anchor, mean = base + symbols[0], np.zeros_like(base)
        else:
            eighths = base * FRACTIONS + indices % FRACTIONS
            anchor, mean = np.zeros_like(base), self._to_units(eighths)
        known = scatter_pass(self._dequantise(anchor, mean, 0), 0)
        for number in range(1, PASSES):
            mean, _ = self._pass_prior(known, number)
            part = symbols[number] if number < len(symbols) else np.zeros_like(mean)
            known = known + scatter_pass(self._dequantise(part, mean, number), number)
        return to_latent_array(known)

    def _to_units(self, eighths: Array) -> Array:
        """LATENT units, from the fractions of steps that means of the anchor are resolved to."""
        return eighths * self.steps[0] // (FRACTIONS << STEP_FRAC_BITS)


def _spread(top_bits: Bits, size: tuple[int, int]) -> Bits:
    """Each value evenly over the positions of y that it covers, fewer at the edges."""
    counts = [np.bincount(np.arange(side) // TOP_FACTOR) for side in size]
    shares = top_bits / np.outer(*counts)
    large = shares.repeat(TOP_FACTOR, 0).repeat(TOP_FACTOR, 1)
    return large[: size[0], : size[1]]
