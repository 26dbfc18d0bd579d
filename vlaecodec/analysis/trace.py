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
from vlaecodec.entropy.ans import ESCAPE_BITS
from vlaecodec.entropy.scales import TOP_STEPS
from vlaecodec.errors import DamagedError
from vlaecodec.latents.coder import Words, decode_latent
from vlaecodec.latents.predictor import LatentPredictor, Symbols
from vlaecodec.model.frozen import LatentArray, PhotoModel, load_model
from vlaecodec.model.registry import find_fingerprint
from vlaecodec.model.tiled import empty_latent
from vlaecodec.networks.photo.architecture import PASSES, TOP_FACTOR

Bits = NDArray[np.float64]


@dataclass(frozen=True)
class LatentTrace:
    """What one tile's stack held."""

    top: Symbols
    """h, int64 [K, ceil(rows / 4), ceil(columns / 4)]."""
    symbols: list[Symbols]
    """Of each pass, in steps around its predicted mean: int64 [C / 4, rows, columns]."""
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
        tiles.append(trace_latent(model, to_words(tile.payload), header.quality_code, size))
    return FileTrace(container, model, tiles)


def trace_latent(
    model: PhotoModel, words: Words, quality_code: int, size: tuple[int, int]
) -> LatentTrace:
    """Like decode_latent, but tells all symbols. size: rows, columns of y."""
    traced: dict[str, list[tuple[Symbols, Bits]]] = {}

    def note(kind: str, symbols: Symbols, indices: Symbols) -> None:
        bits = model.tables[kind].code_lengths(symbols, indices, ESCAPE_BITS)
        traced.setdefault(kind, []).append((symbols, bits))

    decode_latent(model, words, quality_code, *size, on_symbols=note)
    ((top, top_bits),) = traced["top"]
    if "posterior" in traced:
        ((_, returned_bits),) = traced["posterior"]
        top_bits = top_bits - returned_bits
    else:
        top = top * TOP_STEPS
    passes = traced["latent"]
    return LatentTrace(
        top=top,
        symbols=[symbols for symbols, _ in passes],
        top_bits=top_bits.sum(0),
        pass_bits=[bits.sum(0) for _, bits in passes],
    )


def rebuild_latent(
    model: PhotoModel,
    top: Symbols,
    symbols: Sequence[Symbols],
    quality_code: int,
    size: tuple[int, int],
) -> LatentArray:
    """One tile's latents, int16 [C, rows, columns], from h and the symbols of the first passes.

    Passes without symbols are as predicted from those before. With all of a tile's own, this is
    what decode_latent returns.
    """
    predictor = LatentPredictor(model, quality_code, *size)
    base, indices = predictor.anchor_prior(top)
    if symbols:
        decoded = predictor.dequantise_anchor(base + symbols[0])
    else:
        decoded = predictor.predicted_anchor(base, indices)
    for number in range(1, PASSES):
        mean, _ = predictor.pass_prior(decoded, number)
        part = symbols[number] if number < len(symbols) else np.zeros_like(mean)
        decoded = decoded + predictor.dequantise(part, mean, number)
    return decoded


def _spread(top_bits: Bits, size: tuple[int, int]) -> Bits:
    """Each value evenly over the positions of y that it covers, fewer at the edges."""
    counts = [np.bincount(np.arange(side) // TOP_FACTOR) for side in size]
    shares = top_bits / np.outer(*counts)
    large = shares.repeat(TOP_FACTOR, 0).repeat(TOP_FACTOR, 1)
    return large[: size[0], : size[1]]
