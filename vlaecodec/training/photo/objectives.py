"""What local decoders are trained on: the bits of pixels, or how draws look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.training.photo.draw import draw_crops
from vlaecodec.training.photo.latent_cache import Crops, Photos
from vlaecodec.training.photo.local_loss import (
    Contexts,
    drawing_contexts,
    exact_contexts,
    local_bits,
)
from vlaecodec.training.photo.squeezenet import SqueezeNet
from vlaecodec.training.photo.wasserstein import WassersteinDistortion

VALIDATION_PX = 256
DRAWN_VALIDATION_PX = 160
EDGE_PX = 8
"""What is drawn nearer to a crop's edge does not count: it misses neighbours."""

ERROR_WEIGHT = 0.004
"""Of the squared error relative to the mean image's."""

ERROR_FLOOR = 10.0
"""Grey levels squared, added to the mean image's."""

PHASE_WEIGHT = 0.25
SMOOTH_VARIANCE = 6.0
"""Grey levels squared: where a photo's local variance is far below, phases are compared."""


class Objective(Protocol):
    """What to descend on, and what to report of validation photos."""

    def loss(self, local: LocalDecoder, crops: Crops) -> Tensor:
        """A scalar, the mean over the crops."""

    def validate(self, local: LocalDecoder, cache: Photos) -> dict[str, float]:
        """A point of the learning curve."""


@dataclass(frozen=True)
class Likelihood:
    """Bits of the pixels, in contexts of one kind while it trains and of another to validate."""

    contexts: Callable[[Crops], Contexts]
    clean_contexts: Callable[[Crops], Contexts]

    def loss(self, local: LocalDecoder, crops: Crops) -> Tensor:
        """Bits a sample."""
        parts = [bits.flatten() for _, bits in local_bits(local, crops, self.contexts(crops))]
        return torch.cat(parts).mean()

    def validate(self, local: LocalDecoder, cache: Photos) -> dict[str, float]:
        """Bits a sample on the photos' middles."""
        sums, counts = np.zeros(len(local.subgrids)), np.zeros(len(local.subgrids))
        for number in range(len(cache.photos)):
            crops = cache.center(number, VALIDATION_PX, local.reach)
            found = local_bits(local, crops, self.clean_contexts(crops))
            for index, (_, bits) in enumerate(found):
                sums[index] += float(bits.sum())
                counts[index] += bits.numel()
        return {"bpsp": round(float(sums.sum() / counts.sum()), 4)}


LIKELIHOODS = {
    "local": Likelihood(exact_contexts, partial(exact_contexts, near_lossless=0)),
    "texture": Likelihood(drawing_contexts, partial(drawing_contexts, corruption=0)),
}
"""For each local decoder."""


class DrawnLooks:
    """How full draws look beside the photos: a Wasserstein distortion, and some squared error.

    The sub-grids of the local decoder have weights, and so biases, of their own: where a photo is
    smooth, draws must have the same mean and deviation in every phase of the 8 x 8 grid.
    """

    def __init__(self, squeezenet: Path, device: torch.device) -> None:
        self.distortion = WassersteinDistortion(SqueezeNet(squeezenet).to(device))

    def loss(self, local: LocalDecoder, crops: Crops) -> Tensor:
        """The mean over the crops."""
        distortion, error, phases = self._parts(local, crops)
        return distortion + ERROR_WEIGHT * error + PHASE_WEIGHT * phases

    def validate(self, local: LocalDecoder, cache: Photos) -> dict[str, float]:
        """The parts' means over the photos' middles, one draw each."""
        rows = [
            self._parts(local, cache.center(number, DRAWN_VALIDATION_PX, local.reach))
            for number in range(len(cache.photos))
        ]
        means = np.mean([[float(part) for part in row] for row in rows], axis=0)
        names = ("distortion", "relative_error", "phases")
        return {name: round(float(mean), 4) for name, mean in zip(names, means, strict=True)}

    def _parts(self, local: LocalDecoder, crops: Crops) -> tuple[Tensor, Tensor, Tensor]:
        residual = draw_crops(local, crops)
        border = slice(local.reach, -local.reach)
        photo, mean = (x[:, border, border] for x in (crops.pixels, crops.mean))
        drawn = (mean + residual).clamp(0, 255)
        inner = slice(EDGE_PX, -EDGE_PX)
        shown, photo, mean, residual = (
            x[:, inner, inner].permute(0, 3, 1, 2) for x in (drawn, photo, mean, residual)
        )
        theirs = (photo - mean).square().mean((1, 2, 3)) + ERROR_FLOOR
        error = ((photo - shown).square().mean((1, 2, 3)) / theirs).mean()
        return self.distortion(shown, photo, mean), error, phase_difference(residual, photo)


def phase_difference(residual: Tensor, photo: Tensor) -> Tensor:
    """How unlike residuals are in the phases of the 8 x 8 grid, where the photo is smooth.

    Both [B, 3, H, W] with H and W multiples of FOLD. Squared differences of the phases' means and
    deviations to those of all, grey levels squared.
    """
    variance = (photo - F.avg_pool2d(photo, 9, 1, 4, count_include_pad=False)).square()
    variance = F.avg_pool2d(variance, 9, 1, 4, count_include_pad=False).mean(1, keepdim=True)
    smooth = torch.exp(-variance / SMOOTH_VARIANCE)
    weight = F.pixel_unshuffle(smooth, FOLD)
    values = torch.stack([F.pixel_unshuffle(x[:, None], FOLD) for x in residual.unbind(1)], 1)

    def averages(x: Tensor) -> tuple[Tensor, Tensor]:
        """Over a phase, [colours, phases], and over all, [colours, 1]."""
        total = (x * weight[:, None]).sum((0, 3, 4))
        count = weight.sum((0, 2, 3)) + 1e-3
        return total / count, (total.sum(1, keepdim=True) / count.sum())

    own, common = averages(values)
    means = (own - common).square().mean()
    own, common = averages((values - common[None, :, :, None, None]).square())
    deviations = (torch.sqrt(own + 1e-2) - torch.sqrt(common + 1e-2)).square().mean()
    return means + deviations
