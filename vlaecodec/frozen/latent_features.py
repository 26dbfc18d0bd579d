"""From a small VLAE's latent to features of each pixel, and the layers after the window; frozen."""

from __future__ import annotations

import numpy as np

from vlaecodec.frozen.blocks import residual_block, residual_blocks, run, to_signed, upsample
from vlaecodec.frozen.layers import Floats, Layer, unfold_channels
from vlaecodec.frozen.operations import as_operand, pointwise
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import LATENT, POSITIVE, SIGNED, STREAM
from vlaecodec.networks.small.preset import Preset


class LatentFeatures:
    """From the latent to features of every pixel."""

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        self.conditional = preset.conditional
        # A vector is spread over the map that a latent map is already.
        self.side = preset.image_px // 4 if preset.latent_px == 1 else 1
        quarter, half, full = preset.quarter_channels, preset.half_channels, preset.full_channels
        trunk, enter = weights.within("trunk"), weights.within("enter")
        sizes = (preset.latent_channels, quarter * self.side**2)
        self.enter = Layer.pointwise(enter, sizes, LATENT, STREAM, unfold=self.side)
        self.trunk = [
            *residual_blocks(trunk.within(0), quarter, preset.blocks),
            upsample(trunk.within(1), (quarter, half)),
            residual_block(trunk.within(2), half),
            upsample(trunk.within(3), (half, full)),
            residual_block(trunk.within(4), full),
        ]
        sizes = (full, preset.local_features)
        self.leave = Layer.pointwise(weights.within("leave"), sizes, SIGNED, SIGNED)

    def __call__(self, z: Floats) -> Floats:
        """SIGNED [N, H, W, local_features]; z: LATENT [N, C] or [N, rows, columns, C].

        Without condition those of no latent at all.
        """
        z = as_operand(z if self.conditional else np.zeros_like(z))
        stream = pointwise(z[:, None, None] if z.ndim == 2 else z, self.enter)
        stream = run(self.trunk, unfold_channels(stream, self.side))
        return pointwise(to_signed(stream), self.leave)


def hidden_layers(weights: Tensors, preset: Preset, inputs: int) -> list[Layer]:
    """The layers from a window and features, SIGNED, to the last hidden units, POSITIVE."""
    width = preset.local_channels
    enter = Layer.pointwise(weights.within("enter"), (inputs, width), SIGNED, POSITIVE)
    hidden = weights.within("hidden")
    return [enter] + [
        Layer.pointwise(hidden.within(number), (width, width), POSITIVE, POSITIVE)
        for number in range(preset.local_layers - 1)
    ]
