"""Decodes a column of .vlae files in Ray Data. Needs no Ray to be imported.

files = ray.data.read_binary_files("small/", file_extensions=["vlae"])
images = files.map_batches(vlaecodec.ray.Decode, concurrency=4)
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from vlaecodec.codec.decode import decode_pixels
from vlaecodec.codec.options import DecodeKeywords


class Decode:
    """For `map_batches` with batches of numpy arrays, its default: bytes in, pictures out."""

    def __init__(
        self, column: str = "bytes", output: str = "image", **options: Unpack[DecodeKeywords]
    ) -> None:
        """column: of the files' bytes, which is left out. output: of the pictures.

        options: those of `vlaecodec.decode`. Threads are one by default, for Ray starts an actor
        for each core.
        """
        self.column, self.output = column, output
        self.options: DecodeKeywords = {"threads": 1, **options}

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch with pictures: uint8 [n, H, W, 3], or n arrays [H, W, 3] of several sizes.

        Raises what `vlaecodec.decode` does.
        """
        pictures = [decode_pixels(bytes(data), **self.options) for data in batch[self.column]]
        others = {name: values for name, values in batch.items() if name != self.column}
        return {**others, self.output: _as_column(pictures)}


def _as_column(pictures: list[NDArray[np.uint8]]) -> NDArray[Any]:
    if len({picture.shape for picture in pictures}) == 1:
        return np.stack(pictures)
    column = np.empty(len(pictures), object)
    column[:] = pictures
    return column
