"""The frozen prior over a photo's latents: q(h | y1), p(y1 | h), p(y2 | y1).

What it takes and returns are whole numbers in float32 or int, channels first, of one tile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.blocks import downsample, residual_blocks, run, to_signed, upsample
from vlaecodec.frozen.layers import Floats, Layer
from vlaecodec.frozen.operations import as_operand, pointwise
from vlaecodec.frozen.passes import places
from vlaecodec.frozen.quality import QualityAffine, QuantisationStep
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import (
    LATENT,
    SCALE_INDEX,
    SIGNED,
    STREAM,
    TOP,
    TOP_SCALE_INDEX,
    Format,
)
from vlaecodec.networks.photo.architecture import PASSES, TOP_FACTOR, Architecture


class Prior:
    """All of it."""

    def __init__(self, weights: Tensors, arch: Architecture) -> None:
        self.step = QuantisationStep(weights.within("step"), arch.latent_channels)
        self.posterior = TopPosterior(weights.within("posterior"), arch)
        self.anchor = AnchorPrior(weights.within("anchor_prior"), arch)
        every = weights.within("pass_priors")
        self.passes = [PassPrior(every.within(k - 1), arch, k) for k in range(1, PASSES)]


class _Entrance:
    """What every network of the prior begins with."""

    def __init__(self, weights: Tensors, sizes: tuple[int, int], source: Format) -> None:
        self.layer = Layer.pointwise(weights.within("enter"), sizes, source, STREAM)
        self.bias = QualityAffine(weights.within("bias"), sizes[1])

    def __call__(self, x: NDArray[Any], code: int) -> Floats:
        """x: [C, rows, columns]. Returns STREAM [1, rows, columns, C]."""
        return self.bias(pointwise(as_operand(np.moveaxis(x, 0, -1)[None]), self.layer), code)


class TopPosterior:
    """q(h | y1)."""

    def __init__(self, weights: Tensors, arch: Architecture) -> None:
        width, trunk = arch.prior_channels, weights.within("trunk")
        self.enter = _Entrance(weights, (arch.latent_channels, width), LATENT)
        self.trunk = [
            *residual_blocks(trunk.within(0), width, 1),
            downsample(trunk.within(1), (width, width)),
            *residual_blocks(trunk.within(2), width, 1),
            downsample(trunk.within(3), (width, width)),
            *residual_blocks(trunk.within(4), width, 1),
        ]
        heads, sizes = weights.within("head").within("layers"), (width, arch.top_channels)
        self.mean = Layer.pointwise(heads.within(0), sizes, SIGNED, TOP)
        self.scale = Layer.pointwise(heads.within(1), sizes, SIGNED, TOP_SCALE_INDEX)

    def __call__(self, anchor: NDArray[Any], code: int) -> tuple[Floats, Floats]:
        """anchor: LATENT [C, rows, columns], zero outside the first pass.

        Returns means (TOP units) and scale indices (TOP_SCALE_INDEX units), both
        [top, ceil(rows / 4), ceil(columns / 4)].
        """
        below, right = (-side % TOP_FACTOR for side in anchor.shape[1:])
        padded = np.pad(anchor, ((0, 0), (0, below), (0, right)))
        narrow = to_signed(run(self.trunk, self.enter(padded, code)))
        mean, scale = (pointwise(narrow, layer) for layer in (self.mean, self.scale))
        return _channels_first(mean), _channels_first(scale)


class PassHead:
    """From a stream to what one pass codes: means and scale indices."""

    def __init__(self, weights: Tensors, arch: Architecture, number: int) -> None:
        self.number, quarter = number, arch.latent_channels // 4
        sizes, heads = (arch.prior_channels, arch.latent_channels), weights.within("head")
        # Each place takes only the quarter of the outputs that the pass codes there.
        self.quarters = [
            [layer.part(slice(q * quarter, (q + 1) * quarter)) for q in range(4)]
            for layer in (
                Layer.pointwise(heads.within("layers").within(0), sizes, SIGNED, LATENT),
                Layer.pointwise(heads.within("layers").within(1), sizes, SIGNED, SCALE_INDEX),
            )
        ]

    def __call__(self, stream: Floats) -> tuple[Floats, Floats]:
        """Means (LATENT units) and scale indices (SCALE_INDEX units), [C / 4, rows, columns]."""
        narrow = to_signed(stream)
        mean, scale = (
            np.empty((layers[0].outputs, *narrow.shape[1:3]), np.float32)
            for layers in self.quarters
        )
        for rows, columns, quarter in places(self.number):
            part = narrow[:, rows, columns]
            for result, layers in zip((mean, scale), self.quarters, strict=True):
                result[:, rows, columns] = _channels_first(pointwise(part, layers[quarter]))
        return mean, scale


class AnchorPrior:
    """p(y1 | h)."""

    def __init__(self, weights: Tensors, arch: Architecture) -> None:
        width, trunk = arch.prior_channels, weights.within("trunk")
        self.enter = _Entrance(weights, (arch.top_channels, width), TOP)
        self.trunk = [
            *residual_blocks(trunk.within(0), width, 1),
            upsample(trunk.within(1), (width, width)),
            *residual_blocks(trunk.within(2), width, 1),
            upsample(trunk.within(3), (width, width)),
            *residual_blocks(trunk.within(4), width, 1),
        ]
        self.head = PassHead(weights, arch, 0)

    def __call__(
        self, top: NDArray[Any], code: int, rows: int, columns: int
    ) -> tuple[Floats, Floats]:
        """top: TOP [top, ceil(rows / 4), ceil(columns / 4)]. Returns as PassHead does."""
        return self.head(run(self.trunk, self.enter(top, code))[:, :rows, :columns])


class PassPrior:
    """p(pass k | the passes before), k = 1..3."""

    def __init__(self, weights: Tensors, arch: Architecture, number: int) -> None:
        width, blocks = arch.prior_channels, arch.prior_blocks
        self.enter = _Entrance(weights, (arch.latent_channels, width), LATENT)
        self.trunk = residual_blocks(weights.within("trunk"), width, blocks)
        self.head = PassHead(weights, arch, number)

    def __call__(self, decoded: NDArray[Any], code: int) -> tuple[Floats, Floats]:
        """decoded: LATENT [C, rows, columns], zero where not yet coded. Returns as PassHead."""
        return self.head(run(self.trunk, self.enter(decoded, code)))


def _channels_first(x: Floats) -> Floats:
    return np.moveaxis(x[0], -1, 0)
