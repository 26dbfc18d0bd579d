"""-log of a mixture's probability of a sample, differentiable."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.entropy.mixture import MIDDLE_SAMPLE, SAMPLES
from vlaecodec.entropy.scales import (
    MEAN_UNITS,
    MIXTURE_LOGIT_UNITS,
    MIXTURE_SCALE_UNITS,
    MIXTURE_SCALES,
    RESIDUAL_SCALE_MIN,
)


def mixture_nats(outputs: Tensor, samples: Tensor) -> Tensor:
    """Nats of samples 0..255, float [...], whose mixtures are MIXTURE [..., components, 3].

    See entropy/mixture.py, which has the same distribution in whole numbers.
    """
    mean, scale, logit = outputs.unbind(-1)
    octaves = scale.clamp(0, MIXTURE_SCALES - 1) / MIXTURE_SCALE_UNITS
    inverse = torch.exp(octaves * -math.log(2)) / RESIDUAL_SCALE_MIN
    distance = (samples - MIDDLE_SAMPLE)[..., None] - mean / MEAN_UNITS
    above, below = (distance + 0.5) * inverse, (distance - 0.5) * inverse
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))
    to_above, from_below = F.logsigmoid(above), F.logsigmoid(-below)
    inside = to_above + from_below + torch.log(-torch.expm1(-inverse))
    first, last = (samples <= 0)[..., None], (samples >= SAMPLES - 1)[..., None]
    mass = torch.where(first, to_above, torch.where(last, from_below, inside))
    weight = F.log_softmax(logit / MIXTURE_LOGIT_UNITS, dim=-1)
    return -torch.logsumexp(mass + weight, dim=-1)
