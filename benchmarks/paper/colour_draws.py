"""Draws from p(x | z) of the small colour models' checkpoints: whole numbers, in order.

The latent need not hold what the window shows: with a window that shows brightness only, colours
come from the latent (arXiv 1611.02731, section 4.2).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.entropy.mixture import MIDDLE_SAMPLE, mixture_curves, quantile
from vlaecodec.entropy.tables import FREQUENCY_SUM
from vlaecodec.networks.common.gather import gather_windows
from vlaecodec.networks.small.colour_decoder import ColourDecoder
from vlaecodec.networks.small.posterior import network_image
from vlaecodec.networks.small.sample_units import COLOURS
from vlaecodec.networks.small.small_vlae import SmallVLAE


@torch.inference_mode()
def redraw(network: SmallVLAE, images: Tensor, seed: int = 0) -> NDArray[np.uint8]:
    """Draws of images from the means of q(z | x) alone; both uint8 [N, 3, H, W]."""
    decoder = network.decoder
    if not isinstance(decoder, ColourDecoder):
        raise TypeError("only colour models draw colours")
    rng, curves = np.random.default_rng(seed), mixture_curves()
    mean, _ = network.posterior(network_image(images))
    features = decoder.latent_features(mean)
    drawn = torch.full_like(images, MIDDLE_SAMPLE)
    rows = decoder.window.height
    for y in range(images.shape[2]):
        top = max(0, y - rows)
        for x in range(images.shape[3]):
            context = decoder.context(drawn[:, :, top : y + 1])
            window = gather_windows(decoder.window, context)[:, -1, x]
            shared = decoder.begin(window, features[:, y, x])
            for number in range(COLOURS):
                outputs = decoder.heads[number](*shared, drawn[:, :, y, x].float())
                whole = outputs.round().to(torch.int64).numpy()
                samples = quantile(curves, whole, rng.integers(0, FREQUENCY_SUM, len(images)))
                drawn[:, number, y, x] = torch.from_numpy(samples.astype(np.uint8))
    return drawn.numpy()
