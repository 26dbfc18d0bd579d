"""How much each latent's error counts, and the quality that a file of such weights has."""

from __future__ import annotations

import math

import numpy as np

from vlaecodec.bitstream.header import QUALITY_CODE_MAX, QUALITY_CODE_MIN
from vlaecodec.bitstream.tiles import LATENT_FACTOR
from vlaecodec.networks.photo.architecture import LAMBDA_MAX, LAMBDA_MIN
from vlaecodec.picture.roi import Weights


def scale_to_peak(weights: Weights, quality_code: int) -> tuple[int, Weights]:
    """The quality code of a file that gives the highest-weighted region what it deserves.

    Returns it, and the weights relative to it: about 1 in that region, less elsewhere.
    """
    peak = float(weigh_latents(weights).max())
    span = (QUALITY_CODE_MAX - QUALITY_CODE_MIN) / math.log(LAMBDA_MAX / LAMBDA_MIN)
    raised = round(quality_code + span * math.log(peak))
    raised = min(max(raised, QUALITY_CODE_MIN), QUALITY_CODE_MAX)
    return raised, weights * np.float32(math.exp((quality_code - raised) / span))


def weigh_latents(weights: Weights) -> Weights:
    """The mean weight of each latent's pixels: [ceil(H / 16), ceil(W / 16)]."""
    height, width = weights.shape
    padding = ((0, -height % LATENT_FACTOR), (0, -width % LATENT_FACTOR))
    padded = np.pad(weights, padding, "edge")
    rows, columns = (side // LATENT_FACTOR for side in padded.shape)
    means: Weights = padded.reshape(rows, LATENT_FACTOR, columns, LATENT_FACTOR).mean((1, 3))
    return means
