"""The frozen local decoder as matrices: one sub-grid's network on blocks of pixels.

Pixels are columns, so that whatever is copied or clamped is one run of memory for each channel, and
a layer is one product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from vlaecodec.frozen.layers import Floats, Layer
from vlaecodec.frozen.local import LocalDecoder
from vlaecodec.networks.photo.distribution import CLASS_BOUNDS, DISTRIBUTION, HIDDEN

Ints = NDArray[np.int32]

_CLASS_OF = np.searchsorted(
    CLASS_BOUNDS, np.arange(DISTRIBUTION.low, DISTRIBUTION.high + 1), side="right"
).astype(np.int32)


def classes_of(scale: Ints) -> Ints:
    """The class of each sample, from its predicted scale in SCALE_UNITS; any shape."""
    found: Ints = _CLASS_OF.take(scale - DISTRIBUTION.low)
    return found


_LINE = 16
"""Numbers to a line of a processor's cache."""


@dataclass(frozen=True)
class KernelCorrection:
    """What is added to means and scales, by class of predicted scale; see `Correction`."""

    seen: Floats
    """[classes * 3 colours, linear inputs], results in MEAN_UNITS."""
    known: Floats
    """[classes, 3 colours, 2]."""
    bias: Floats
    """[classes * 3]."""
    shift: Ints
    """Of the scales, [classes, 3]."""


class Workspace:
    """Memory for one block of pixels, used again and again."""

    def __init__(self) -> None:
        self._arrays: dict[str, Floats] = {}

    def take(self, name: str, rows: int, columns: int) -> Floats:
        """Float32 [rows, columns], of any content."""
        # Rows that are whole pages apart share a few lines of the first-level cache, and products
        # take up to half as long again. An odd number of lines apart, they share none.
        step = (-(-columns // _LINE) | 1) * _LINE
        found = self._arrays.get(name)
        if found is None or found.size < rows * step:
            found = self._arrays[name] = np.empty(rows * step, np.float32)
        return found[: rows * step].reshape(rows, step)[:, :columns]


class PixelKernel:
    """p(x | z) of one sub-grid's pixels, given their inputs.

    number: the sub-grid's. condition: the constant input, or None for a decoder that draws.
    correction: added to means and scales. Call `begin` for blocks of pixels, then `colour` for
    colours 0, 1, 2, with what is known of the colours before.
    """

    def __init__(
        self,
        local: LocalDecoder,
        number: int,
        condition: int | None,
        correction: KernelCorrection | None = None,
    ) -> None:
        entrance = local.entrances[number]
        enter, enter_bias = _weights(entrance.enter)
        if condition is not None:
            # The same for all pixels: part of the bias.
            enter_bias = enter_bias + enter[:, -1] * np.float32(condition)
            enter = enter[:, :-1]
        self.inputs, self.linear_inputs = enter.shape[1], entrance.linear
        seen = self.linear_inputs
        linear = [_weights(layer) for layer in entrance.predict]
        blocks = [(enter, enter_bias), *((w[:, :seen], b) for w, b in linear)]
        self.classes = len(linear[0][1])
        self._correction = correction
        if correction is not None:
            blocks.append((correction.seen, correction.bias))
        self._enter = np.zeros((sum(len(b) for _, b in blocks), self.inputs + 1), np.float32)
        row = 0
        for weight, bias in blocks:
            self._enter[row : row + len(bias), : weight.shape[1]] = weight
            self._enter[row : row + len(bias), -1] = bias
            row += len(bias)
        self.width = len(enter_bias)
        self.linear_rows = row - self.width
        self._layers = [_matrix(layer) for layer in local.hidden]
        self._follow = [weight[:, seen:] for weight, _ in linear]
        merges = [_weights(head.merge) for head in local.heads]
        self._merge = [_insert(weight, bias, self.width) for weight, bias in merges]
        self.merged = len(merges[0][1])
        leaves = [_weights(head.leave) for head in local.heads]
        self._leave = [_insert(weight, bias, self.merged) for weight, bias in leaves]

    def begin(self, inputs: Floats, space: Workspace) -> tuple[Floats, Floats]:
        """Compute what all colours share, in `space`.

        inputs: GREY [inputs + 1, pixels]: what the pixels see, their features, and ones. Returns
        the hidden units [width, pixels]; and [linear_rows, pixels]: the linear predictions of each
        colour and class, before rounding, then corrections likewise.
        """
        pixels, width = inputs.shape[1], self.width
        first = space.take("first", len(self._enter), pixels)
        np.matmul(self._enter, inputs, out=first)
        hidden = self.room(space, pixels)
        _clamp(first[:width], hidden[:width])
        product = space.take("product", width, pixels)
        for matrix in self._layers:
            np.matmul(matrix, hidden[: width + 1], out=product)
            _clamp(product, hidden[:width])
        return hidden[:width], first[width:]

    def room(self, space: Workspace, pixels: int) -> Floats:
        """Where `colour` takes hidden units from: [width + 3, pixels].

        Below them are ones, and the pixels' residuals of colours 0 and 1 when they are known.
        """
        room = space.take("hidden", self.width + 3, pixels)
        room[self.width] = 1
        return room

    def colour(
        self, number: int, room: Floats, linear: Floats, space: Workspace
    ) -> tuple[Ints, Ints, Ints]:
        """Mean, scale and tail of one colour, whole numbers in DISTRIBUTION units, [pixels] each.

        room: as `room` says, the residuals of the colours before in it. linear: as from `begin`.
        """
        pixels, units = room.shape[1], self.merged
        given = room[self.width : self.width + 1 + number]
        product = space.take("product", units, pixels)
        np.matmul(self._merge[number], room[: self.width + 1 + number], out=product)
        merged = space.take("merged", units + 1 + number, pixels)
        _clamp(product, merged[:units])
        merged[units:] = given
        outputs = np.floor(self._leave[number] @ merged)
        np.clip(outputs, DISTRIBUTION.low, DISTRIBUTION.high, out=outputs)
        mean, scale, tail = outputs.astype(np.int32)
        classes, known = classes_of(scale), given[1:]
        mean += self._predicted(number, linear, known, classes)
        if (correction := self._correction) is not None:
            mean += self._corrected(correction, number, linear, known, classes)
            scale += correction.shift[:, number].take(classes)
            np.clip(scale, DISTRIBUTION.low, DISTRIBUTION.high, out=scale)
        return mean, scale, tail

    def _predicted(self, number: int, linear: Floats, known: Floats, classes: Ints) -> Ints:
        """The linear predictions of each pixel's class."""
        first, follow = self.classes * number, self._follow[number]
        if self.classes == 1:
            chosen = linear[first] + (follow[0] @ known if number else 0)
        else:
            chosen = _choose(linear, classes + first)
            for before in range(number):
                chosen += follow[:, before].take(classes) * known[before]
        rounded = np.floor(chosen).clip(DISTRIBUTION.low, DISTRIBUTION.high)
        return rounded.astype(np.int32)

    def _corrected(
        self,
        correction: KernelCorrection,
        number: int,
        linear: Floats,
        known: Floats,
        classes: Ints,
    ) -> Ints:
        """What the correction adds to each mean."""
        added = _choose(linear, 3 * (self.classes + classes) + number)
        for before in range(number):
            added += correction.known[:, number, before].take(classes) * known[before]
        return np.floor(added).astype(np.int32)


def _choose(rows: Floats, chosen: Ints) -> Floats:
    """Of each pixel the number in its chosen row: [pixels] of [rows, pixels]."""
    pixels, apart = rows.shape[1], rows.strides[0] // rows.itemsize
    size = (len(rows) - 1) * apart + pixels
    flat = as_strided(rows, (size,), (rows.itemsize,), writeable=False)
    places = np.multiply(chosen, apart, dtype=np.int32)
    places += np.arange(pixels, dtype=np.int32)
    return flat.take(places)


def _clamp(x: Floats, out: Floats) -> None:
    """Round down and clamp to HIDDEN; overwrites x."""
    np.floor(x, out=x)
    np.clip(x, HIDDEN.low, HIDDEN.high, out=out)


def _weights(layer: Layer) -> tuple[Floats, Floats]:
    """A layer's weights [out, in] and bias [out], with the rescaling folded in."""
    return layer.matrix, layer.bias


def _insert(weight: Floats, bias: Floats, at: int) -> Floats:
    """The bias among the inputs' columns: [out, in + 1]."""
    return np.ascontiguousarray(np.insert(weight, at, bias, axis=1))


def _join(weight: Floats, bias: Floats) -> Floats:
    return np.ascontiguousarray(np.concatenate([weight, bias[:, None]], axis=1))


def _matrix(layer: Layer) -> Floats:
    """The same as one matrix, the bias last: [out, in + 1]."""
    return _join(*_weights(layer))
