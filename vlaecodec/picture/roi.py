"""Regions of interest: which places of a picture matter more than others, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.bitstream.tiles import Region, check_region
from vlaecodec.errors import ParameterError
from vlaecodec.picture.image import to_picture

Weights = NDArray[np.floating]
"""Of the squared error of each pixel: float32 [H, W], above 0; 1 is what quality stands for."""

Mask = Image.Image | NDArray[np.uint8]
"""Grey, of the picture's size: white counts in full, black not at all."""

ROI_GAIN = 4.0
"""The gain of a region for which none is given: as much as 22 steps of quality."""

GAIN_MAX = 64.0
"""Gains reach from 1 / GAIN_MAX to this."""


@dataclass(frozen=True, eq=False)
class Roi:
    """A region of interest. Raises ParameterError for an area or a gain that means nothing."""

    area: Region | Mask
    """(left, top, width, height), or a mask of the picture's size; pixels of the upright picture.
    """
    gain: float = ROI_GAIN
    """How many times as much errors count there, 1/64 to 64; below 1, less than elsewhere."""

    def __post_init__(self) -> None:
        is_mask = isinstance(self.area, Image.Image | np.ndarray)
        if not (is_mask or _is_rectangle(self.area)):
            raise ParameterError(
                f"a region of interest is (left, top, width, height) or a mask, not {self.area!r}"
            )
        gain: Any = self.gain
        if not isinstance(gain, int | float) or not 1 / GAIN_MAX <= gain <= GAIN_MAX:
            raise ParameterError(
                f"the gain of a region of interest is from 1/{GAIN_MAX:g} to {GAIN_MAX:g}, "
                f"not {gain!r}"
            )


def to_rois(roi: Roi | Region | Mask | Sequence[Roi | Region | Mask]) -> list[Roi]:
    """One region or several, each a Roi or its area alone, as a list of Roi."""
    several = isinstance(roi, list) or (isinstance(roi, tuple) and not _is_rectangle(roi))
    areas: list[Any] = list(roi) if several else [roi]  # type: ignore[arg-type]
    return [area if isinstance(area, Roi) else Roi(area) for area in areas]


def weigh_pixels(shape: tuple[int, ...], rois: Sequence[Roi]) -> Weights:
    """The weights of a picture [H, W, ...]: 1, and in regions of interest their gain.

    Where several overlap, the gain counts that is farthest from 1. Raises ParameterError for a
    region outside the picture or a mask of another size.
    """
    weights = np.ones(shape[:2], np.float32)
    for roi in rois:
        _apply(weights, roi)
    return weights


def _is_rectangle(area: object) -> bool:
    return isinstance(area, tuple) and len(area) == 4 and all(isinstance(n, int) for n in area)


def _apply(weights: Weights, roi: Roi) -> None:
    """Let a gain count in its area, in place."""
    height, width = weights.shape
    if isinstance(roi.area, tuple):
        box = check_region(roi.area, width, height, name="region of interest")
        window = slice(box.top, box.bottom), slice(box.left, box.right)
        gains: Weights = np.full((1, 1), roi.gain, np.float32)
    else:
        window = slice(None), slice(None)
        gains = np.float32(roi.gain) ** _read_mask(roi.area, width, height)
    stronger = np.abs(np.log(gains)) > np.abs(np.log(weights[window]))
    weights[window] = np.where(stronger, gains, weights[window])


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
