"""What frozen networks are made of: convolutions of whole numbers in float32, by matrix products.

Arrays are [N, H, W, C]. Whatever BLAS numpy has may sum in any order, with fused multiply-adds or
without: sums of whole numbers below 2**24 have one result.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from vlaecodec.errors import ReproductionError
from vlaecodec.frozen.bands import do_all, split
from vlaecodec.frozen.layers import Floats, Layer, round_operand
from vlaecodec.networks.common.formats import Format

BAND = 2**17
"""Numbers of the input that are worked on in one go: these, and what comes of them, fit a cache."""


@functools.cache
def check_products() -> None:
    """Raise ReproductionError where float32 products are not exact: nobody could decode what was
    coded there. No library that numpy comes with is known to be so.
    """
    # Sums near 2**24; numpy.random would take longer to import than all of this.
    rows, columns = (np.arange(2 * 32 * 255) * 7919 % 127 + 129).reshape(2, 32, 255)
    found = as_operand(rows) @ as_operand(columns).T
    if not np.array_equal(found, rows @ columns.T):
        raise ReproductionError(
            "float32 products are not exact on this machine: no file can be encoded or decoded here"
        )


def as_operand(x: NDArray[Any]) -> Floats:
    """Whole numbers of any type as what the operations take: contiguous float32."""
    return np.ascontiguousarray(x, np.float32)


def pointwise(x: Floats, layer: Layer) -> Floats:
    """A 1x1 convolution of [..., C]."""
    rows = x.reshape(-1, x.shape[-1])
    result = np.empty((len(rows), layer.outputs), np.float32)

    def work(part: slice) -> None:
        _apply(layer, rows[part], result[part])

    do_all(work, split(len(rows), BAND // rows.shape[1]))
    return result.reshape(*x.shape[:-1], layer.outputs)


def convolve(x: Floats, layer: Layer) -> Floats:
    """A 3x3 convolution; beyond the border are zeros."""
    count, height, width, channels = x.shape
    result = np.empty((count, height, width, layer.outputs), np.float32)

    def work(job: tuple[int, slice]) -> None:
        image, rows = job
        framed = _frame(x[image], rows)
        line, step, one = framed.strides
        shape = (rows.stop - rows.start, width, 3, 3 * channels)
        around = as_strided(framed, shape, (line, step, line, one)).reshape(-1, 9 * channels)
        _product(layer, around, result[image, rows].reshape(-1, layer.outputs))

    do_all(work, _jobs(x))
    return result


def residual(x: Floats, depthwise: Layer, widen: Layer, narrow: Layer) -> Floats:
    """x and what three layers make of it, added, and clamped to the last one's target.

    One after another in each band, so that what passes between them does not leave the cache.
    """
    result = np.empty_like(x)

    def work(job: tuple[int, slice]) -> None:
        image, rows = job
        part = _depthwise(depthwise, _frame(x[image], rows))
        for layer in (widen, narrow):
            wider = np.empty((len(part), layer.outputs), np.float32)
            _apply(layer, part, wider)
            part = wider
        added = part.reshape(result[image, rows].shape)
        added += x[image, rows]
        np.clip(added, narrow.target.low, narrow.target.high, out=result[image, rows])

    do_all(work, _jobs(x))
    return result


def affine(x: Floats, gain: Floats, bias: Floats, target: Format) -> Floats:
    """round(x * gain) + bias, clamped to the target; gain and bias: [C]."""
    x = _round(x * gain)
    x += bias
    return np.clip(x, target.low, target.high, out=x)


def requantise(x: Floats, source: Format, target: Format) -> Floats:
    """x in the coarser format `target`."""
    x = _round(x * np.float32(target.scale / source.scale))
    return np.clip(x, target.low, target.high, out=x)


def _round(x: Floats) -> Floats:
    """Half up, in place."""
    x += np.float32(0.5)
    return np.floor(x, out=x)


def _jobs(x: Floats) -> list[tuple[int, slice]]:
    """Bands of rows of every image."""
    count, height, width, channels = x.shape
    bands = split(height, BAND // (width * channels))
    return [(image, rows) for image in range(count) for rows in bands]


def _apply(layer: Layer, x: Floats, result: Floats) -> None:
    """A pointwise layer on rows of channels, [n, in] to [n, out]."""
    _product(layer, round_operand(x), result)


def _product(layer: Layer, operands: Floats, result: Floats) -> None:
    np.matmul(operands, layer.matrix.T, out=result)
    result += layer.bias
    np.floor(result, out=result)
    np.clip(result, layer.target.low, layer.target.high, out=result)


def _frame(image: Floats, rows: slice) -> Floats:
    """Some rows of an image [H, W, C] as operands, with a border of what is around or of zeros."""
    height, width, channels = image.shape
    top, bottom = max(0, rows.start - 1), min(height, rows.stop + 1)
    framed = np.zeros((rows.stop - rows.start + 2, width + 2, channels), np.float32)
    first = top - rows.start + 1
    framed[first : first + bottom - top, 1:-1] = round_operand(image[top:bottom])
    return framed


def _depthwise(layer: Layer, framed: Floats) -> Floats:
    """A depthwise layer inside a frame: [(H - 2) * (W - 2), C]."""
    height, width, channels = (framed.shape[0] - 2, framed.shape[1] - 2, framed.shape[2])
    lines = framed.reshape(height + 2, -1)
    result = np.empty((height, width * channels), np.float32)
    term = np.empty_like(result)
    # Weights side by side for a whole row: long runs of memory are what numpy is fast on.
    weights = np.tile(layer.matrix.T, (1, width))
    for tap in range(9):
        down, right = divmod(tap, 3)
        over = lines[down : down + height, right * channels : (right + width) * channels]
        np.multiply(over, weights[tap], out=term if tap else result)
        if tap:
            result += term
    result = result.reshape(-1, channels)
    result += layer.bias
    np.floor(result, out=result)
    return np.clip(result, layer.target.low, layer.target.high, out=result)
