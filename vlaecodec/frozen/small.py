"""The paper's small VLAEs, frozen: q(z | x), the AF prior, p(x | z) of black and white images.

Latents are vectors, [N, C], or maps, [N, rows, columns, C]; pixels and features [N, H, W, C].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.mixture import MIDDLE_SAMPLE
from vlaecodec.frozen.blocks import downsample, residual_block, residual_blocks, run, to_signed
from vlaecodec.frozen.colour import ColourDecoder
from vlaecodec.frozen.flow import Flow, map_flow, vector_flow
from vlaecodec.frozen.latent_features import LatentFeatures, hidden_layers
from vlaecodec.frozen.layers import Floats, Layer, fold_channels
from vlaecodec.frozen.operations import convolve, pointwise
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import (
    CODE_SCALE_INDEX,
    LATENT,
    LOGIT,
    POSITIVE,
    SIGNED,
    STREAM,
)
from vlaecodec.networks.common.window import Window
from vlaecodec.networks.small.preset import BOTTLENECK, Preset


class SmallNetworks:
    """All of one. Raises ValueError for a preset that is for experiments alone."""

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        vector, colour = preset.latent_px == 1, preset.colours > 1
        switched = preset.posterior != "gaussian" or preset.decoder != "causal"
        if vector == colour or switched:
            raise ValueError("a model of experiments, which codes no files")
        self.posterior = Posterior(weights.within("posterior"), preset)
        self.prior: Flow | None = None
        if preset.prior == "flow":
            self.prior = (vector_flow if vector else map_flow)(weights.within("prior"), preset)
        decoder = weights.within("decoder")
        self.decoder: BinaryDecoder | ColourDecoder = (
            ColourDecoder(decoder, preset) if colour else BinaryDecoder(decoder, preset)
        )


class Posterior:
    """q(z | x)."""

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        half, quarter = preset.half_channels, preset.quarter_channels
        self.show = shown if preset.colours == 1 else shown_samples
        sizes = (4 * preset.colours, half)
        self.enter = Layer.convolution(weights.within("enter"), sizes, SIGNED, STREAM, fold=2)
        trunk = weights.within("trunk")
        self.trunk = [
            residual_block(trunk.within(0), half),
            downsample(trunk.within(1), (half, quarter)),
            *residual_blocks(trunk.within(2), quarter, preset.blocks),
        ]
        # A vector sees everything at once; a map has the resolution of the trunk.
        self.narrow, self.side = None, 1
        if preset.latent_px == 1:
            narrow = weights.within("narrow")
            self.narrow = Layer.pointwise(narrow, (quarter, BOTTLENECK), SIGNED, SIGNED)
            self.side = preset.image_px // 4
        width = BOTTLENECK if self.narrow else quarter
        sizes = (width * self.side**2, preset.latent_channels)
        mean, scale = weights.within("mean"), weights.within("scale")
        self.mean = Layer.pointwise(mean, sizes, SIGNED, LATENT, fold=self.side)
        self.scale = Layer.pointwise(scale, sizes, SIGNED, CODE_SCALE_INDEX, fold=self.side)

    def __call__(self, images: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Means (LATENT) and scale indices (CODE_SCALE_INDEX), as latents are.

        images: 0 and 1, [N, H, W], or samples, [N, H, W, 3].
        """
        stream = convolve(fold_channels(self.show(images), 2), self.enter)
        trunk = to_signed(run(self.trunk, stream))
        if self.narrow is not None:
            trunk = fold_channels(pointwise(trunk, self.narrow), self.side)[:, 0, 0]
        return pointwise(trunk, self.mean), pointwise(trunk, self.scale)


class BinaryDecoder:
    """p(x | z): a causal window and what the latent says of each pixel, to its logit."""

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        self.window = Window(preset.window_width, preset.window_height)
        self.features = LatentFeatures(weights.within("features"), preset)
        inputs = self.window.size + preset.local_features
        self.hidden = hidden_layers(weights, preset, inputs)
        sizes = (preset.local_channels, 1)
        self.leave = Layer.pointwise(weights.within("leave"), sizes, POSITIVE, LOGIT)

    def logits(self, window: Floats, features: Floats) -> Floats:
        """LOGIT units [...]; of SIGNED windows and features [..., channels]."""
        x = np.concatenate([window, features], axis=-1)
        for layer in (*self.hidden, self.leave):
            x = pointwise(x, layer)
        return x[..., 0]


def shown(images: NDArray[Any]) -> Floats:
    """What networks see of pixels 0 and 1: SIGNED [..., 1]."""
    return (images[..., None].astype(np.float32) * 2 - 1) * np.float32(SIGNED.scale)


def shown_samples(images: NDArray[Any]) -> Floats:
    """What q(z | x) sees of samples 0..255: SIGNED, of one shape."""
    return images.astype(np.float32) - np.float32(MIDDLE_SAMPLE)
