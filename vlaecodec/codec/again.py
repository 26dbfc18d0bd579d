"""Recover the latents of pictures that were decoded from a file before.

Latents z decode to the mean image S(z), and the analysis network gives A(S(z)) = z + d, with about
the same small error d each time it is encoded again: brightness drifts, and detail is lost. A
fixed-point iteration takes d off: the difference between the analysis of the picture and that of
the new file's mean image is added to the latents. For other photos this would only spend bits;
its first step shows whether it helps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from vlaecodec.codec.interface import Draft
from vlaecodec.codec.searched import count_bytes
from vlaecodec.latents.predictor import FloatLatent, LatentPredictor
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.picture.image import Pixels

OFF_CENTRE = 0.245
"""Threshold for the mean distance of latents to whole steps, in steps. It was 0.255 to 0.29 for ten
photos, and 0.13 to 0.24 for the same photos decoded before, at the same quality only."""

FEWEST_LATENTS = 200
"""Fewer latents are not enough to decide."""

SPREAD = 0.144
"""Of one latent's distance, as if anywhere: smooth pictures have so few that their mean is off."""

STEPS = (0.5, 0.3, 0.15)
"""The part of the difference that is added in each iteration. (1, 0.5, 0.5, 0.25) came less near
and took more bytes, on photos and ramps."""

MOST_GROWTH = 1.12
"""Photos decoded before grew by up to 7 % when they came nearer, others by 16 % and more."""

D = TypeVar("D", bound=Draft)


class StepDistances:
    """How far latents of a picture are from whole steps: of the anchor, those not nearest to 0."""

    def __init__(self, model: PhotoModel, quality_code: int) -> None:
        self._model, self._quality_code = model, quality_code
        self._off, self._count = 0.0, 0

    def add(self, y: FloatLatent) -> FloatLatent:
        """Look at a tile's, [C, rows, columns], and give it back."""
        predictor = LatentPredictor(self._model, self._quality_code, *y.shape[1:])
        steps = predictor.offset_steps(y, np.zeros(predictor.shape, np.int64), 0)
        whole = np.rint(steps)
        self._off += float(np.abs(steps - whole)[whole != 0].sum())
        self._count += int(np.count_nonzero(whole))
        return y

    def look_decoded(self) -> bool:
        """Whether those of all tiles lie too near to whole steps for a photo's."""
        limit = OFF_CENTRE * self._count + SPREAD * self._count**0.5
        return self._count >= FEWEST_LATENTS and self._off < limit


def find_again(
    pixels: Pixels,
    ys: list[FloatLatent],
    draft: D,
    *,
    analyse: Callable[[Pixels], list[FloatLatent]],
    code: Callable[[list[FloatLatent]], D],
    show: Callable[[D], Pixels],
) -> D:
    """The draft itself, or one whose mean image is nearer to the pixels, uint8 [H, W, 3].

    ys: the latents that `analyse` gives for the pixels; draft: these, coded by `code`. show: a
    draft's mean image. Each iteration takes as long as coding the picture once.
    """
    best, least = draft, _squared_error(pixels, show(draft))
    guess, most_bytes = ys, MOST_GROWTH * count_bytes(draft)
    for weight in STEPS:
        if least == 0:
            break
        told = analyse(show(draft))
        guess = [g + weight * (y - t) for g, y, t in zip(guess, ys, told, strict=True)]
        draft = code(guess)
        error = _squared_error(pixels, show(draft))
        if error < least and count_bytes(draft) <= most_bytes:
            best, least = draft, error
        elif weight == STEPS[0]:
            break
    return best


def _squared_error(pixels: Pixels, shown: Pixels) -> float:
    return float(np.mean((pixels.astype(np.int16) - shown).astype(np.int32) ** 2))
