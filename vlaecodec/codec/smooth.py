"""Code smooth pictures nearer, and without the noise that coding them again would add.

Ramps, skies and flat colours come back a level or two off over wide areas, always the same way, and
further each time they are coded again. The mean image of what was coded shows that, so the picture
is analysed once more with the opposite added; and its latents are rounded by what they cost, for
few of them are more than noise. Photos are off by their detail, and are told by their bytes.

The decoder's whole numbers add an error of about 0.6 levels, and another one whenever a latent
changes. So attempts differ from place to place in how near they come, and the latents of the
nearest are taken at each place. A decoded picture's own latents leave no error: once found, they
are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.bitstream.tiles import LATENT_FACTOR
from vlaecodec.codec.interface import Draft, PictureEncoder
from vlaecodec.codec.searched import count_bytes
from vlaecodec.model.tiled import AnyPixels
from vlaecodec.picture.image import Pixels

BLOCK_PX = 32
"""The side of the blocks whose averages are the error of wide areas."""

SMOOTH_BPP = 1.5
"""Most bits for a pixel of smooth pictures: at -q 95 skies take 0.6 for their noise."""

NEAR_SQUARED_ERROR = 8.0

MOST_DETAIL = 16.0
"""Mean square of a sample's difference to its neighbour: at most 5 for ramps and skies, a camera's
noise among them, at least 23 for photos."""

WIDE_SHARE = 0.12
"""Of the squared error, that of wide areas: 0.2 to 0.5 for ramps, skies and flat colours, and at
most 0.05 for photos, at -q 10 to 95."""

WEIGHT = 0.5
"""Of errors, when latents are rounded by what they cost."""

GAINS = (0.8, 0.5, 0.5, 0.3)
"""Of the error, what is added in each step: latents are coarse, and 0.8 in all steps overshot."""

STEPS = 2
"""Of them are done for large pictures. Small ones, most of which is near an edge, lost up to 1.4 dB
more in ten generations with so few, and no less with 8."""

SMALL_PX = 2**17

MOST_GROWTH = 1.12

GROWTH_BPP = 0.03
"""Or this many more bits for a pixel: some drafts of walls and flat colours are smaller than any
that is near to them."""

EDGE_PX = 16
"""So far from a picture's edge the decoder, which sees zeros beyond it, is off by more."""

D = TypeVar("D", bound=Draft)
Plane = NDArray[np.float32]
"""A value for each pixel: [H, W]."""

Latent = NDArray[np.float32]
"""Of a whole picture: [C, rows, columns]."""


def code_smooth(
    pixels: Pixels,
    draft: D,
    encoder: PictureEncoder[D],
    code: Callable[[AnyPixels], D],
    code_latent: Callable[[Latent], D],
) -> D:
    """A draft of fewer latents that is near to the pixels, uint8 [H, W, 3].

    draft: what is taken if all others are larger. code: analyses and codes other pixels, latents
    rounded by what they cost; code_latent: codes a latent that has been on the grid.
    """
    target = pixels.astype(np.float32)
    draft_bytes = count_bytes(draft)
    most_bytes = max(MOST_GROWTH * draft_bytes, draft_bytes + GROWTH_BPP / 8 * pixels[..., 0].size)

    def attempt(coded: D) -> _Attempt[D]:
        error = _difference(pixels, encoder.mean_image(coded))
        return _Attempt(coded, encoder.latent(coded), error)

    best = tried = attempt(code(target))
    for gain in GAINS if pixels[..., 0].size < SMALL_PX else GAINS[:STEPS]:
        if best.squared_error == 0:
            break
        for channel in range(pixels.shape[-1]):
            target[..., channel] += gain * _without_detail(tried.error[..., channel])
        tried = attempt(code(target))
        attempts = best, tried, attempt(code_latent(_mix(best, tried)))
        fitting = [each for each in attempts if count_bytes(each.draft) <= most_bytes]
        best = min(fitting or attempts, key=lambda each: each.squared_error)
    return best.draft if count_bytes(best.draft) <= most_bytes else draft


@dataclass(frozen=True)
class _Attempt(Generic[D]):
    draft: D
    latent: Latent
    error: NDArray[np.float32]
    """[H, W, 3]."""

    @cached_property
    def squared_error(self) -> float:
        """Of a sample, on average."""
        return _mean_square(self.error)

    @cached_property
    def local_errors(self) -> Plane:
        """Squared errors of latents and their neighbours: [rows, columns]."""
        _, rows, columns = self.latent.shape
        height, width, _ = self.error.shape
        missing = LATENT_FACTOR * rows - height, LATENT_FACTOR * columns - width
        squared = np.pad(np.square(self.error).sum(2), [(0, each) for each in missing])
        blocks = squared.reshape(rows, LATENT_FACTOR, columns, LATENT_FACTOR).sum((1, 3))
        return sliding_window_view(np.pad(blocks, 1), (3, 3)).sum((2, 3))


def _mix(one: _Attempt[D], other: _Attempt[D]) -> Latent:
    """At each place the latents of the nearer one."""
    return np.where(other.local_errors < one.local_errors, other.latent, one.latent)


def is_smooth(pixels: Pixels, shown: Pixels, size_bytes: int) -> bool:
    """Whether a picture with this mean image in so many bytes has next to no detail."""
    if 8 * size_bytes > SMOOTH_BPP * pixels[..., 0].size:
        return False
    if max(_detail(pixels), _detail(pixels.swapaxes(0, 1))) > MOST_DETAIL:
        return False
    planes = [_difference(pixels[..., c], shown[..., c]) for c in range(pixels.shape[-1])]
    squared_error = np.mean([_mean_square(plane) for plane in planes])
    wide = np.mean([_mean_square(_average(plane)) for plane in planes])
    return bool(0 < squared_error < NEAR_SQUARED_ERROR or wide > WIDE_SHARE * squared_error)


def _detail(pixels: Pixels) -> float:
    return _mean_square(_difference(pixels[:, 1:], pixels[:, :-1])) if pixels.shape[1] > 1 else 0.0


def _difference(pixels: Pixels, shown: Pixels) -> NDArray[np.float32]:
    difference: NDArray[np.float32] = np.subtract(pixels, shown, dtype=np.float32)
    return difference


def _average(error: Plane) -> Plane:
    """Averages of blocks: [rows, columns]."""
    height, width = error.shape
    blocks = (-(-width // BLOCK_PX), -(-height // BLOCK_PX))
    return np.asarray(Image.fromarray(error).resize(blocks, Image.Resampling.BOX))


def _without_detail(error: Plane) -> Plane:
    """What of an error is wide, or long and at an edge: [H, W]."""
    height, width = error.shape
    wide = np.array(Image.fromarray(_average(error)).resize((width, height)))
    for part, whole in ((wide, error), (wide.T, error.T)):
        for rows in (slice(EDGE_PX), slice(-EDGE_PX, None)):
            part[rows] = _average_along(whole[rows])
    return wide


def _average_along(rows: Plane) -> Plane:
    """Averages of BLOCK_PX samples of each row, and what is between them: [rows, W]."""
    height, width = rows.shape
    image = Image.fromarray(np.ascontiguousarray(rows))
    averages = image.resize((-(-width // BLOCK_PX), height), Image.Resampling.BOX)
    return np.asarray(averages.resize((width, height), Image.Resampling.BILINEAR))


def _mean_square(values: NDArray[np.float32]) -> float:
    return float(np.mean(np.square(values)))
