"""One tile's latents to entropy-coded words and back: `encode_latent` and `decode_latent`.

`decode_first_passes` shows what an end of damaged words tells.

The stack's order, for one tile alone and without initial bits (bits-back coding: arXiv 1901.04866).
y2 does not depend on h, so it is pushed first and is the reservoir that h is popped from:

    encode:  push y2 | y1  ->  pop h ~ q(h | y1)   ->  push y1 | h  ->  push h  ->  push a flag
    decode:  pop a flag  ->  pop h  ->  pop y1 | h  ->  push h ~ q(h | y1)  ->  pop y2 | y1

When the reservoir is too small, h is the posterior's mean on a coarse grid, and the flag is 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.ans import AnsStack
from vlaecodec.entropy.scales import TOP_SCALE_OCTAVE, TOP_STEPS
from vlaecodec.errors import DamagedError
from vlaecodec.latents.predictor import FloatLatent, LatentPredictor, Symbols, round_top
from vlaecodec.model.frozen import LatentArray, PhotoModel
from vlaecodec.networks.photo.architecture import PASSES

Words = NDArray[np.uint32]

OnSymbols = Callable[[str, Symbols, Symbols], None]
"""Called with a family of tables, symbols, and the indices of their tables."""

RESERVOIR_MARGIN_BITS = 64


def encode_latent(
    model: PhotoModel, y: FloatLatent, quality_code: int, *, bits_back: bool | None = None
) -> tuple[Words, LatentArray]:
    """Quantise and code one tile.

    y: [C, rows, columns] from the analysis network. `bits_back` forces or forbids
    bits-back coding of h; by default it is used when the reservoir suffices. Returns the words,
    uint32, bottom of the stack first, and the dequantised latents that the decoder will see.
    """
    predictor = LatentPredictor(model, quality_code, *y.shape[1:])
    anchor = predictor.quantise_anchor(y)
    decoded = predictor.dequantise_anchor(anchor)
    posterior = predictor.posterior(decoded)
    rest = []
    for number in range(1, PASSES):
        mean, indices = predictor.pass_prior(decoded, number)
        symbols = predictor.quantise(y, mean, number)
        decoded = decoded + predictor.dequantise(symbols, mean, number)
        rest.append((symbols, indices))

    stack = LatentStack(model)
    for symbols, indices in reversed(rest):
        stack.push("latent", symbols, indices)
    if bits_back is None:
        bits_back = stack.ans.size_bits() >= _reservoir_bits(posterior[1])
    top = stack.pop_top(posterior) if bits_back else round_top(posterior[0])
    base, indices = predictor.anchor_prior(top)
    stack.push("latent", anchor - base, indices)
    stack.push_top_prior(top, bits_back)
    return stack.ans.words(), decoded


def decode_latent(
    model: PhotoModel,
    words: Words,
    quality_code: int,
    rows: int,
    columns: int,
    on_symbols: OnSymbols | None = None,
) -> LatentArray:
    """Decode one tile's latents. on_symbols: told of all that the stack gives and takes back.

    Raises DamagedError if the words are not all used up exactly.
    """
    predictor = LatentPredictor(model, quality_code, rows, columns)
    stack = LatentStack(model, words, on_symbols)
    top, bits_back = stack.pop_top_prior(predictor.top_shape)
    base, indices = predictor.anchor_prior(top)
    anchor = base + stack.pop("latent", indices)
    decoded = predictor.dequantise_anchor(anchor)
    if bits_back:
        stack.push_top(predictor.posterior(decoded), top)
    for number in range(1, PASSES):
        mean, indices = predictor.pass_prior(decoded, number)
        symbols = stack.pop("latent", indices)
        decoded = decoded + predictor.dequantise(symbols, mean, number)
    if not stack.ans.is_empty():
        raise DamagedError("the entropy-coded data does not end where it should")
    return decoded


def decode_first_passes(
    model: PhotoModel, words: Words, quality_code: int, rows: int, columns: int
) -> LatentArray:
    """Decode a tile's latents from its last words: passes that need others are as predicted.

    words: without those at the bottom of the stack. Raises DamagedError if h needs these.
    """
    if len(words) == 0:  # nothing, so no network runs
        raise DamagedError("nothing of the tile is intact")
    predictor = LatentPredictor(model, quality_code, rows, columns)
    stack = LatentStack(model, words)
    top, bits_back = stack.pop_top_prior(predictor.top_shape)
    if stack.ans.has_run_out():
        raise DamagedError("not even the top latent is intact")
    base, indices = predictor.anchor_prior(top)
    anchor = base + stack.pop("latent", indices)
    is_intact = not stack.ans.has_run_out()
    if is_intact:
        decoded = predictor.dequantise_anchor(anchor)
        if bits_back:
            stack.push_top(predictor.posterior(decoded), top)
    else:
        decoded = predictor.predicted_anchor(base, indices)
    for number in range(1, PASSES):
        mean, indices = predictor.pass_prior(decoded, number)
        symbols = np.zeros_like(mean)
        if is_intact:
            popped = stack.pop("latent", indices)
            is_intact = not stack.ans.has_run_out()
            symbols = popped if is_intact else symbols
        decoded = decoded + predictor.dequantise(symbols, mean, number)
    return decoded


class LatentStack:
    """A tile's stack: pairs of methods that undo each other."""

    def __init__(
        self, model: PhotoModel, words: Words | None = None, on_symbols: OnSymbols | None = None
    ) -> None:
        self.ans = AnsStack() if words is None else AnsStack(words)
        self.tables = model.coding_tables
        self.on_symbols = on_symbols

    def push(self, kind: str, symbols: Symbols, indices: Symbols) -> None:
        """Put symbols on the stack, each with the table of its index in a family."""
        self.ans.push(symbols.astype(np.int32).ravel(), indices.ravel(), self.tables[kind])
        if self.on_symbols:
            self.on_symbols(kind, symbols, indices)

    def pop(self, kind: str, indices: Symbols) -> Symbols:
        """Take symbols off the stack: int64, of the shape of their indices."""
        popped = self.ans.pop(indices.ravel(), self.tables[kind])
        symbols = popped.reshape(indices.shape).astype(np.int64)
        if self.on_symbols:
            self.on_symbols(kind, symbols, indices)
        return symbols

    def push_top(self, posterior: tuple[Symbols, Symbols], top: Symbols) -> None:
        """Give the bits back that h was drawn from."""
        self.push("posterior", top - posterior[0], posterior[1])

    def pop_top(self, posterior: tuple[Symbols, Symbols]) -> Symbols:
        """Draw h from its posterior."""
        return posterior[0] + self.pop("posterior", posterior[1])

    def push_top_prior(self, top: Symbols, bits_back: bool) -> None:
        """Put h on the stack under its prior, and how it was chosen."""
        symbols = top if bits_back else top // TOP_STEPS
        self.push("top", symbols, np.full_like(top, 0 if bits_back else 1))
        self.push("flag", np.array([0 if bits_back else 1]), np.zeros(1, np.int64))

    def pop_top_prior(self, shape: tuple[int, ...]) -> tuple[Symbols, bool]:
        """Take h off the stack, and whether it was drawn."""
        bits_back = int(self.pop("flag", np.zeros(1, np.int64))[0]) == 0
        top = self.pop("top", np.full(shape, 0 if bits_back else 1))
        return (top if bits_back else top * TOP_STEPS), bits_back


def _reservoir_bits(scale: Symbols) -> float:
    """How much popping h ~ q takes off the stack, with a margin of four deviations."""
    entropy = np.log2(math.sqrt(2 * math.pi * math.e)) + scale / TOP_SCALE_OCTAVE
    return float(entropy.sum() + 4 * math.sqrt(scale.size) + RESERVOIR_MARGIN_BITS)
