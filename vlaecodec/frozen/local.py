"""The frozen local decoder p(x | z): its layers, for pixels.kernel, and what pixels are told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.frozen.layers import Layer, round_operand, unfold_channels
from vlaecodec.frozen.operations import as_operand, pointwise
from vlaecodec.frozen.synthesis import Features
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import POSITIVE, SIGNED
from vlaecodec.networks.common.window import Window
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.distribution import (
    CLASSES,
    COLOURS,
    CONDITIONS,
    DISTRIBUTION,
    MIDDLE_GREY,
    RESIDUAL_UNITS,
)


class ColourHead:
    """One colour's distribution, given the hidden units and the colours before it."""

    def __init__(self, weights: Tensors, width: int, merged: int, known: int) -> None:
        merge, leave = weights.within("merge"), weights.within("leave")
        self.merge = Layer.pointwise(merge, (width + known, merged), SIGNED, POSITIVE)
        self.leave = Layer.pointwise(leave, (merged + known, 3), SIGNED, DISTRIBUTION)


class LocalDecoder:
    """p(x | z). drawing: the one for texture, which does not see how means differ."""

    def __init__(self, weights: Tensors, arch: Architecture, *, drawing: bool) -> None:
        self.drawing, self.classes = drawing, 1 if drawing else CLASSES
        self.window = Window(arch.window_width, arch.window_height)
        width, window_inputs = arch.local_channels, 3 * self.window.size
        self.linear_inputs = window_inputs if drawing else 2 * window_inputs + 3
        """How many inputs linear predictors have: windows and contrasts."""
        sizes = (arch.eighth_channels, arch.local_features * FOLD**2)
        project = weights.within("project")
        self.project = Layer.pointwise(project, sizes, SIGNED, SIGNED, unfold=FOLD)
        inputs = self.linear_inputs + arch.local_features + CONDITIONS
        self.enter = Layer.pointwise(weights.within("enter"), (inputs, width), SIGNED, POSITIVE)
        self.hidden = [
            Layer.pointwise(weights.within("hidden").within(k), (width, width), POSITIVE, POSITIVE)
            for k in range(arch.local_layers)
        ]
        sizes = (self.linear_inputs, 3 * self.classes)
        self.predict = Layer.pointwise(weights.within("predict"), sizes, SIGNED, DISTRIBUTION)
        heads = weights.within("heads")
        self.heads = [
            ColourHead(heads.within(known), width, arch.colour_channels, known)
            for known in range(3)
        ]

    def given(
        self, mean: NDArray[np.uint8], trunk: Features, rows: slice = slice(None)
    ) -> NDArray[np.int16]:
        """What is told of every pixel: contrasts unless drawing, then features.

        mean: [H, W, 3]. trunk: [channels, >= H / FOLD, >= W / FOLD]. rows: of the picture,
        beginning with a multiple of FOLD; all by default. Returns SIGNED [rows, W, n].
        """
        top, bottom, _ = rows.indices(len(mean))
        height, width = bottom - top, mean.shape[1]
        part = trunk[:, top // FOLD : -(-bottom // FOLD), : -(-width // FOLD)]
        told = round_operand(pointwise(as_operand(np.moveaxis(part, 0, -1)[None]), self.project))
        features = unfold_channels(told.astype(np.int16), FOLD)[0, :height, :width]
        if self.drawing:
            return features
        return np.concatenate([self._contrasts(mean, top, bottom), features], axis=-1)

    def _contrasts(self, mean: NDArray[np.uint8], top: int, bottom: int) -> NDArray[np.int16]:
        """What windows show of the mean image, SIGNED [rows, W, 3 * (window.size + 1)].

        The means in each pixel's window less the pixel's own, and that less MIDDLE_GREY; beyond the
        borders the nearest mean counts.
        """
        window, (height, width) = self.window, (bottom - top, mean.shape[1])
        lines = np.arange(top - window.height, bottom).clip(min=0)
        columns = np.arange(-window.reach, width + window.reach).clip(0, width - 1)
        around = mean[lines][:, columns][..., COLOURS].astype(np.int16)
        own = around[window.height :, window.reach : window.reach + width]
        places = [(dy, dx) for dy in range(window.height) for dx in range(window.width)]
        places += [(window.height, dx) for dx in range(window.reach)]
        parts = [around[dy : dy + height, dx : dx + width] - own for dy, dx in places]
        return np.concatenate([*parts, own - MIDDLE_GREY], axis=-1) * np.int16(RESIDUAL_UNITS)
