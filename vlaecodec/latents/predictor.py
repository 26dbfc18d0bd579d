"""The networks' predictions of one tile's latents, and latents to symbols and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.scales import FRACTIONS, SCALES, TOP_STEPS
from vlaecodec.frozen.passes import gather_pass, scatter_pass
from vlaecodec.model.frozen import LatentArray, PhotoModel
from vlaecodec.networks.common.formats import LATENT, SCALE_FRAC_BITS, STEP_FRAC_BITS, TOP
from vlaecodec.networks.photo.architecture import PASSES, TOP_FACTOR

Symbols = NDArray[np.int64]
"""Of one pass [C / 4, rows, columns], or of the top latent."""

FloatLatent = NDArray[np.float32]
"""A tile's y from the analysis network, before quantisation: [C, rows, columns]."""

SYMBOL_LIMIT = 2**14
"""Quantised latents are clipped to this magnitude; the step tables keep them far below."""


class LatentPredictor:
    """The predictions of one tile's latents at one quality. Knows nothing of the entropy coder."""

    def __init__(self, model: PhotoModel, quality_code: int, rows: int, columns: int) -> None:
        self.prior, self.code = model.prior, quality_code
        self.rows, self.columns = rows, columns
        channels = model.arch.latent_channels
        self.shape = (channels // 4, rows, columns)
        """Of a pass."""
        top_rows, top_columns = -(-rows // TOP_FACTOR), -(-columns // TOP_FACTOR)
        self.top_shape = (model.arch.top_channels, top_rows, top_columns)
        self.steps, self.offsets = (
            [self._everywhere(values, number) for number in range(PASSES)]
            for values in (
                self.prior.step.steps(quality_code),
                self.prior.step.scale_offsets(quality_code),
            )
        )

    def _everywhere(self, values: Symbols, number: int) -> Symbols:
        """Values of channels [C] in the places of a pass."""
        shape = (len(values), self.rows, self.columns)
        return gather_pass(np.broadcast_to(values[:, None, None], shape), number)

    # Predictions.

    def posterior(self, decoded: LatentArray) -> tuple[Symbols, Symbols]:
        """q(h | y1): means on the grid of h, and scale indices. decoded: with y1, the rest zero."""
        mean, scale = self.prior.posterior(decoded, self.code)
        return _to_int(mean), _to_int(scale) + 8 >> SCALE_FRAC_BITS

    def anchor_prior(self, top: Symbols) -> tuple[Symbols, Symbols]:
        """p(y1 | h): whole parts of the means in quantisation steps, and table indices."""
        predicted = self.prior.anchor(TOP.clamp(top), self.code, self.rows, self.columns)
        mean, scale = (_to_int(x) for x in predicted)
        steps = self.steps[0]
        position = (mean * (FRACTIONS << STEP_FRAC_BITS) + steps // 2) // steps
        return position // FRACTIONS, self._scale(scale, 0) * FRACTIONS + position % FRACTIONS

    def pass_prior(self, decoded: LatentArray, number: int) -> tuple[Symbols, Symbols]:
        """p(pass k | passes before): means in LATENT units, and table indices."""
        mean, scale = (_to_int(x) for x in self.prior.passes[number - 1](decoded, self.code))
        return mean, self._scale(scale, number) * FRACTIONS

    def _scale(self, predicted: Symbols, number: int) -> Symbols:
        """Table scale indices 0..63 from predicted ones, which do not know the step."""
        half = 1 << (SCALE_FRAC_BITS - 1)
        index = predicted + self.offsets[number] + half >> SCALE_FRAC_BITS
        return np.clip(index, 0, SCALES - 1)

    # Between latents and symbols.

    def offset_steps(self, y: FloatLatent, mean: Symbols, number: int) -> NDArray[np.floating]:
        """How far a pass of y lies from means in LATENT units, in quantisation steps."""
        difference = gather_pass(y, number) * LATENT.scale - mean
        steps: NDArray[np.floating] = difference / (self.steps[number] / 2**STEP_FRAC_BITS)
        return steps

    def quantise(self, y: FloatLatent, mean: Symbols, number: int) -> Symbols:
        """The symbols nearest to a pass of y, around means in LATENT units."""
        symbols = np.floor(self.offset_steps(y, mean, number) + 0.5)
        return np.clip(symbols, -SYMBOL_LIMIT, SYMBOL_LIMIT - 1).astype(np.int64)

    def quantise_anchor(self, y: FloatLatent) -> Symbols:
        """The anchor in whole steps."""
        return self.quantise(y, np.zeros(self.shape, np.int64), 0)

    def dequantise(self, symbols: Symbols, mean: Symbols, number: int) -> LatentArray:
        """mean + symbol * step in LATENT units, rounded half up, in the pass's place.

        [C, rows, columns], zero in the places of other passes.
        """
        half = 1 << (STEP_FRAC_BITS - 1)
        value = mean + (symbols * self.steps[number] + half >> STEP_FRAC_BITS)
        return scatter_pass(np.clip(value, LATENT.low, LATENT.high).astype(np.int16), number)

    def predicted_anchor(self, base: Symbols, indices: Symbols) -> LatentArray:
        """The mean that anchor_prior gives, in LATENT units: [C, rows, columns]."""
        fractions = base * FRACTIONS + indices % FRACTIONS
        mean = fractions * self.steps[0] // (FRACTIONS << STEP_FRAC_BITS)
        return self.dequantise(np.zeros_like(base), mean, 0)

    def dequantise_anchor(self, anchor: Symbols) -> LatentArray:
        """The anchor alone in LATENT units: [C, rows, columns]."""
        return self.dequantise(anchor, np.zeros_like(anchor), 0)


def round_top(mean: Symbols) -> Symbols:
    """h for the deterministic fallback: the mean on the coarse grid."""
    return (mean + TOP_STEPS // 2) // TOP_STEPS * TOP_STEPS


def _to_int(x: NDArray[np.float32]) -> Symbols:
    return np.ascontiguousarray(x).astype(np.int64)
