"""What the networks say of one tile's latents, as whole numbers; latents to symbols and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.entropy.scales import FRACTIONS, SCALES, TOP_STEPS
from vlaecodec.model.exactness import with_own_defaults
from vlaecodec.model.frozen import LatentArray, PhotoModel
from vlaecodec.networks.common.formats import LATENT, SCALE_FRAC_BITS, STEP_FRAC_BITS, TOP
from vlaecodec.networks.photo.architecture import PASSES, TOP_FACTOR
from vlaecodec.networks.photo.prior import gather_pass, scatter_pass

Symbols = NDArray[np.int64]
"""Of one pass [1, C / 4, rows, columns], or of the top latent."""

SYMBOL_LIMIT = 2**14
"""Quantised latents are clipped to this magnitude; the step tables keep them far below."""


class LatentPredictor:
    """The predictions of one tile's latents at one quality. Knows nothing of the entropy coder.

    Its methods compute exactly only within `exactly`.
    """

    @with_own_defaults
    def __init__(self, model: PhotoModel, quality_code: int, rows: int, columns: int) -> None:
        self.network = model.network
        self.rows, self.columns = rows, columns
        self.code = torch.tensor([quality_code], dtype=torch.int64)
        channels = self.network.arch.latent_channels
        self.shape = (1, channels // 4, rows, columns)
        """Of a pass."""
        top_rows, top_columns = -(-rows // TOP_FACTOR), -(-columns // TOP_FACTOR)
        self.top_shape = (1, self.network.arch.top_channels, top_rows, top_columns)
        everywhere = (1, channels, rows, columns)
        steps = self.network.step.integer_step(self.code).expand(everywhere)
        offsets = self.network.step.scale_offset(self.code).expand(everywhere)
        self.steps = [gather_pass(steps, k).numpy() for k in range(PASSES)]
        self.offsets = [gather_pass(offsets, k).numpy() for k in range(PASSES)]

    # Predictions.

    def posterior(self, decoded: Tensor) -> tuple[Symbols, Symbols]:
        """q(h | y1): means on the grid of h, and scale indices. decoded: with y1, the rest zero."""
        mean, scale = self.network.posterior(_channels_last(decoded), self.code)
        return _to_int(mean), _to_int(scale) + 8 >> SCALE_FRAC_BITS

    def anchor_prior(self, top: Symbols) -> tuple[Symbols, Symbols]:
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

    def pass_prior(self, decoded: Tensor, number: int) -> tuple[Symbols, Symbols]:
        """p(pass k | passes before): means in LATENT units, and table indices."""
        prior = self.network.pass_priors[number - 1]
        mean, scale = (_to_int(x) for x in prior(_channels_last(decoded), self.code))
        return mean, self._scale(scale, number) * FRACTIONS

    def _scale(self, predicted: Symbols, number: int) -> Symbols:
        """Table scale indices 0..63 from predicted ones, which do not know the step."""
        half = 1 << (SCALE_FRAC_BITS - 1)
        index = predicted + self.offsets[number] + half >> SCALE_FRAC_BITS
        return np.clip(index, 0, SCALES - 1)

    # Between latents and symbols.

    def offset_steps(self, y: Tensor, mean: Symbols, number: int) -> NDArray[np.floating]:
        """How far a pass of y lies from means in LATENT units, in quantisation steps."""
        difference = gather_pass(y, number).numpy() * LATENT.scale - mean
        steps: NDArray[np.floating] = difference / (self.steps[number] / 2**STEP_FRAC_BITS)
        return steps

    def quantise(self, y: Tensor, mean: Symbols, number: int) -> Symbols:
        """The symbols nearest to a pass of y, around means in LATENT units."""
        symbols = np.floor(self.offset_steps(y, mean, number) + 0.5)
        return np.clip(symbols, -SYMBOL_LIMIT, SYMBOL_LIMIT - 1).astype(np.int64)

    def quantise_anchor(self, y: Tensor) -> Symbols:
        """The anchor in whole steps."""
        return self.quantise(y, np.zeros(self.shape, np.int64), 0)

    def dequantise(self, symbols: Symbols, mean: Symbols, number: int) -> Tensor:
        """mean + symbol * step in LATENT units, rounded half up, in the pass's place.

        float32 [1, C, rows, columns], zero in the places of other passes.
        """
        half = 1 << (STEP_FRAC_BITS - 1)
        value = mean + (symbols * self.steps[number] + half >> STEP_FRAC_BITS)
        values = torch.from_numpy(np.clip(value, LATENT.low, LATENT.high)).float()
        return scatter_pass(values, number)

    def dequantise_anchor(self, anchor: Symbols) -> Tensor:
        """The anchor alone in LATENT units: float32 [1, C, rows, columns]."""
        return self.dequantise(anchor, np.zeros_like(anchor), 0)


def round_top(mean: Symbols) -> Symbols:
    """h for the deterministic fallback: the mean on the coarse grid."""
    return (mean + TOP_STEPS // 2) // TOP_STEPS * TOP_STEPS


def to_latent_array(latent: Tensor) -> LatentArray:
    """LATENT [1, C, rows, columns] as int16 [C, rows, columns]."""
    return latent[0].to(torch.int16).contiguous().numpy()


def _to_int(x: Tensor) -> Symbols:
    return x.to(torch.int64).numpy()


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
