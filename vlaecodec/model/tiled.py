"""Run networks on pictures of any size, in blocks with halos, so that no block border shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.tiles import (
    FOLD,
    LATENT_FACTOR,
    TileBox,
    feature_window,
    latent_window,
    pixel_window,
)
from vlaecodec.frozen.synthesis import Features
from vlaecodec.model.frozen import LatentArray, PhotoModel
from vlaecodec.picture.image import Pixels, to_grey

SYNTHESIS_BLOCK_PX = 1024
"""Mean images are computed in blocks of this size; any size gives the same picture.

Smaller blocks cost more halo, larger ones more time in the memory allocator."""

AnyPixels = NDArray[np.uint8 | np.float32]
"""What is analysed: [H, W, 3], in grey levels, whole or not, and a little beyond 0 and 255."""

_FEATURES_PER_LATENT = LATENT_FACTOR // FOLD


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """The mean image and the features of a picture, or of a window of it."""

    mean: Pixels
    """The mean image, uint8 [H, W, 3]."""
    features: Features
    """What it was computed from, int16 [channels, ceil(H / 8), ceil(W / 8)] or larger."""
    colours: int = 3
    """1 for a grey picture, whose three channels are equal."""

    def as_grey(self) -> Reconstruction:
        """The same for a grey picture."""
        return Reconstruction(to_grey(self.mean), self.features, 1)

    def part(self, box: TileBox) -> Reconstruction:
        """The part of a tile."""
        features = self.features[feature_window(box)]
        return Reconstruction(self.mean[pixel_window(box)], features, self.colours)


def reconstruct(
    model: PhotoModel,
    latent: LatentArray,
    quality_code: int,
    shape: tuple[int, ...],
    block_px: int = SYNTHESIS_BLOCK_PX,
    window: TileBox | None = None,
) -> Reconstruction:
    """The reconstruction of a picture [H, W, ...] from all of its latents.

    Block by block, each with the halo that hides its edges. block_px: a multiple of LATENT_FACTOR.
    window: only this part of the picture, beginning at whole latents.
    """
    window = window or TileBox(0, 0, shape[1], shape[0])
    block, halo = block_px // LATENT_FACTOR, model.synthesis_halo
    _, rows, columns = latent_window(window)
    channels = model.arch.eighth_channels
    scale = _FEATURES_PER_LATENT
    mean = np.empty((window.bottom - window.top, window.right - window.left, 3), np.uint8)
    size = (scale * (rows.stop - rows.start), scale * (columns.stop - columns.start))
    # In memory each place's channels are together, as the networks have them.
    features = np.moveaxis(np.empty((*size, channels), np.int16), -1, 0)
    for row in range(rows.start, rows.stop, block):
        for column in range(columns.start, columns.stop, block):
            top, left = max(0, row - halo), max(0, column - halo)
            below, right = min(row + block, rows.stop), min(column + block, columns.stop)
            part = latent[:, top : below + halo, left : right + halo]
            block_mean, block_features = model.synthesise(part, quality_code)
            target = mean[_span(row, below, rows, LATENT_FACTOR)]
            target = target[:, _span(column, right, columns, LATENT_FACTOR)]
            y, x = LATENT_FACTOR * (row - top), LATENT_FACTOR * (column - left)
            target[:] = block_mean[y : y + target.shape[0], x : x + target.shape[1]]
            inner = features[:, _span(row, below, rows, scale)]
            inner = inner[:, :, _span(column, right, columns, scale)]
            y, x = scale * (row - top), scale * (column - left)
            inner[:] = block_features[:, y : y + inner.shape[1], x : x + inner.shape[2]]
    return Reconstruction(mean, features)


def _span(start: int, stop: int, window: slice, factor: int) -> slice:
    """A range of latents, counted from the window's start in units of a finer grid."""
    return slice(factor * (start - window.start), factor * (stop - window.start))


def pad_edges(pixels: AnyPixels) -> AnyPixels:
    """Repeat the last row and column up to whole latents."""
    height, width = pixels.shape[:2]
    below, right = -height % LATENT_FACTOR, -width % LATENT_FACTOR
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")


def empty_latent(model: PhotoModel, shape: tuple[int, ...]) -> LatentArray:
    """Zeros for the latents of a picture: int16 [C, ceil(H / 16), ceil(W / 16)]."""
    rows, columns = (-(-side // LATENT_FACTOR) for side in shape[:2])
    # In memory each place's channels are together, as the networks take them.
    return np.moveaxis(np.zeros((rows, columns, model.arch.latent_channels), np.int16), -1, 0)
