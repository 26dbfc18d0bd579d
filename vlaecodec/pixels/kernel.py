"""The frozen local decoder as matrices: one sub-grid's network on blocks of pixels.

Pixels are columns, so that whatever is copied or clamped is one run of memory for each channel, and
a layer is one product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
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


@dataclass(frozen=True)
class Shared:
    """What all colours of some pixels share, one column a pixel."""

    hidden: NDArray[np.uint8]
    linear: Floats
    """The linear predictions of each colour and class, before rounding; then corrections
    likewise."""

    def __getitem__(self, pixels: slice) -> Shared:
        return Shared(self.hidden[:, pixels], self.linear[:, pixels])


class Workspace:
    """Memory for one block of pixels, used again and again."""

    def __init__(self) -> None:
        self._arrays: dict[str, Floats] = {}

    def take(self, name: str, rows: int, columns: int) -> Floats:
        """Float32 [rows, columns], of any content."""
        found = self._arrays.get(name)
        if found is None or found.size < rows * columns:
            found = self._arrays[name] = np.empty(rows * columns, np.float32)
        return found[: rows * columns].reshape(rows, columns)


class PixelKernel:
    """p(x | z) of one sub-grid's pixels, given their inputs.

    number: the sub-grid's. condition: the constant input, or None for a decoder that draws.
    correction: added to means and scales. Call `begin` for blocks of pixels, then `colour` for
    colours 0, 1, 2.
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
        self._merge = [_join(weight[:, : self.width], bias) for weight, bias in merges]
        self._merge_known = [weight[:, self.width :] for weight, _ in merges]
        self._leave = [_matrix(head.leave) for head in local.heads]

    def empty(self, pixels: int) -> Shared:
        """Room for what `begin` computes."""
        return Shared(
            np.empty((self.width, pixels), np.uint8),
            np.empty((self.linear_rows, pixels), np.float32),
        )

    def begin(self, inputs: Floats, shared: Shared, space: Workspace) -> None:
        """Compute what all colours share.

        inputs: GREY [inputs + 1, pixels]: what the pixels see, their features, and ones.
        """
        pixels, width = inputs.shape[1], self.width
        first = space.take("first", len(self._enter), pixels)
        np.matmul(self._enter, inputs, out=first)
        shared.linear[:] = first[width:]
        hidden = space.take("hidden", width + 1, pixels)
        hidden[-1] = 1
        _clamp(first[:width], hidden[:-1])
        for number, matrix in enumerate(self._layers):
            product = space.take("product", len(matrix), pixels)
            np.matmul(matrix, hidden, out=product)
            hidden = space.take(f"hidden {number % 2}", len(matrix) + 1, pixels)
            hidden[-1] = 1
            _clamp(product, hidden[:-1])
        shared.hidden[:] = hidden[:-1]

    def colour(
        self, number: int, shared: Shared, known: Floats, space: Workspace
    ) -> tuple[Ints, Ints, Ints]:
        """Mean, scale and tail of one colour, whole numbers in DISTRIBUTION units, [pixels] each.

        known: the pixels' residuals of the colours before, [number, pixels].
        """
        pixels = shared.hidden.shape[1]
        hidden = space.take("hidden", self.width + 1, pixels)
        hidden[:-1] = shared.hidden
        hidden[-1] = 1
        units = len(self._merge[number])
        product = space.take("product", units, pixels)
        np.matmul(self._merge[number], hidden, out=product)
        if number:
            product += self._merge_known[number] @ known
        merged = space.take("merged", units + number + 1, pixels)
        _clamp(product, merged[:units])
        merged[units:-1] = known
        merged[-1] = 1
        outputs = np.floor(self._leave[number] @ merged).clip(DISTRIBUTION.low, DISTRIBUTION.high)
        mean, scale, tail = outputs.astype(np.int32)
        classes = classes_of(scale)
        mean += self._predicted(number, shared, known, classes)
        if (correction := self._correction) is not None:
            mean += self._corrected(correction, number, shared, known, classes)
            scale += correction.shift[classes, number]
            np.clip(scale, DISTRIBUTION.low, DISTRIBUTION.high, out=scale)
        return mean, scale, tail

    def _predicted(self, number: int, shared: Shared, known: Floats, classes: Ints) -> Ints:
        """The linear predictions of each pixel's class."""
        first = self.classes * number
        rows = shared.linear[first : first + self.classes]
        follow = self._follow[number]
        if self.classes == 1:
            chosen = rows[0] + (follow[0] @ known if number else 0)
        else:
            chosen = rows[classes, np.arange(rows.shape[1])]
            for before in range(number):
                chosen += follow[:, before].take(classes) * known[before]
        rounded = np.floor(chosen).clip(DISTRIBUTION.low, DISTRIBUTION.high)
        return rounded.astype(np.int32)

    def _corrected(
        self,
        correction: KernelCorrection,
        number: int,
        shared: Shared,
        known: Floats,
        classes: Ints,
    ) -> Ints:
        """What the correction adds to each mean."""
        rows = shared.linear[3 * self.classes :]
        added = rows[3 * classes + number, np.arange(rows.shape[1])]
        for before in range(number):
            added += correction.known[:, number, before].take(classes) * known[before]
        return np.floor(added).astype(np.int32)


def _clamp(x: Floats, out: Floats) -> None:
    """Round down and clamp to HIDDEN; overwrites x."""
    np.floor(x, out=x)
    np.clip(x, HIDDEN.low, HIDDEN.high, out=out)


def _weights(layer: Layer) -> tuple[Floats, Floats]:
    """A layer's weights [out, in] and bias [out], with the rescaling folded in."""
    return layer.matrix, layer.bias


def _join(weight: Floats, bias: Floats) -> Floats:
    return np.ascontiguousarray(np.concatenate([weight, bias[:, None]], axis=1))


def _matrix(layer: Layer) -> Floats:
    """The same as one matrix, the bias last: [out, in + 1]."""
    return _join(*_weights(layer))
