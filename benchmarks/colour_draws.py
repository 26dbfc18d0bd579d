"""Draws from p(x | z) of the small colour models, which have no file format yet: floats, in order.

What the window shows is what the latent need not tell: with a window that shows brightness only,
colours come from the latent (arXiv 1611.02731, section 4.2).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.entropy.scales import (
    MEAN_UNITS,
    RESIDUAL_INDICES,
    SCALE_UNITS,
    TAIL_LEVELS,
    TAIL_RATIO,
    TAIL_UNITS,
    residual_scale,
    tail_logit,
)
from vlaecodec.networks.binary.causal_decoder import MIDDLE_GREY, ColourDecoder
from vlaecodec.networks.binary.posterior import network_image
from vlaecodec.networks.binary.small_vlae import SmallVLAE
from vlaecodec.networks.common.gather import gather_windows
from vlaecodec.networks.photo.distribution import RESIDUAL_UNITS


@torch.inference_mode()
def redraw(network: SmallVLAE, images: Tensor, seed: int = 0) -> NDArray[np.uint8]:
    """Draws of images from the means of q(z | x) alone; both uint8 [N, 3, H, W]."""
    decoder = network.decoder
    if not isinstance(decoder, ColourDecoder):
        raise TypeError("only colour models draw colours")
    generator = torch.Generator().manual_seed(seed)
    mean, _ = network.posterior(network_image(images))
    features = decoder.latent_features(mean)
    drawn = torch.full_like(images, MIDDLE_GREY)
    rows = decoder.window.height
    for y in range(images.shape[2]):
        top = max(0, y - rows)
        for x in range(images.shape[3]):
            context = decoder.context(drawn[:, :, top : y + 1])
            window = gather_windows(decoder.window, context)[:, -1, x]
            hidden = decoder.narrow(decoder.hidden_units(window, features[:, y, x]))
            known = torch.zeros(len(images), 0)
            for number, head in enumerate(decoder.heads):
                residual = draw_residuals(head(hidden, known), generator)
                sample = (residual + MIDDLE_GREY).clamp(0, 255)
                drawn[:, number, y, x] = sample.to(torch.uint8)
                shown = (sample - MIDDLE_GREY) * RESIDUAL_UNITS
                known = torch.cat([known, shown[:, None]], dim=1)
    return drawn.numpy()


def draw_residuals(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Whole grey levels from mixtures of two logistics.

    outputs: DISTRIBUTION [N, 3], as ColourHead gives them. Returns float [N].
    """
    mean, scale, tail = outputs.float().unbind(-1)
    scale = residual_scale((scale / SCALE_UNITS).clamp(0, RESIDUAL_INDICES - 1))
    weight = torch.sigmoid(tail_logit((tail / TAIL_UNITS).clamp(0, TAIL_LEVELS - 1)))
    wide = torch.rand(len(outputs), generator=generator) < weight
    spread = scale * torch.where(wide, TAIL_RATIO, 1.0)
    uniform = torch.rand(len(outputs), generator=generator).clamp(1e-6, 1 - 1e-6)
    return torch.round(mean / MEAN_UNITS + spread * torch.logit(uniform))
