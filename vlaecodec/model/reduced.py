"""Block averages of the mean image straight from the global decoder's trunk: small pictures.

The last layer is linear up to rounding and clamping, so the average of a block of its pixels is
another linear layer, with a small part of the outputs. Blocks of the trunk whose work does not show
in averages are left out.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from vlaecodec.bitstream.tiles import FOLD, LATENT_FACTOR
from vlaecodec.model.exactness import exactly
from vlaecodec.model.frozen import LatentArray, PhotoModel
from vlaecodec.networks.common.formats import PIXEL_UNITS
from vlaecodec.picture.image import Pixels

FACTORS = (8, 4, 2)
"""How much smaller than the picture: averages of so many pixels a side."""

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


@exactly
def _average(model: PhotoModel, latent: LatentArray, code: int, factor: int) -> Pixels:
    decoder = model.network.decoder
    y = torch.from_numpy(latent).float().unsqueeze(0)
    y = y.contiguous(memory_format=torch.channels_last)
    trunk = decoder.coarse_features(y, torch.tensor([code]))
    kept = FOLD // factor
    cells = (3, kept, factor, kept, factor)
    weight = decoder.leave.folded_weight.unflatten(0, cells).mean((2, 4)).flatten(0, 2)
    bias = decoder.leave.folded_bias.unflatten(0, cells).mean((2, 4)).flatten()
    # The layer rounds down after adding half a unit; on average that is half a unit less.
    mean = F.conv2d(trunk, weight, bias - 0.5, padding=decoder.leave.padding)
    mean = F.pixel_shuffle(mean, kept)[0] if kept > 1 else mean[0]
    levels = (mean / PIXEL_UNITS).round_().clamp_(0, 255)
    return levels.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
