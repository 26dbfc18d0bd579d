"""How likely a small VLAE finds images: the bound, and the likelihood by importance sampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vlaecodec.networks.small.small_vlae import SmallVLAE
from vlaecodec.training.small.bound import draw_latent, measure_bound, reconstruction_nats

BATCH = 250

SAMPLES_AT_ONCE = 16
"""Of one image: more of a colour image's are no faster, and 250 take twice as long."""

AfterChunk = Callable[[], None]


@dataclass(frozen=True)
class Bounds:
    """The negative ELBO of each image and its parts, nats, float64 [N]."""

    negative_elbo: Tensor
    reconstruction: Tensor
    divergence: Tensor


@torch.inference_mode()
def measure_bounds(
    model: SmallVLAE, images: Tensor, draws: int = 1, after_chunk: AfterChunk = lambda: None
) -> Bounds:
    """The bound on each image, averaged over draws of its latent.

    images: [N, colours, H, W] of 0 and 1, or of 0..255. `after_chunk` is called N / BATCH times.
    """
    parts: list[tuple[Tensor, Tensor]] = []
    for batch in images.split(BATCH):
        bounds = [measure_bound(model, batch) for _ in range(draws)]
        reconstruction = torch.stack([b.reconstruction for b in bounds]).double().mean(0)
        divergence = torch.stack([b.divergence.flatten(1).sum(1) for b in bounds])
        parts.append((reconstruction, divergence.double().mean(0)))
        after_chunk()
    reconstruction, divergence = (torch.cat(column) for column in zip(*parts, strict=True))
    return Bounds(reconstruction + divergence, reconstruction, divergence)


@torch.inference_mode()
def importance_nll(
    model: SmallVLAE, image: Tensor, samples: int, after_chunk: AfterChunk = lambda: None
) -> tuple[float, float]:
    """-log of the mean of p(x, z) / q(z | x) over draws z ~ q(z | x), and the mean of its -log.

    Nats, of one image [1, colours, H, W]. The first is an upper bound on -log p(x) in expectation,
    which falls to it as samples grow (Burda et al., arXiv 1509.00519); the second is the negative
    ELBO from the same draws, so that their difference is far less noisy than either.
    `after_chunk` is called samples / SAMPLES_AT_ONCE times, rounded up.
    """
    weights = []
    for start in range(0, samples, SAMPLES_AT_ONCE):
        batch = image.expand(min(SAMPLES_AT_ONCE, samples - start), -1, -1, -1)
        draw = draw_latent(model, batch)
        features = model.decoder.latent_features(draw.z)
        ratio = (draw.log_p - draw.log_q).flatten(1).sum(1)
        weights.append(ratio - reconstruction_nats(model, batch, features))
        after_chunk()
    weight = torch.cat(weights).double()
    return math.log(samples) - float(torch.logsumexp(weight, 0)), -float(weight.mean())
