"""Rounding that spends fewer bits where they matter less, on the one grid that a file has.

A file has one quality and so one quantisation step a channel. Where a place deserves less, its
latents are rounded towards what the prior expects, as far as the bits that this saves outweigh the
error: most become the expected value itself, a deadzone. What follows is predicted from what was
sent, so scales shrink along. Decoders know nothing of it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.entropy.ans import ESCAPE_BITS
from vlaecodec.entropy.scales import FRACTIONS, latent_scale
from vlaecodec.latents.coder import SYMBOL_LIMIT, Array, TileCoder
from vlaecodec.model.frozen import PhotoModel, exactly
from vlaecodec.networks.common.fixed_point import LATENT
from vlaecodec.networks.common.quality import STEP_FRAC_BITS
from vlaecodec.networks.photo.prior import PASSES, gather_pass, scatter_pass
from vlaecodec.picture.roi import Weights

STEP_BITS = 8.0
"""What an error of one step is worth at half weight, in bits: chosen on validation photos, so that
a weight w gives about the PSNR of a file whose lambda is w times as large, from 1/2 to 1/16."""

_WEIGHT_MAX = 0.999


def rdo_quantise(model: PhotoModel, y: Tensor, quality_code: int, weights: Weights) -> Tensor:
    """A tile's latents as they are best sent: float32 [1, C, rows, columns], on the file's grid.

    y: the same, as analysed. weights: of each position [rows, columns], relative to the file's
    quality; at 1 and above rounding is to the nearest.
    """
    return _Rounder(model, quality_code, *y.shape[-2:]).choose(y, weights)


class _Rounder(TileCoder):
    """An encoder that only decides."""

    @exactly
    def choose(self, y: Tensor, weights: Weights) -> Tensor:
        relative = np.clip(weights, 0, _WEIGHT_MAX)
        worth = np.broadcast_to(STEP_BITS * relative / (1 - relative), self.shape)
        nearest = self._quantise_anchor(y)
        known = scatter_pass(self._dequantise(nearest, np.zeros_like(nearest), 0), 0)
        # h hardly depends on how y1 is rounded; its posterior's mean stands for what will be drawn.
        base, indices = self._anchor_prior(self._round_top(self._posterior(known)[0]))
        expected = indices % FRACTIONS / FRACTIONS
        away = self._in_steps(gather_pass(y, 0).numpy() * LATENT.scale, 0) - base
        anchor = base + self._cheapest(away, expected, indices, worth)
        known = scatter_pass(self._dequantise(anchor, np.zeros_like(anchor), 0), 0)
        for number in range(1, PASSES):
            mean, scale = self._pass_prior(known, number)
            away = self._in_steps(gather_pass(y, number).numpy() * LATENT.scale - mean, number)
            symbols = self._cheapest(away, np.zeros(()), scale * FRACTIONS, worth)
            known = known + scatter_pass(self._dequantise(symbols, mean, number), number)
        return known / LATENT.scale

    def _in_steps(self, difference: NDArray[np.floating], number: int) -> NDArray[np.floating]:
        steps: NDArray[np.floating] = difference / (self.steps[number] / 2**STEP_FRAC_BITS)
        return steps.clip(-SYMBOL_LIMIT, SYMBOL_LIMIT - 1)

    def _cheapest(
        self,
        away: NDArray[np.floating],
        expected: NDArray[np.floating],
        indices: Array,
        worth: Weights,
    ) -> Array:
        """Symbols of least bits + worth * squared error, among the likely ones.

        away: what is to be sent, in steps. expected: where its distribution is centred. indices: of
        the tables. All [1, C / 4, rows, columns].
        """
        scale = latent_scale(indices // FRACTIONS)
        pull = 1 / (2 * math.log(2) * scale**2)
        # The minimum, were the symbol real and its distribution Gaussian.
        between = np.floor((worth * away + pull * expected) / (worth + pull))
        best = np.floor(away + 0.5).astype(np.int64)
        least = self._cost(best, away, indices, worth)
        for candidate in (between, between + 1, np.floor(expected + 0.5)):
            symbols = np.broadcast_to(candidate, away.shape).astype(np.int64)
            cost = self._cost(symbols, away, indices, worth)
            best = np.where(cost < least, symbols, best)
            least = np.minimum(cost, least)
        return best

    def _cost(
        self, symbols: Array, away: NDArray[np.floating], indices: Array, worth: Weights
    ) -> NDArray[np.floating]:
        bits = self.tables["latent"].tables.code_lengths(symbols, indices, ESCAPE_BITS)
        return bits + worth * (away - symbols) ** 2
