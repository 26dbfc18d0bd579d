"""The samples of Pillow's images as arrays, band by band: Pillow makes several copies of each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PACKED_PX = 2**27
"""Samples of larger images are compressed before the image is closed, and laid out after that."""

_BAND_ROWS = 256


def take_samples(image: Image.Image, channels: int, *, close: bool = False) -> NDArray[np.uint8]:
    """The first channels of an image: uint8 [H, W, channels].

    close: the image too; a very large one before there is room for its samples.
    """
    bands: Iterator[NDArray[np.uint8]] = _bands(image, channels)
    if close and image.width * image.height > PACKED_PX:
        packed = [zlib.compress(band.data, 1) for band in bands]
        image.close()
        bands = (np.frombuffer(zlib.decompress(band), np.uint8) for band in packed)
    samples = np.empty((image.height, image.width, channels), np.uint8)
    for top, band in zip(range(0, image.height, _BAND_ROWS), bands, strict=True):
        rows = samples[top : top + _BAND_ROWS]
        rows[:] = band.reshape(rows.shape)
    if close:
        image.close()
    return samples


def _bands(image: Image.Image, channels: int) -> Iterator[NDArray[np.uint8]]:
    for top in range(0, image.height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, image.height)
        band = np.asarray(image.crop((0, top, image.width, bottom)))
        yield np.ascontiguousarray(band.reshape(bottom - top, image.width, -1)[..., :channels])
