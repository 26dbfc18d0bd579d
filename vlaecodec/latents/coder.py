"""One tile's latents to entropy-coded words and back: `encode_latent` and `decode_latent`.

The stack's order, for one tile alone and without initial bits (bits-back coding: arXiv 1901.04866).
y2 does not depend on h, so it is pushed first and is the reservoir that h is popped from:

    encode:  push y2 | y1  ->  pop h ~ q(h | y1)   ->  push y1 | h  ->  push h  ->  push a flag
    decode:  pop a flag  ->  pop h  ->  pop y1 | h  ->  push h ~ q(h | y1)  ->  pop y2 | y1

When the reservoir is too small, h is the posterior's mean on a coarse grid, and the flag is 1.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.entropy.ans import AnsStack, CodingTables, Symbols
from vlaecodec.entropy.scales import FRACTIONS, SCALES, TOP_SCALE_OCTAVE, TOP_STEPS
from vlaecodec.errors import DamagedError
from vlaecodec.model.frozen import LatentArray, PhotoModel, exactly
from vlaecodec.networks.common.fixed_point import LATENT
from vlaecodec.networks.common.quality import SCALE_FRAC_BITS, STEP_FRAC_BITS
from vlaecodec.networks.photo.prior import PASSES, TOP, TOP_FACTOR, gather_pass, scatter_pass

Words = NDArray[np.uint32]
Array = NDArray[np.int64]

SYMBOL_LIMIT = 2**14
"""Quantised latents are clipped to this magnitude; the step tables keep them far below."""

RESERVOIR_MARGIN_BITS = 64


@lru_cache(maxsize=4)
def _coding_tables(model: PhotoModel) -> dict[str, CodingTables]:
    return {kind: CodingTables(tables) for kind, tables in model.tables.items()}


def encode_latent(
    model: PhotoModel, y: Tensor, quality_code: int, *, bits_back: bool | None = None
) -> tuple[Words, LatentArray]:
    """Quantise and code one tile.

    y: float32 [1, C, rows, columns] from the analysis network. `bits_back` forces or forbids
    bits-back coding of h; by default it is used when the reservoir suffices. Returns the words,
    uint32, bottom of the stack first, and the dequantised latents that the decoder will see.
    """
    return TileCoder(model, quality_code, *y.shape[-2:]).encode(y, bits_back)


def decode_latent(
    model: PhotoModel, words: Words, quality_code: int, rows: int, columns: int
) -> LatentArray:
    """Decode one tile's latents.

    Raises DamagedError if the words are not all used up exactly.
    """
    return TileCoder(model, quality_code, rows, columns).decode(words)


class TileCoder:
    """The arithmetic that both directions share, at one quality and tile size."""

    def __init__(self, model: PhotoModel, quality_code: int, rows: int, columns: int) -> None:
        self.network = model.network
        self.tables = _coding_tables(model)
        self.rows, self.columns = rows, columns
        self.code = torch.tensor([quality_code], dtype=torch.int64)
        channels = self.network.arch.latent_channels
        self.shape = (1, channels // 4, rows, columns)
        everywhere = (1, channels, rows, columns)
        steps = self.network.step.integer_step(self.code).expand(everywhere)
        offsets = self.network.step.scale_offset(self.code).expand(everywhere)
        self.steps = [gather_pass(steps, k).numpy() for k in range(PASSES)]
        self.offsets = [gather_pass(offsets, k).numpy() for k in range(PASSES)]

    @exactly
    def encode(self, y: Tensor, bits_back: bool | None) -> tuple[Words, LatentArray]:
        anchor = self._quantise_anchor(y)
        known = scatter_pass(self._dequantise(anchor, np.zeros_like(anchor), 0), 0)
        posterior = self._posterior(known)
        rest = []
        for number in range(1, PASSES):
            mean, scale = self._pass_prior(known, number)
            target = gather_pass(y, number).numpy() * LATENT.scale
            symbols = self._quantise(target - mean, number)
            known = known + scatter_pass(self._dequantise(symbols, mean, number), number)
            rest.append((symbols, scale * FRACTIONS))

        stack = AnsStack()
        for symbols, indices in reversed(rest):
            self._push(stack, "latent", symbols, indices)
        if bits_back is None:
            bits_back = stack.size_bits() >= self._reservoir_bits(posterior[1])
        top = self._pop_top(stack, posterior) if bits_back else self._round_top(posterior[0])
        base, indices = self._anchor_prior(top)
        self._push(stack, "latent", anchor - base, indices)
        self._push_top_prior(stack, top, bits_back)
        return stack.words(), to_latent_array(known)

    @exactly
    def decode(self, words: Words) -> LatentArray:
        stack = AnsStack(words)
        top, bits_back = self._pop_top_prior(stack)
        base, indices = self._anchor_prior(top)
        anchor = base + self._pop(stack, "latent", indices)
        known = scatter_pass(self._dequantise(anchor, np.zeros_like(anchor), 0), 0)
        if bits_back:
            self._push_top(stack, self._posterior(known), top)
        for number in range(1, PASSES):
            mean, scale = self._pass_prior(known, number)
            symbols = self._pop(stack, "latent", scale * FRACTIONS)
            known = known + scatter_pass(self._dequantise(symbols, mean, number), number)
        if not stack.is_empty():
            raise DamagedError("the entropy-coded data does not end where it should")
        return to_latent_array(known)

    # What the networks predict, as whole numbers.

    def _posterior(self, known: Tensor) -> tuple[Array, Array]:
        """q(h | y1): means on the grid of h, and scale indices."""
        mean, scale = self.network.posterior(_channels_last(known), self.code)
        return _to_int(mean), _to_int(scale) + 8 >> SCALE_FRAC_BITS

    def _anchor_prior(self, top: Array) -> tuple[Array, Array]:
        """p(y1 | h): whole parts of the means in quantisation steps, and table indices."""
        clamped = TOP.clamp(torch.from_numpy(top).float())
        mean, scale = (
            _to_int(x)
            for x in self.network.anchor_prior(
                _channels_last(clamped), self.code, self.rows, self.columns
            )
        )
        steps = self.steps[0]
        position = (mean * (FRACTIONS << STEP_FRAC_BITS) + steps // 2) // steps
        return position // FRACTIONS, self._scale(scale, 0) * FRACTIONS + position % FRACTIONS

    def _pass_prior(self, known: Tensor, number: int) -> tuple[Array, Array]:
        """p(pass k | passes before): means in LATENT units, and scale indices."""
        prior = self.network.pass_priors[number - 1]
        mean, scale = (_to_int(x) for x in prior(_channels_last(known), self.code))
        return mean, self._scale(scale, number)

    def _scale(self, predicted: Array, number: int) -> Array:
        """Table scale indices 0..63 from predicted ones, which do not know the step."""
        half = 1 << (SCALE_FRAC_BITS - 1)
        index = predicted + self.offsets[number] + half >> SCALE_FRAC_BITS
        return np.clip(index, 0, SCALES - 1)

    # Between latents and symbols.

    def _quantise(self, difference: NDArray[np.floating], number: int) -> Array:
        """Symbols nearest to a difference in LATENT units."""
        steps = self.steps[number] / 2**STEP_FRAC_BITS
        symbols = np.floor(difference / steps + 0.5)
        return np.clip(symbols, -SYMBOL_LIMIT, SYMBOL_LIMIT - 1).astype(np.int64)

    def _quantise_anchor(self, y: Tensor) -> Array:
        return self._quantise(gather_pass(y, 0).numpy() * LATENT.scale, 0)

    def _dequantise(self, symbols: Array, mean: Array, number: int) -> Tensor:
        """mean + symbol * step in LATENT units, rounded half up: float32 [1, C/4, H, W]."""
        half = 1 << (STEP_FRAC_BITS - 1)
        value = mean + (symbols * self.steps[number] + half >> STEP_FRAC_BITS)
        return torch.from_numpy(np.clip(value, LATENT.low, LATENT.high)).float()

    # Pairs that undo each other on the stack.

    def _push(self, stack: AnsStack, kind: str, symbols: Array, indices: Array) -> None:
        stack.push(symbols.astype(np.int32).ravel(), indices.ravel(), self.tables[kind])

    def _pop(self, stack: AnsStack, kind: str, indices: Array) -> Array:
        symbols: Symbols = stack.pop(indices.ravel(), self.tables[kind])
        return symbols.reshape(indices.shape).astype(np.int64)

    def _push_top(self, stack: AnsStack, posterior: tuple[Array, Array], top: Array) -> None:
        self._push(stack, "posterior", top - posterior[0], posterior[1])

    def _pop_top(self, stack: AnsStack, posterior: tuple[Array, Array]) -> Array:
        return posterior[0] + self._pop(stack, "posterior", posterior[1])

    def _push_top_prior(self, stack: AnsStack, top: Array, bits_back: bool) -> None:
        symbols = top if bits_back else top // TOP_STEPS
        self._push(stack, "top", symbols, np.full_like(top, 0 if bits_back else 1))
        self._push(stack, "flag", np.array([0 if bits_back else 1]), np.zeros(1, np.int64))

    def _pop_top_prior(self, stack: AnsStack) -> tuple[Array, bool]:
        bits_back = int(self._pop(stack, "flag", np.zeros(1, np.int64))[0]) == 0
        top_rows, top_columns = -(-self.rows // TOP_FACTOR), -(-self.columns // TOP_FACTOR)
        shape = (1, self.network.arch.top_channels, top_rows, top_columns)
        top = self._pop(stack, "top", np.full(shape, 0 if bits_back else 1))
        return (top if bits_back else top * TOP_STEPS), bits_back

    def _round_top(self, mean: Array) -> Array:
        """h for the deterministic fallback: the mean on the coarse grid."""
        return (mean + TOP_STEPS // 2) // TOP_STEPS * TOP_STEPS

    def _reservoir_bits(self, scale: Array) -> float:
        """How much popping h ~ q takes off the stack, with a margin of four deviations."""
        entropy = np.log2(math.sqrt(2 * math.pi * math.e)) + scale / TOP_SCALE_OCTAVE
        return float(entropy.sum() + 4 * math.sqrt(scale.size) + RESERVOIR_MARGIN_BITS)


def _to_int(x: Tensor) -> Array:
    return x.to(torch.int64).numpy()


def to_latent_array(latent: Tensor) -> LatentArray:
    """LATENT [1, C, rows, columns] as int16 [C, rows, columns]."""
    return latent[0].to(torch.int16).contiguous().numpy()


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
