"""The parts of y that the prior's passes code; networks.photo.prior says which those are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.networks.photo.architecture import ORDER


def places(number: int) -> Iterator[tuple[slice, slice, int]]:
    """Where pass `number` codes what: rows, columns, and the quarter of the channels."""
    for parity in range(4):
        row, column = divmod(parity, 2)
        yield slice(row, None, 2), slice(column, None, 2), parity ^ ORDER[number]


def gather_pass(x: NDArray[Any], number: int) -> NDArray[Any]:
    """The part of x [C, rows, columns] that pass `number` codes: [C / 4, rows, columns]."""
    quarters = x.reshape(4, -1, *x.shape[1:])
    part = np.empty(quarters.shape[1:], x.dtype)
    for rows, columns, quarter in places(number):
        part[:, rows, columns] = quarters[quarter, :, rows, columns]
    return part


def scatter_pass(part: NDArray[Any], number: int) -> NDArray[Any]:
    """Put a part [C / 4, rows, columns] back in its place, zeros elsewhere: [C, rows, columns].

    In memory each place's channels are together, as networks take them.
    """
    count = len(part)
    whole = np.zeros((*part.shape[1:], 4 * count), part.dtype)
    for rows, columns, quarter in places(number):
        channels = slice(quarter * count, (quarter + 1) * count)
        whole[rows, columns, channels] = np.moveaxis(part[:, rows, columns], 0, -1)
    return np.moveaxis(whole, -1, 0)
