"""The frozen local decoder p(x | z): its layers, which pixels.kernel runs, and its features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.frozen.layers import Layer, unfold_channels
from vlaecodec.frozen.operations import as_operand, pointwise
from vlaecodec.frozen.synthesis import Features
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import SIGNED
from vlaecodec.networks.photo.architecture import Architecture, LocalSizes
from vlaecodec.networks.photo.distribution import CLASSES, DISTRIBUTION, GREY, HIDDEN
from vlaecodec.networks.photo.subgrids import subgrids


class Entrance:
    """The first layers, different for each sub-grid: to hidden units and linear predictions."""

    def __init__(
        self, weights: Tensors, sizes: LocalSizes, neighbours: int, *, drawing: bool
    ) -> None:
        self.linear = (3 if drawing else 6) * neighbours + 3
        """How many inputs linear predictors have, the first ones."""
        inputs = self.linear + sizes.features + (0 if drawing else 1)
        enter = weights.within("enter")
        self.enter = Layer.pointwise(enter, (inputs, sizes.channels), GREY, HIDDEN)
        classes, predict = 1 if drawing else CLASSES, weights.within("predict")
        self.predict = [
            Layer.pointwise(
                predict.within(previous), (self.linear + previous, classes), GREY, DISTRIBUTION
            )
            for previous in range(3)
        ]


class ColourHead:
    """One colour's distribution, given the hidden units and the colours before it."""

    def __init__(self, weights: Tensors, sizes: LocalSizes, previous: int) -> None:
        width, merged = sizes.channels, sizes.colour_channels
        merge, leave = weights.within("merge"), weights.within("leave")
        self.merge = Layer.pointwise(merge, (width + previous, merged), GREY, HIDDEN)
        self.leave = Layer.pointwise(leave, (merged + previous, 3), GREY, DISTRIBUTION)


class LocalDecoder:
    """p(x | z), sub-grid by sub-grid. drawing: for texture, which does not see how means differ."""

    def __init__(self, weights: Tensors, arch: Architecture, *, drawing: bool) -> None:
        self.drawing, sizes = drawing, arch.texture if drawing else arch.local
        self.subgrids = subgrids(sizes.neighbours)
        channels = (arch.eighth_channels, sizes.features * FOLD**2)
        project = weights.within("project")
        self.project = Layer.pointwise(project, channels, SIGNED, GREY, unfold=FOLD)
        entrances, hidden, heads = (weights.within(n) for n in ("entrances", "hidden", "heads"))
        self.entrances = [
            Entrance(entrances.within(number), sizes, len(grid.neighbours), drawing=drawing)
            for number, grid in enumerate(self.subgrids)
        ]
        width = sizes.channels
        self.hidden = [
            Layer.pointwise(hidden.within(number), (width, width), HIDDEN, HIDDEN)
            for number in range(sizes.layers)
        ]
        self.heads = [ColourHead(heads.within(previous), sizes, previous) for previous in range(3)]

    @property
    def reach(self) -> int:
        """Pixels; how far a neighbour can be."""
        return max(grid.reach for grid in self.subgrids)

    def features(self, trunk: Features, height: int, width: int) -> NDArray[np.int16]:
        """The global decoder's features of every pixel: GREY [features, height, width].

        trunk: [channels, >= height / FOLD, >= width / FOLD].
        """
        part = trunk[:, : -(-height // FOLD), : -(-width // FOLD)]
        told = pointwise(as_operand(np.moveaxis(part, 0, -1)[None]), self.project)
        features = unfold_channels(told.astype(np.int16), FOLD)[0, :height, :width]
        return np.ascontiguousarray(np.moveaxis(features, -1, 0))
