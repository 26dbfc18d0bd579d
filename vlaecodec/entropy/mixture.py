"""Mixtures of logistics as whole-number frequencies of the samples 0..255.

The distribution of PixelCNN++ (arXiv 1701.05517): each component's logistic is cut at the edges of
whole samples, and what lies beyond 0 and 255 belongs to these. A sample has a table of its own,
made from curves that are computed once, when a model is exported, and shipped with it; everything
else is whole-number arithmetic in 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.scales import (
    MEAN_UNITS,
    MIXTURE_LOGIT_UNITS,
    MIXTURE_SCALE_UNITS,
    MIXTURE_SCALES,
    RESIDUAL_SCALE_MIN,
)
from vlaecodec.entropy.tables import FREQUENCY_SUM

SAMPLES = 256
"""How many values a sample can have."""

MIDDLE_SAMPLE = 128
"""Means are told as differences to this sample."""

COMPONENTS_MAX = 6
"""With more, sums could leave 63 bits: _SIGMOID_BITS + _WEIGHT_BITS + 24 for each."""

_SIGMOID_BITS = 20
_SIGMOID_STEPS = 512
_SIGMOID_LIMIT = 12 * _SIGMOID_STEPS
_WEIGHT_BITS = 16
_WEIGHTS = 12 * MIXTURE_LOGIT_UNITS
_INVERSE_BITS = 12

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class MixtureCurves:
    """The functions that a mixture is made of, int32 each."""

    sigmoid: NDArray[np.int32]
    """Of -_SIGMOID_LIMIT.._SIGMOID_LIMIT, in _SIGMOID_STEPS to a unit; 2**_SIGMOID_BITS is 1."""
    inverse_scale: NDArray[np.int32]
    """Steps of the sigmoid for each MEAN_UNIT, in 2**-_INVERSE_BITS, for each scale."""
    weight: NDArray[np.int32]
    """How much a component counts whose logit is so far below the largest one."""

    def check(self) -> None:
        """Raise ValueError unless the curves are usable: of their lengths, and monotonous."""
        if [len(getattr(self, field.name)) for field in fields(self)] != [
            2 * _SIGMOID_LIMIT + 1,
            MIXTURE_SCALES,
            _WEIGHTS + 1,
        ]:
            raise ValueError("the curves of the mixture have other lengths")
        one, inverse_max = 2**_SIGMOID_BITS, _inverse_scales()[0]
        usable = (
            (self.sigmoid[0] >= 0 and self.sigmoid[-1] <= one)
            and bool((np.diff(self.sigmoid) >= 0).all())
            and bool((self.weight >= 0).all() and (self.weight <= 2**_WEIGHT_BITS).all())
            and self.weight[0] > 0
            and bool((self.inverse_scale > 0).all() and (self.inverse_scale <= inverse_max).all())
        )
        if not usable:
            raise ValueError("the curves of the mixture are out of range")


def mixture_curves() -> MixtureCurves:
    """The curves that every colour model ships."""
    steps = np.arange(-_SIGMOID_LIMIT, _SIGMOID_LIMIT + 1) / _SIGMOID_STEPS
    sigmoid = np.floor(2**_SIGMOID_BITS / (1 + np.exp(-steps)) + 0.5)
    weight = 2**_WEIGHT_BITS * np.exp(-np.arange(_WEIGHTS + 1) / MIXTURE_LOGIT_UNITS)
    return MixtureCurves(
        sigmoid=sigmoid.astype(np.int32),
        inverse_scale=_inverse_scales(),
        weight=np.floor(weight + 0.5).astype(np.int32),
    )


def _inverse_scales() -> NDArray[np.int32]:
    scales = RESIDUAL_SCALE_MIN * 2 ** (np.arange(MIXTURE_SCALES) / MIXTURE_SCALE_UNITS)
    inverse = 2**_INVERSE_BITS * _SIGMOID_STEPS / MEAN_UNITS / scales
    return np.floor(inverse + 0.5).astype(np.int32)


def cumulative(curves: MixtureCurves, outputs: Ints, edges: Ints) -> Ints:
    """How often samples below an edge come, of FREQUENCY_SUM; at least once each.

    outputs: [..., components, 3], as networks predict them: a mean in MEAN_UNITS less
    MIDDLE_SAMPLE, a scale in MIXTURE_SCALE_UNITS to an octave, a logit in MIXTURE_LOGIT_UNITS.
    edges: [..., n] of 0..SAMPLES. Returns [..., n].
    """
    mean, scale, logit = (outputs[..., None, :, part] for part in range(3))
    inverse = curves.inverse_scale[np.clip(scale, 0, MIXTURE_SCALES - 1)].astype(np.int64)
    distance = (edges[..., None] - MIDDLE_SAMPLE) * MEAN_UNITS - MEAN_UNITS // 2 - mean
    steps = (distance * inverse + 2 ** (_INVERSE_BITS - 1)) >> _INVERSE_BITS
    steps = np.clip(steps, -_SIGMOID_LIMIT, _SIGMOID_LIMIT) + _SIGMOID_LIMIT
    below = curves.sigmoid[steps].astype(np.int64)
    rank = np.minimum(logit.max(axis=-1, keepdims=True) - logit, _WEIGHTS)
    weight = curves.weight[rank].astype(np.int64)
    mass = (below * weight).sum(-1) * (FREQUENCY_SUM - SAMPLES)
    mass //= weight.sum(-1) << _SIGMOID_BITS
    mass = np.where(edges <= 0, 0, np.where(edges >= SAMPLES, FREQUENCY_SUM - SAMPLES, mass))
    return mass + edges


def sample_frequencies(curves: MixtureCurves, outputs: Ints) -> Ints:
    """How often each of the samples 0..255 comes, [..., SAMPLES]; they sum to FREQUENCY_SUM."""
    edges = np.broadcast_to(np.arange(SAMPLES + 1), (*outputs.shape[:-2], SAMPLES + 1))
    return np.diff(cumulative(curves, outputs, edges))


def sample_bits(curves: MixtureCurves, outputs: Ints, samples: Ints) -> NDArray[np.float64]:
    """What samples [...] cost, bits."""
    below, above = np.moveaxis(
        cumulative(curves, outputs, np.stack([samples, samples + 1], axis=-1)), -1, 0
    )
    return np.log2(FREQUENCY_SUM) - np.log2(above - below)


def quantile(curves: MixtureCurves, outputs: Ints, levels: Ints) -> Ints:
    """The samples at levels 0..FREQUENCY_SUM - 1 of their distributions, [...]."""
    low = np.zeros(levels.shape, np.int64)
    for bit in (1 << power for power in reversed(range(8))):
        low += bit * (cumulative(curves, outputs, (low + bit)[..., None])[..., 0] <= levels)
    return low
