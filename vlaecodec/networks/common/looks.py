"""How a picture looks, as a distortion to descend on: what the default model is tuned for.

A mix, so that no single measure is gamed: structure (MS-SSIM), what SSIMULACRA2 sees of colour, new
edges and lost detail, and a rest of squared error that keeps tone and colour where neither looks.
The parts are those of the shipped model's last stage of training; no others were compared.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from vlaecodec.metrics.distortion import MS_SSIM_MIN_PX
from vlaecodec.networks.common.ms_ssim import MS_SSIM_GAIN, ms_ssim_loss
from vlaecodec.networks.common.ssimulacra2 import SSIMULACRA2_GAIN, ssimulacra2_error

MS_SSIM_PART = 0.6
SSIMULACRA2_PART = 0.3


def looks_distortion(decoded: Tensor, original: Tensor) -> Tensor:
    """In squared grey levels, as a scalar; both float [1, 3, H, W], RGB in grey levels.

    A picture too small for the five scales of MS-SSIM goes on as its edges are.
    """
    height, width = original.shape[-2:]
    edges = (0, max(0, MS_SSIM_MIN_PX - width), 0, max(0, MS_SSIM_MIN_PX - height))
    first, second = (F.pad(x.float(), edges, "replicate") for x in (decoded, original))
    grown = first.shape[-2] * first.shape[-1] / (height * width)
    structure = MS_SSIM_GAIN * ms_ssim_loss(first, second).mean()
    perceived = SSIMULACRA2_GAIN * ssimulacra2_error(first, second).mean()
    squared = (decoded - original).square().mean()
    rest = 1 - MS_SSIM_PART - SSIMULACRA2_PART
    return grown * (MS_SSIM_PART * structure + SSIMULACRA2_PART * perceived) + rest * squared
