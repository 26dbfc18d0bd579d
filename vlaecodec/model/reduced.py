"""Block averages of the mean image straight from the global decoder's trunk: small pictures.

The last layer is linear up to rounding and clamping, so the average of a block of its pixels is
another linear layer, with a small part of the outputs. Blocks of the trunk whose work does not show
in averages are left out.
"""

from __future__ import annotations

import numpy as np

from vlaecodec.bitstream.tiles import FOLD, LATENT_FACTOR
from vlaecodec.frozen.layers import unfold_channels
from vlaecodec.frozen.operations import as_operand, convolve
from vlaecodec.model.frozen import LatentArray, PhotoModel
from vlaecodec.networks.common.formats import PIXEL_UNITS, Format
from vlaecodec.picture.image import Pixels

FACTORS = (8, 4, 2)
"""How much smaller than the picture: averages of so many pixels a side."""

GREY = Format(frac_bits=0, low=0, high=255)

_BLOCK = 128
"""Latents a side that are computed in one go."""


def choose_factor(width: int, height: int, size_px: int) -> int:
    """The largest factor that still gives a longer side of at least size_px, or 1."""
    longer = max(width, height)
    return next((factor for factor in FACTORS if -(-longer // factor) >= size_px), 1)


def reconstruct_reduced(
    model: PhotoModel, latent: LatentArray, code: int, shape: tuple[int, ...], factor: int
) -> Pixels:
    """Block averages of the mean image: uint8 [ceil(H / factor), ceil(W / factor), 3].

    Near them, to be precise: blocks of the trunk are left out, and pixels that are clamped or lie
    outside the picture count as they are.
    """
    height, width = (-(-side // factor) for side in shape[:2])
    _, rows, columns = latent.shape
    scale, halo = LATENT_FACTOR // factor, model.synthesis_halo
    small = np.empty((scale * rows, scale * columns, 3), np.uint8)
    for row in range(0, rows, _BLOCK):
        for column in range(0, columns, _BLOCK):
            top, left = max(0, row - halo), max(0, column - halo)
            part = latent[:, top : row + _BLOCK + halo, left : column + _BLOCK + halo]
            block = _average(model, part, code, factor)
            target = small[
                scale * row : scale * (row + _BLOCK), scale * column : scale * (column + _BLOCK)
            ]
            y, x = scale * (row - top), scale * (column - left)
            target[:] = block[y : y + target.shape[0], x : x + target.shape[1]]
    return np.ascontiguousarray(small[:height, :width])


def _average(model: PhotoModel, latent: LatentArray, code: int, factor: int) -> Pixels:
    features = model.decoder.features(latent, code, coarse=True)
    layer, kept = model.decoder.leave, FOLD // factor
    cells = (kept, factor, kept, factor, 3)
    matrix = layer.matrix.reshape(*cells, -1).mean((1, 3)).reshape(3 * kept**2, -1)
    # The layer rounds down after adding half a unit; on average that is half a unit less. Half a
    # grey level makes rounding down rounding to nearest.
    bias = layer.bias.reshape(cells).mean((1, 3)).ravel() - 0.5 + PIXEL_UNITS / 2
    averages = layer.remade(matrix / PIXEL_UNITS, bias / PIXEL_UNITS, GREY)
    levels = convolve(as_operand(np.moveaxis(features, 0, -1)[None]), averages)
    small: Pixels = unfold_channels(levels.astype(np.uint8), kept)[0]
    return small
