"""Pictures that were decoded from a file like the new one: finding the latents they came from.

Latents z decode to S(z), of which the analysis network says z and a little more, the same way each
time: brightness drifts and detail goes from one coding to the next. What is more is about what the
network says of the new mean image S(z'), less z'. So the difference of the two pictures' y goes
back to the guess: a fixed-point iteration. Of other photos it would only spend bits, and its first
step tells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from vlaecodec.codec.interface import Draft
from vlaecodec.latents.predictor import Analysed, LatentPredictor
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.picture.image import Pixels

OFF_CENTRE = 0.245
"""How far latents are from whole steps, in steps, on average. Of ten photos it was 0.255 to 0.29,
as if anywhere; of the same photos once decoded 0.13 to 0.24, at the same quality only."""

FEWEST_LATENTS = 200
"""Fewer of them tell nothing."""

STEPS = (1.0, 0.5, 0.5, 0.25)
"""How much of the difference goes back, time after time."""

MOST_GROWTH = 1.12
"""Decoded photos took up to 7 % more bytes for being nearer, others 16 % and more."""

D = TypeVar("D", bound=Draft)


class StepDistances:
    """How far latents of a picture are from whole steps: of the anchor, those not nearest to 0."""

    def __init__(self, model: PhotoModel, quality_code: int) -> None:
        self._model, self._quality_code = model, quality_code
        self._off, self._count = 0.0, 0

    def add(self, y: Analysed) -> Analysed:
        """Look at a tile's, [C, rows, columns], and give it back."""
        predictor = LatentPredictor(self._model, self._quality_code, *y.shape[1:])
        steps = predictor.offset_steps(y, np.zeros(predictor.shape, np.int64), 0)
        whole = np.rint(steps)
        self._off += float(np.abs(steps - whole)[whole != 0].sum())
        self._count += int(np.count_nonzero(whole))
        return y

    def look_decoded(self) -> bool:
        """Whether those of all tiles lie too near to whole steps for a photo's."""
        return self._count >= FEWEST_LATENTS and self._off < OFF_CENTRE * self._count


def find_again(
    pixels: Pixels,
    ys: list[Analysed],
    draft: D,
    *,
    analyse: Callable[[Pixels], list[Analysed]],
    code: Callable[[list[Analysed]], D],
    show: Callable[[D], Pixels],
) -> D:
    """The draft itself, or one that is nearer to pixels that look decoded: uint8 [H, W, 3].

    ys: what `analyse` says of the pixels, and draft: what `code` makes of that. show: a draft's
    mean image. Takes as long as the first coding for each of STEPS that is done.
    """
    best, least = draft, _squared_error(pixels, show(draft))
    guess, most_bytes = ys, MOST_GROWTH * _size(draft)
    for weight in STEPS:
        if least == 0:
            break
        told = analyse(show(draft))
        guess = [g + weight * (y - t) for g, y, t in zip(guess, ys, told, strict=True)]
        draft = code(guess)
        error = _squared_error(pixels, show(draft))
        if error < least and _size(draft) <= most_bytes:
            best, least = draft, error
        elif weight == STEPS[0]:
            break
    return best


def _squared_error(pixels: Pixels, shown: Pixels) -> float:
    return float(np.mean((pixels.astype(np.int16) - shown).astype(np.int32) ** 2))


def _size(draft: Draft) -> int:
    return sum(len(tile.payload) for tile in draft.latents)
