"""The AF prior of small models, frozen: z = f(eps) and its inverse, on whole numbers.

Each element is shifted by what the elements before it decide. What later ones say is zero in the
weights, as they were trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from vlaecodec.frozen.layers import Floats, Layer
from vlaecodec.frozen.operations import as_operand, convolve, pointwise
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import LATENT, POSITIVE
from vlaecodec.networks.small.preset import Preset

Shift = Callable[[Floats], Floats]
"""The shifts of a latent's elements, LATENT, given the latent; of its shape."""


class Flow:
    """Shifts one after another; after each, the order of the elements is reversed.

    Latents are LATENT [N, C], or [N, rows, columns, C] for maps.
    """

    def __init__(
        self, shifts: Sequence[Shift], axes: tuple[int, ...], fronts: Sequence[Any]
    ) -> None:
        """axes: of what is in order. fronts: what can be computed at once, as indices, in order."""
        self._shifts, self._axes, self._fronts = shifts, axes, fronts

    def invert(self, z: Floats) -> Floats:
        """eps of z."""
        for shift in self._shifts:
            z = self._turn(LATENT.clamp(z - shift(z)))
        return self._turn(z) if len(self._shifts) % 2 else z

    def draw(self, eps: Floats) -> Floats:
        """z of eps, as `invert` undoes it; eps small enough that nothing is clamped."""
        z = self._turn(eps) if len(self._shifts) % 2 else eps
        for shift in reversed(self._shifts):
            moved = self._turn(z)
            z = np.zeros_like(moved)
            for front in self._fronts:
                z[:, front] = LATENT.clamp(moved[:, front] + shift(z)[:, front])
        return z

    def _turn(self, x: Floats) -> Floats:
        return np.flip(x, self._axes)


def vector_flow(weights: Tensors, preset: Preset) -> Flow:
    """Of latents [N, C]: element after element."""
    elements, hidden, shifts = preset.latent_channels, preset.flow_channels, []
    for number in range(preset.flow_steps):
        step = weights.within("steps").within(number)
        enter = Layer.pointwise(step.within("enter"), (elements, hidden), LATENT, POSITIVE)
        middle = Layer.pointwise(step.within("hidden"), (hidden, hidden), POSITIVE, POSITIVE)
        leave = Layer.pointwise(step.within("leave"), (hidden, elements), POSITIVE, LATENT)
        shifts.append(partial(_shift_vector, enter, middle, leave))
    return Flow(shifts, (1,), range(elements))


def map_flow(weights: Tensors, preset: Preset) -> Flow:
    """Of latents [N, rows, columns, C]: position after position, a PixelCNN each."""
    channels, hidden, shifts = preset.latent_channels, preset.flow_channels, []
    for number in range(preset.flow_steps):
        step = weights.within("steps").within(number)
        enter = Layer.convolution(step.within("enter"), (channels, hidden), LATENT, POSITIVE)
        middle = Layer.convolution(step.within("hidden"), (hidden, hidden), POSITIVE, POSITIVE)
        leave = Layer.pointwise(step.within("leave"), (hidden, channels), POSITIVE, LATENT)
        if enter.taps[:, 4:].any() or middle.taps[:, 5:].any():
            raise ValueError("a flow depends on positions that are drawn later")
        shifts.append(partial(_shift_map, enter, middle, leave))
    rows, columns = np.indices((preset.latent_px, preset.latent_px))
    # Two layers, each of which sees one position to the upper right.
    time = columns + 2 * rows
    return Flow(shifts, (1, 2), [time == moment for moment in range(time.max() + 1)])


def _shift_vector(enter: Layer, middle: Layer, leave: Layer, z: Floats) -> Floats:
    return pointwise(pointwise(pointwise(z, enter), middle), leave)


def _shift_map(enter: Layer, middle: Layer, leave: Layer, z: Floats) -> Floats:
    return pointwise(convolve(convolve(as_operand(z), enter), middle), leave)
