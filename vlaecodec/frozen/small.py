"""The paper's small VLAEs of black and white images, frozen: q(z | x), the AF prior, p(x | z).

Latents are vectors, [N, C]; pixels and features [N, H, W, C].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.blocks import (
    downsample,
    residual_block,
    residual_blocks,
    run,
    to_signed,
    upsample,
)
from vlaecodec.frozen.layers import Floats, Layer, fold_channels, unfold_channels
from vlaecodec.frozen.operations import as_operand, convolve, pointwise
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.binary.preset import BOTTLENECK, Preset
from vlaecodec.networks.common.formats import (
    CODE_SCALE_INDEX,
    LATENT,
    LOGIT,
    POSITIVE,
    SIGNED,
    STREAM,
)
from vlaecodec.networks.common.window import Window


class SmallNetworks:
    """All of one. Raises ValueError for a preset whose images are no files' (eight bits)."""

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        if preset.colours != 1 or preset.latent_px != 1 or preset.posterior != "gaussian":
            raise ValueError("a model of experiments, which codes no files")
        self.posterior = Posterior(weights.within("posterior"), preset)
        flow = preset.prior == "flow"
        self.prior = Flow(weights.within("prior"), preset) if flow else None
        self.decoder = CausalDecoder(weights.within("decoder"), preset)


class Posterior:
    """q(z | x)."""

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        half, quarter = preset.half_channels, preset.quarter_channels
        self.enter = Layer.convolution(weights.within("enter"), (4, half), SIGNED, STREAM, fold=2)
        trunk = weights.within("trunk")
        self.trunk = [
            residual_block(trunk.within(0), half),
            downsample(trunk.within(1), (half, quarter)),
            *residual_blocks(trunk.within(2), quarter, preset.blocks),
        ]
        narrow = weights.within("narrow")
        self.narrow = Layer.pointwise(narrow, (quarter, BOTTLENECK), SIGNED, SIGNED)
        self.side = preset.image_px // 4
        sizes = (BOTTLENECK * self.side**2, preset.latent_channels)
        mean, scale = weights.within("mean"), weights.within("scale")
        self.mean = Layer.pointwise(mean, sizes, SIGNED, LATENT, fold=self.side)
        self.scale = Layer.pointwise(scale, sizes, SIGNED, CODE_SCALE_INDEX, fold=self.side)

    def __call__(self, images: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Means (LATENT) and scale indices (CODE_SCALE_INDEX), [N, C]; images: 0, 1, [N, H, W]."""
        stream = convolve(fold_channels(shown(images), 2), self.enter)
        narrow = pointwise(to_signed(run(self.trunk, stream)), self.narrow)
        whole = fold_channels(narrow, self.side)[:, 0, 0]
        return pointwise(whole, self.mean), pointwise(whole, self.scale)


class Flow:
    """z = f(eps) and its inverse: shifts of each element, which the elements before it decide."""

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        elements, hidden, steps = preset.latent_channels, preset.flow_channels, preset.flow_steps
        self.steps = []
        for number in range(steps):
            step = weights.within("steps").within(number)
            enter = Layer.pointwise(step.within("enter"), (elements, hidden), LATENT, POSITIVE)
            middle = Layer.pointwise(step.within("hidden"), (hidden, hidden), POSITIVE, POSITIVE)
            leave = Layer.pointwise(step.within("leave"), (hidden, elements), POSITIVE, LATENT)
            self.steps.append((enter, middle, leave))

    def invert(self, z: Floats) -> Floats:
        """eps of z, both LATENT [N, C]."""
        for step in self.steps:
            z = LATENT.clamp(z - _shift(step, z))[:, ::-1]
        return z[:, ::-1] if len(self.steps) % 2 else z

    def draw(self, eps: Floats) -> Floats:
        """z of eps, as `invert` undoes it; eps small enough that nothing is clamped."""
        z = eps[:, ::-1] if len(self.steps) % 2 else eps
        for step in reversed(self.steps):
            moved = z[:, ::-1]
            z = np.zeros_like(moved)
            for place in range(z.shape[1]):
                z[:, place] = LATENT.clamp(moved[:, place] + _shift(step, z)[:, place])
        return z


def _shift(layers: tuple[Layer, ...], z: Floats) -> Floats:
    for layer in layers:
        z = pointwise(z, layer)
    return z


class CausalDecoder:
    """p(x | z): a causal window and what the latent says of each pixel, to its logit."""

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        self.window = Window(preset.window_width, preset.window_height)
        self.conditional = preset.conditional
        self.side = preset.image_px // 4
        quarter, half, full = preset.quarter_channels, preset.half_channels, preset.full_channels
        features, trunk = weights.within("features"), weights.within("features").within("trunk")
        sizes = (preset.latent_channels, quarter * self.side**2)
        self.spread = Layer.pointwise(
            features.within("enter"), sizes, LATENT, STREAM, unfold=self.side
        )
        self.trunk = [
            *residual_blocks(trunk.within(0), quarter, preset.blocks),
            upsample(trunk.within(1), (quarter, half)),
            residual_block(trunk.within(2), half),
            upsample(trunk.within(3), (half, full)),
            residual_block(trunk.within(4), full),
        ]
        sizes = (full, preset.local_features)
        self.tell = Layer.pointwise(features.within("leave"), sizes, SIGNED, SIGNED)
        width = preset.local_channels
        sizes = (self.window.size + preset.local_features, width)
        self.enter = Layer.pointwise(weights.within("enter"), sizes, SIGNED, POSITIVE)
        self.hidden = [
            Layer.pointwise(weights.within("hidden").within(k), (width, width), POSITIVE, POSITIVE)
            for k in range(preset.local_layers - 1)
        ]
        self.leave = Layer.pointwise(weights.within("leave"), (width, 1), POSITIVE, LOGIT)

    def features(self, z: Floats) -> Floats:
        """Of every pixel, SIGNED [N, H, W, local_features]; z: LATENT [N, C].

        Without condition those of no latent at all.
        """
        z = as_operand(z if self.conditional else np.zeros_like(z))
        stream = unfold_channels(pointwise(z[:, None, None], self.spread), self.side)
        return pointwise(to_signed(run(self.trunk, stream)), self.tell)

    def logits(self, window: Floats, features: Floats) -> Floats:
        """LOGIT units [...]; of SIGNED windows and features [..., channels]."""
        x = pointwise(np.concatenate([window, features], axis=-1), self.enter)
        for layer in (*self.hidden, self.leave):
            x = pointwise(x, layer)
        return x[..., 0]


def shown(images: NDArray[Any]) -> Floats:
    """What networks see of pixels 0 and 1: SIGNED [..., 1]."""
    return (images[..., None].astype(np.float32) * 2 - 1) * np.float32(SIGNED.scale)
