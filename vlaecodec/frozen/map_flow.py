"""The AF prior of a latent map, frozen: z = f(eps) and its inverse, on whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.layers import Floats, Layer
from vlaecodec.frozen.operations import as_operand, convolve, pointwise
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import LATENT, POSITIVE
from vlaecodec.networks.small.preset import Preset


class MapFlow:
    """Shifts of each position, which the positions before it decide: a PixelCNN each.

    What later positions say is zero in the weights, as they were trained.
    """

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        channels, hidden = preset.latent_channels, preset.flow_channels
        self.side = preset.latent_px
        self.steps = []
        for number in range(preset.flow_steps):
            step = weights.within("steps").within(number)
            enter = Layer.convolution(step.within("enter"), (channels, hidden), LATENT, POSITIVE)
            middle = Layer.convolution(step.within("hidden"), (hidden, hidden), POSITIVE, POSITIVE)
            leave = Layer.pointwise(step.within("leave"), (hidden, channels), POSITIVE, LATENT)
            _check_order(enter, middle)
            self.steps.append((enter, middle, leave))

    def invert(self, z: Floats) -> Floats:
        """eps of z, both LATENT [N, rows, columns, C]."""
        for step in self.steps:
            z = _turn(LATENT.clamp(z - _shift(step, z)))
        return _turn(z) if len(self.steps) % 2 else z

    def draw(self, eps: Floats) -> Floats:
        """z of eps, as `invert` undoes it; eps small enough that nothing is clamped."""
        z = _turn(eps) if len(self.steps) % 2 else eps
        for step in reversed(self.steps):
            moved = _turn(z)
            z = np.zeros_like(moved)
            for front in self._fronts():
                z[:, front] = LATENT.clamp(moved[:, front] + _shift(step, z)[:, front])
        return z

    def _fronts(self) -> list[NDArray[np.bool_]]:
        """Masks of what can be computed at once, in order."""
        rows, columns = np.arange(self.side)[:, None], np.arange(self.side)
        # Two layers, each of which sees one position to the upper right.
        time = columns + 2 * rows
        return [time == moment for moment in range(time.max() + 1)]


def _check_order(enter: Layer, middle: Layer) -> None:
    """Raise ValueError if a position depends on itself or on those after it."""
    later = [enter.taps[:, 4:], middle.taps[:, 5:]]
    if any(weights.any() for weights in later):
        raise ValueError("a flow depends on positions that are drawn later")


def _turn(x: Floats) -> Floats:
    return x[:, ::-1, ::-1]


def _shift(layers: tuple[Layer, Layer, Layer], z: Floats) -> Floats:
    enter, middle, leave = layers
    return pointwise(convolve(convolve(as_operand(z), enter), middle), leave)
