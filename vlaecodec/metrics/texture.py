"""How similar the textures of two pictures are: two measures without a trained network.

Both compare statistics, not samples: texture that is redrawn is never the original's, sample by
sample, and PSNR counts that against it even where no eye would. They say nothing of whether the
right thing is in the right place, so they go beside PSNR, not in its stead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

MIN_SIDE_PX = 16
"""Smaller pictures have no texture to speak of; also the shorter side of the coarsest level."""

PATCH_PX = 7
PATCHES = 16384
"""At most so many patches of a level are compared; all of them where it has fewer."""

DIRECTIONS = 256
"""How many random projections a distance is averaged over."""

SWD_UNITS = 1000
"""Units of a sliced Wasserstein distance per standard deviation, as the paper's tables have it."""

ROUNDING_VARIANCE = 1 / 12
"""Of a sample rounded to a whole grey level, grey levels squared."""

_SEED = 1710_10196
_BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601

Plane = NDArray[np.float64]
"""[H, W] or [H, W, 3]"""

Corners = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns of patches' upper left samples."""


@dataclass(frozen=True)
class SlicedWasserstein:
    """Distances per level of the pyramid, in SWD_UNITS."""

    levels: tuple[float, ...]
    """Finest detail first; each next level has half the resolution."""

    @property
    def mean(self) -> float:
        """Over the levels."""
        return float(np.mean(self.levels))


def sliced_wasserstein(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> SlicedWasserstein:
    """Sliced Wasserstein distance between the patches of two Laplacian pyramids.

    first: the original. second: a picture of the same size. Both uint8 [H, W, 3].

    After Karras et al., Progressive Growing of GANs (arXiv 1710.10196, section 5): on each level,
    7 x 7 patches of all three colours are normalised per colour and projected on random unit
    vectors; the distance is the mean absolute difference between the sorted projections. Unlike
    there, two single pictures are compared, not two sets, so patches come from the same places in
    both; and both are normalised by the mean and standard deviation of the first. Were each
    normalised by its own, a blurred picture, whose detail has the right shape and too small an
    amplitude, would look right. For that reason the distance is not symmetric in general.

    Deterministic: places and directions come from a fixed seed. Raises ValueError if the pictures
    do not match or a side is shorter than MIN_SIDE_PX.
    """
    _check(first, second)
    known = _project_original(first.shape, first.tobytes())
    distances = []
    for level, band in zip(known.levels, _laplacian_pyramid(second), strict=True):
        patches = _patches(band, level.corners) / level.deviation
        gaps = np.abs(level.ordered - _project(patches, known.directions))
        distances.append(SWD_UNITS * float(gaps.mean()))
    return SlicedWasserstein(tuple(distances))


def spectrum_distance(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean absolute difference between the logarithms of two radially averaged power spectra.

    first, second: pictures of the same size, uint8 [H, W, 3]. The spectra are those of luma under a
    Hann window, averaged over rings one frequency step of the shorter side wide, up to half a cycle
    per pixel, without the two innermost, which hold the window's own spectrum. The power of
    rounding noise is added to both, so that what lies below it does not count. Natural logarithms:
    0.7 stands for a factor of 2 in power. Symmetric.

    Radial averages of log spectra are how photographs' 1/f statistics are commonly shown (Field
    1987, J. Opt. Soc. Am. A 4:2379).

    Raises ValueError if the pictures do not match or a side is shorter than MIN_SIDE_PX.
    """
    _check(first, second)
    logs = [
        np.log(_radial_power(p) + ROUNDING_VARIANCE * (_LUMA**2).sum()) for p in (first, second)
    ]
    return float(np.abs(logs[0] - logs[1]).mean())


def _check(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> None:
    for picture in (first, second):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise ValueError(f"expected uint8 [H, W, 3], not {picture.dtype} {list(picture.shape)}")
    if first.shape != second.shape:
        raise ValueError(f"pictures of two sizes: {first.shape[:2]} and {second.shape[:2]}")
    height, width = first.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise ValueError(f"{width} x {height} pixels are too few: {MIN_SIDE_PX} a side at least")


def _laplacian_pyramid(picture: NDArray[np.uint8]) -> list[Plane]:
    """Bands, finest first, then what is left: [H, W, 3], [H / 2, W / 2, 3], ... rounded up.

    Burt and Adelson 1983, with a binomial filter; borders are mirrored.
    """
    rest = picture.astype(np.float64)
    bands = []
    while min(rest.shape[:2]) >= 2 * MIN_SIDE_PX:
        coarse = _blur(rest)[::2, ::2]
        spread = np.zeros_like(rest)
        spread[::2, ::2] = 4 * coarse
        bands.append(rest - _blur(spread))
        rest = coarse
    return [*bands, rest]


def _blur(x: Plane) -> Plane:
    reach = len(_BINOMIAL) // 2
    height, width = x.shape[:2]
    x = np.pad(x, ((reach, reach), (reach, reach), (0, 0)), "reflect")
    x = sum((w * x[i : i + height] for i, w in enumerate(_BINOMIAL)), np.zeros(()))
    return sum((w * x[:, i : i + width] for i, w in enumerate(_BINOMIAL)), np.zeros(()))


@dataclass(frozen=True)
class _Level:
    """Where a level's patches lie, what they are scaled by, and the original's projections."""

    corners: Corners
    deviation: Plane
    ordered: NDArray[np.float32]
    """[directions, patches], sorted along the last axis."""


@dataclass(frozen=True)
class _Original:
    """What every picture that is measured against one original shares."""

    directions: NDArray[np.float32]
    """[values of a patch, directions]"""
    levels: tuple[_Level, ...]


@lru_cache(maxsize=1)
def _project_original(shape: tuple[int, ...], data: bytes) -> _Original:
    """Of the samples of an original. Several pictures are often measured against one."""
    original = np.frombuffer(data, np.uint8).reshape(shape)
    rng = np.random.default_rng(_SEED)
    directions = rng.standard_normal((3 * PATCH_PX**2, DIRECTIONS), np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    levels = []
    for band in _laplacian_pyramid(original):
        rows, columns = (side - PATCH_PX + 1 for side in band.shape[:2])
        places = np.arange(rows * columns)
        if len(places) > PATCHES:
            places = rng.choice(places, PATCHES, replace=False)
        corners = np.divmod(places, columns)
        patches = _patches(band, corners)
        # A flat original has no deviation to measure in; rounding alone would give it this much.
        deviation = np.maximum(patches.std((0, 2, 3), keepdims=True), ROUNDING_VARIANCE**0.5)
        levels.append(_Level(corners, deviation, _project(patches / deviation, directions)))
    return _Original(directions, tuple(levels))


def _project(patches: Plane, directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sorted projections of patches, [directions, patches]."""
    # The mean would be taken off both pictures', and so make no difference.
    flat = patches.reshape(len(patches), -1).astype(np.float32)
    return np.sort((flat @ directions).T)


def _patches(band: Plane, corners: Corners) -> Plane:
    """[patches, 3, PATCH_PX, PATCH_PX]"""
    return sliding_window_view(band, (PATCH_PX, PATCH_PX), (0, 1))[corners]


def _radial_power(picture: NDArray[np.uint8]) -> Plane:
    """Mean power of luma in each ring [shorter side / 2 - 1], grey levels squared.

    White noise of variance v has power v in every ring.
    """
    luma = picture @ _LUMA
    height, width = luma.shape
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
    luma = (luma - (luma * window).sum() / window.sum()) * window
    power = np.abs(np.fft.fft2(luma)) ** 2 / (window**2).sum()
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = np.round(radius * min(height, width)).astype(np.intp).ravel()
    counts = np.bincount(ring)
    means = np.bincount(ring, power.ravel()) / np.maximum(counts, 1)
    return means[2 : min(height, width) // 2 + 1]
