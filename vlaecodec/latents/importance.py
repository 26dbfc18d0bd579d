"""How much detail each place of a picture deserves: weights of its squared errors.

1 stands for the quality that was asked for; 4 for four times the lambda, which is 22 steps of q.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.bitstream.header import QUALITY_CODE_MAX, QUALITY_CODE_MIN
from vlaecodec.bitstream.tiles import LATENT_FACTOR, Region, check_region
from vlaecodec.errors import ParameterError
from vlaecodec.networks.photo.rate_distortion import LAMBDA_MAX, LAMBDA_MIN
from vlaecodec.picture.image import Pixels, to_picture

Weights = NDArray[np.floating]
"""One for each pixel, float32 [H, W], above 0."""

Mask = Image.Image | NDArray[np.uint8]
"""Grey, of the picture's size: white counts in full, black not at all."""

Roi = Region | Mask | tuple[Region | Mask, float]
"""A region of interest, with or without its gain."""

ROI_GAIN = 4.0
"""The gain of a region for which none is given."""

GAIN_MAX = 64.0
"""Gains reach from 1 / GAIN_MAX to this."""

AUTO_KEEP = 0.35
"""The weight of pure texture where the choice is left to us."""

CELL_PX = 8
"""Structure and texture are told apart on cells of this size and the eight around each."""

FLAT_ENERGY = 16.0
EDGE_ENERGY = 2500.0
"""Squared gradients, grey levels: far below the first is flat or noise; far above the second is
contrast that carries structure, such as print, whatever its pattern."""

SPARSE, DENSE = 0.35, 0.7
"""Mean gradient squared over mean squared gradient: of few edges on flat ground; of texture all
over (pi / 4 for Gaussian noise)."""

_BAND_ROWS = 128 * CELL_PX
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def weigh_detail(pixels: Pixels, roi: Roi | list[Roi] | None, keep: float | str) -> Weights:
    """The weights of a picture, uint8 [H, W, 3].

    roi: regions of interest, as in `vlaecodec.encode`; where several overlap, the gain counts that
    is farthest from 1. keep: the weight of pure texture, 0..1, or "auto". Raises ParameterError.
    """
    part = check_keep(keep)
    gains = np.ones(pixels.shape[:2], np.float32)
    for area, gain in _to_rois(roi):
        _apply(gains, area, gain)
    return gains if part == 1 else gains * np.float32(part) ** find_texture(pixels)


def check_keep(keep: float | str) -> float:
    """The weight of pure texture. Raises ParameterError unless it is in 0..1, not 0, or "auto"."""
    if keep == "auto":
        return AUTO_KEEP
    if not isinstance(keep, int | float) or not 0 < keep <= 1:
        raise ParameterError(f"keep must be above 0 and at most 1, or 'auto', not {keep!r}")
    return float(keep)


def share_out(weights: Weights, quality_code: int) -> tuple[int, Weights]:
    """The quality code of a file that gives the heaviest place what it deserves, and the weights
    relative to that: about 1 there, less elsewhere."""
    peak = float(weigh_latents(weights).max())
    span = (QUALITY_CODE_MAX - QUALITY_CODE_MIN) / math.log(LAMBDA_MAX / LAMBDA_MIN)
    raised = round(quality_code + span * math.log(peak))
    raised = min(max(raised, QUALITY_CODE_MIN), QUALITY_CODE_MAX)
    return raised, weights * np.float32(math.exp((quality_code - raised) / span))


def weigh_latents(weights: Weights) -> Weights:
    """The mean weight of each latent's pixels: [ceil(H / 16), ceil(W / 16)]."""
    height, width = weights.shape
    padding = ((0, -height % LATENT_FACTOR), (0, -width % LATENT_FACTOR))
    return _means(np.pad(weights, padding, "edge"), LATENT_FACTOR)


def find_texture(pixels: Pixels) -> Weights:
    """How much of each place is texture: 0, none, to 1; the same all over a cell of CELL_PX.

    From the structure tensor, summed over a cell and those around it. Texture has gradients in all
    directions (edges have one), all over (edges are few), and neither faint nor of high contrast.
    """
    height, width = pixels.shape[:2]
    statistics = [
        _cell_statistics(pixels, top, min(top + _BAND_ROWS, height))
        for top in range(0, height, _BAND_ROWS)
    ]
    xx, yy, xy, size = (_spread(np.concatenate(parts)) for parts in zip(*statistics, strict=True))
    energy = xx + yy + np.float32(1e-3)
    coherence = ((xx - yy) ** 2 + 4 * xy**2) / energy**2
    density = np.clip((size**2 / energy - SPARSE) / (DENSE - SPARSE), 0, 1)
    texture = (1 - coherence) * density / (1 + FLAT_ENERGY / energy) / (1 + energy / EDGE_ENERGY)
    return texture.repeat(CELL_PX, 0).repeat(CELL_PX, 1)[:height, :width]


def _to_rois(roi: Roi | list[Roi] | None) -> list[tuple[Region | Mask, float]]:
    """One or several, with or without gains, as a list with gains."""
    if roi is None:
        return []
    return [_with_gain(one) for one in (roi if isinstance(roi, list) else [roi])]


def _with_gain(roi: object) -> tuple[Region | Mask, float]:
    area: Any = roi
    gain: Any = ROI_GAIN
    if isinstance(roi, tuple) and len(roi) == 2:
        area, gain = roi
    known = isinstance(area, Image.Image | np.ndarray) or (
        isinstance(area, tuple) and len(area) == 4 and all(isinstance(n, int) for n in area)
    )
    if not known:
        raise ParameterError(
            f"a region of interest is (left, top, width, height) or a mask, not {area!r}"
        )
    if not isinstance(gain, int | float) or not 1 / GAIN_MAX <= gain <= GAIN_MAX:
        raise ParameterError(
            f"the gain of a region of interest is from 1/{GAIN_MAX:g} to {GAIN_MAX:g}, not {gain!r}"
        )
    return area, float(gain)


def _apply(gains: Weights, area: Region | Mask, gain: float) -> None:
    """Let a gain count in its area, in place."""
    height, width = gains.shape
    if isinstance(area, tuple):
        box = check_region(area, width, height, name="region of interest")
        window = slice(box.top, box.bottom), slice(box.left, box.right)
        found: Weights = np.full((1, 1), gain, np.float32)
    else:
        window = slice(None), slice(None)
        found = np.float32(gain) ** _read_mask(area, width, height)
    stronger = np.abs(np.log(found)) > np.abs(np.log(gains[window]))
    gains[window] = np.where(stronger, found, gains[window])


def _read_mask(mask: Mask, width: int, height: int) -> Weights:
    """0, black, to 1, white: [H, W]."""
    samples = to_picture(mask, exact=True, to_8_bit=True).pixels
    if samples.shape[:2] != (height, width):
        raise ParameterError(
            f"the mask has {samples.shape[1]} x {samples.shape[0]} pixels, "
            f"but the picture {width} x {height}"
        )
    if bool((samples != samples[..., :1]).any()):
        raise ParameterError("the mask must be grey: white counts in full, black not at all")
    return samples[..., 0] / np.float32(255)


def _cell_statistics(pixels: Pixels, top: int, bottom: int) -> tuple[Weights, ...]:
    """Means over the cells of some rows: gradient products xx, yy, xy, and the gradient's size."""
    above, below = int(top > 0), int(bottom < len(pixels))
    luma = pixels[top - above : bottom + below] @ _LUMA
    luma = np.pad(luma, ((1 - above, 1 - below), (1, 1)), "edge")
    y = (luma[2:, 1:-1] - luma[:-2, 1:-1]) / 2
    x = (luma[1:-1, 2:] - luma[1:-1, :-2]) / 2
    padding = ((0, -x.shape[0] % CELL_PX), (0, -x.shape[1] % CELL_PX))
    products = (x * x, y * y, x * y, np.hypot(x, y))
    return tuple(_means(np.pad(p, padding, "reflect"), CELL_PX) for p in products)


def _means(values: Weights, side: int) -> Weights:
    """Over squares that cover the values exactly."""
    rows, columns = (n // side for n in values.shape)
    means: Weights = values.reshape(rows, side, columns, side).mean((1, 3))
    return means


def _spread(cells: Weights) -> Weights:
    """Each cell with a half of its neighbours at the sides and a quarter of those at corners."""
    padded = np.pad(cells, 1, "edge")
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
