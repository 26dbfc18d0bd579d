"""Rate-distortion optimised quantisation: fewer bits where errors count less, on one grid.

A file has one quality and so one quantisation step a channel. Where a place deserves less, its
latents are rounded towards what the prior expects, as far as the bits that this saves outweigh the
error: most become the expected value itself. Later latents are predicted from those that
were sent, so their scales shrink too. Decoding is the same as ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.tiles import latent_window, tiles_of
from vlaecodec.entropy.ans import ESCAPE_BITS
from vlaecodec.entropy.scales import FRACTIONS, latent_scale
from vlaecodec.entropy.tables import FrequencyTables
from vlaecodec.latents.importance import weigh_latents
from vlaecodec.latents.predictor import (
    SYMBOL_LIMIT,
    FloatLatent,
    LatentPredictor,
    Symbols,
    round_top,
)
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.networks.photo.architecture import PASSES
from vlaecodec.picture.roi import Weights

STEP_BITS = 8.0
"""The Lagrangian of an error of one step at half weight, in bits: chosen on validation photos, so
that weight w gives about the PSNR of a file whose lambda is w times as large, from 1/2 to 1/16."""

_WEIGHT_MAX = 0.999


def rdo_quantise_tiles(
    model: PhotoModel, ys: Iterable[FloatLatent], quality_code: int, weights: Weights
) -> list[FloatLatent]:
    """`rdo_quantise` of every tile. weights: of a picture's pixels, [H, W]."""
    of_latents = weigh_latents(weights)
    return [
        rdo_quantise(model, y, quality_code, of_latents[latent_window(box)[1:]])
        for box, y in zip(tiles_of(weights.shape), ys, strict=True)
    ]


def rdo_quantise(
    model: PhotoModel, y: FloatLatent, quality_code: int, weights: Weights
) -> FloatLatent:
    """A tile's latents as they are best sent: float32 [C, rows, columns], on the file's grid.

    y: the same, as analysed. weights: of each position [rows, columns], relative to the file's
    quality; at 1 and above rounding is to the nearest.
    """
    predictor = LatentPredictor(model, quality_code, *y.shape[1:])
    tables = model.tables["latent"]
    relative = np.clip(weights, 0, _WEIGHT_MAX)
    lagrangian = np.broadcast_to(STEP_BITS * relative / (1 - relative), predictor.shape)
    zero = np.zeros(predictor.shape, np.int64)
    decoded = predictor.dequantise_anchor(predictor.quantise_anchor(y))
    # h hardly depends on how y1 is rounded; its posterior's mean stands for what will be drawn.
    base, indices = predictor.anchor_prior(round_top(predictor.posterior(decoded)[0]))
    expected = indices % FRACTIONS / FRACTIONS
    offset_steps = _clipped(predictor.offset_steps(y, zero, 0)) - base
    anchor = base + _cheapest(tables, offset_steps, expected, indices, lagrangian)
    decoded = predictor.dequantise_anchor(anchor)
    for number in range(1, PASSES):
        mean, indices = predictor.pass_prior(decoded, number)
        offset_steps = _clipped(predictor.offset_steps(y, mean, number))
        symbols = _cheapest(tables, offset_steps, np.zeros(()), indices, lagrangian)
        decoded = decoded + predictor.dequantise(symbols, mean, number)
    return decoded.astype(np.float32) / np.float32(LATENT.scale)


def _clipped(offset_steps: NDArray[np.floating]) -> NDArray[np.floating]:
    return offset_steps.clip(-SYMBOL_LIMIT, SYMBOL_LIMIT - 1)


def _cheapest(
    tables: FrequencyTables,
    offset_steps: NDArray[np.floating],
    expected: NDArray[np.floating],
    indices: Symbols,
    lagrangian: Weights,
) -> Symbols:
    """Symbols of least bits + lagrangian * squared error, among the likely ones.

    offset_steps: what is to be sent. expected: where its distribution is centred. indices: of the
    tables. All [C / 4, rows, columns].
    """

    def cost(symbols: Symbols) -> NDArray[np.floating]:
        bits = tables.code_lengths(symbols, indices, ESCAPE_BITS)
        return bits + lagrangian * (offset_steps - symbols) ** 2

    scale = latent_scale(indices // FRACTIONS)
    pull = 1 / (2 * math.log(2) * scale**2)
    # The minimum, were the symbol real and its distribution Gaussian.
    between = np.floor((lagrangian * offset_steps + pull * expected) / (lagrangian + pull))
    best = np.floor(offset_steps + 0.5).astype(np.int64)
    least = cost(best)
    for candidate in (between, between + 1, np.floor(expected + 0.5)):
        symbols = np.broadcast_to(candidate, offset_steps.shape).astype(np.int64)
        candidate_cost = cost(symbols)
        best = np.where(candidate_cost < least, symbols, best)
        least = np.minimum(candidate_cost, least)
    return best
