"""The frozen local decoder as a few matrices, for the millions of small products that it takes.

The same whole numbers as networks.local_decoder, which trains it; numpy's overhead per call is a
fraction of torch's, and a wavefront makes dozens of calls on a few hundred pixels each. Matrices
carry the bias as one more row, so inputs carry a column of ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.layers import Layer, round_operand
from vlaecodec.frozen.local import LocalDecoder
from vlaecodec.networks.common.formats import POSITIVE
from vlaecodec.networks.photo.distribution import CLASS_BOUNDS, CLASSES, DISTRIBUTION

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


def _matrix(layer: Layer) -> Floats:
    """The layer's weights with the rescaling folded in, bias last: [in_channels + 1, out]."""
    matrix = np.concatenate([layer.matrix, layer.bias[:, None]], axis=1)
    return np.ascontiguousarray(matrix.T)


def classes_of(scale: Any) -> Ints:
    """The class of each sample, from its predicted scale in SCALE_UNITS; any shape."""
    found: Ints = np.searchsorted(CLASS_BOUNDS, scale, side="right").astype(np.int32)
    return found


@dataclass(frozen=True)
class KernelCorrection:
    """What is added to means and scales, by class of predicted scale; see `Correction`."""

    seen: Floats
    """[correction inputs, classes * 3 colours], results in MEAN_UNITS."""
    known: Floats
    """[classes, 2, 3]."""
    bias: Floats
    """[classes * 3]."""
    shift: Floats
    """Of the scales, [classes, 3]."""

    def shifted(self, scale: Any, classes: Ints, number: int) -> Any:
        """Scales of one colour, of whatever type, shifted within DISTRIBUTION."""
        moved = scale + self.shift[classes, number].astype(scale.dtype)
        return np.clip(moved, DISTRIBUTION.low, DISTRIBUTION.high)


class LocalKernel:
    """p(x | z) for rows of pixels, at most `capacity` at once, under constant conditions [2].

    correction: added to means and scales. Fill `inputs[:n]`, then call `begin(n)` and
    `colour(number, n)` for 0, 1, 2.
    """

    def __init__(
        self,
        local: LocalDecoder,
        conditions: Floats,
        capacity: int,
        correction: KernelCorrection | None = None,
    ) -> None:
        enter = _matrix(local.enter)
        # Conditions are the same for all pixels: part of the bias.
        seen = len(enter) - 1 - len(conditions)
        bias = enter[-1] + conditions @ enter[seen:-1]
        enter = np.concatenate([enter[:seen], bias[None]])
        predict = np.zeros((len(enter), 3 * local.classes), np.float32)
        linear = _matrix(local.predict)
        predict[: len(linear) - 1], predict[-1] = linear[:-1], linear[-1]
        self._correction, self._classes = correction, local.classes
        columns = [enter, predict]
        if correction is not None:
            correct = np.zeros((len(enter), len(correction.bias)), np.float32)
            correct[: len(correction.seen)], correct[-1] = correction.seen, correction.bias
            columns.append(correct)
        self._enter = np.concatenate(columns, axis=1)
        spare_columns = self._enter.shape[1] - local.enter.outputs
        self._layers = [_matrix(layer) for layer in local.hidden]
        merges = [_matrix(head.merge) for head in local.heads]
        width = local.enter.outputs
        self._merge = np.concatenate([np.delete(m, range(width, len(m) - 1), 0) for m in merges], 1)
        self._merge_known = [m[width:-1] for m in merges]
        self._leave = [_matrix(head.leave) for head in local.heads]
        self._width, self._colours = width, merges[0].shape[1]

        self.inputs = np.ones((capacity, seen + 1), np.float32)
        """Windows (residuals times RESIDUAL_UNITS), contrasts, features, a column of ones."""
        self.known = np.zeros((capacity, 3), np.float32)
        """The pixels' residuals, times RESIDUAL_UNITS: `colour` reads those before its own."""
        self._hidden = [
            np.ones((capacity, width + spare_columns + 1), np.float32) for _ in range(2)
        ]
        self._merged = np.empty((capacity, 3 * self._colours), np.float32)
        self._heads = [np.ones((capacity, len(m)), np.float32) for m in self._leave]

    def begin(self, count: int) -> None:
        """Compute what all colours of the first `count` inputs share."""
        width = self._width
        spare, hidden = (h[:count] for h in self._hidden)
        # Columns: hidden units, predictions, corrections if any; then ones take the place of the
        # first prediction.
        np.matmul(self.inputs[:count], self._enter, out=spare[:, : self._enter.shape[1]])
        end = width + 3 * self._classes
        self._predictions = np.floor(spare[:, width:end])
        np.clip(self._predictions, DISTRIBUTION.low, DISTRIBUTION.high, out=self._predictions)
        if self._correction is not None:
            self._corrections = spare[:, end : end + 3 * CLASSES].copy()
        _positive(spare[:, :width])
        spare[:, width] = 1
        for matrix in self._layers:
            np.matmul(spare[:, : width + 1], matrix, out=hidden[:, :width])
            _positive(hidden[:, :width])
            hidden[:, width] = 1
            spare, hidden = hidden, spare
        np.matmul(spare[:, : width + 1], self._merge, out=self._merged[:count])

    def colour(self, number: int, count: int) -> tuple[Ints, Ints, Ints]:
        """Mean, scale and tail of one colour, whole numbers in DISTRIBUTION units, [count] each."""
        units = self._colours
        head = self._heads[number][:count]
        merged = self._merged[:count, number * units : (number + 1) * units]
        known = self.known[:count, :number]
        if number:
            merged = merged + known @ self._merge_known[number]
            head[:, units : units + number] = known
        np.floor(merged, out=head[:, :units])
        np.clip(head[:, :units], POSITIVE.low, POSITIVE.high, out=head[:, :units])
        head[:, :units] = round_operand(head[:, :units])
        outputs = np.floor(head @ self._leave[number])
        np.clip(outputs, DISTRIBUTION.low, DISTRIBUTION.high, out=outputs)
        if self._classes == 1:
            outputs[:, 0] += self._predictions[:, number]
        else:
            self._predict_by_class(outputs, known, number)
        mean, scale, tail = outputs.T.astype(np.int32)
        return mean, scale, tail

    def _predict_by_class(self, outputs: Floats, known: Floats, number: int) -> None:
        """Add what is predicted linearly to one colour's means, and the correction, in place."""
        classes = classes_of(outputs[:, 1])
        at = np.arange(len(outputs)), 3 * classes + number
        outputs[:, 0] += self._predictions[at]
        if (correction := self._correction) is not None:
            added = self._corrections[at]
            if number:
                added += (known * correction.known[classes, :number, number]).sum(1)
            outputs[:, 0] += np.floor(added)
            outputs[:, 1] = correction.shifted(outputs[:, 1], classes, number)


def _positive(x: Floats) -> None:
    """Round down, clamp to POSITIVE and round as operands, in place."""
    np.floor(x, out=x)
    np.clip(x, POSITIVE.low, POSITIVE.high, out=x)
    x[:] = round_operand(x)
