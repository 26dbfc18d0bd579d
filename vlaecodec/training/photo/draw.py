"""Drawing texture differentiably: as files are drawn (pixels.texture), with gradients.

Each sample is a quantile of its predicted distribution at a random place, so a draw moves with the
predicted mean, scale and tail, and a decoder can be trained through its own draws.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

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
from vlaecodec.networks.common.constants import constant
from vlaecodec.networks.common.fixed_point import ste_round
from vlaecodec.networks.photo.architecture import GRAIN_FLOOR_UNITS, GRAIN_UNITS, Grain
from vlaecodec.networks.photo.distribution import DRAWS, MEAN_REACH, TRIM
from vlaecodec.networks.photo.local_decoder import Entrance, LocalDecoder
from vlaecodec.pixels.grain import LUMA_QUARTERS
from vlaecodec.training.photo.latent_cache import Crops

_BISECTIONS = 40


def draw_crops(local: LocalDecoder, crops: Crops) -> Tensor:
    """One full draw of each crop, residuals to the mean image, as files show them.

    Returns [B, H, W, 3], grey levels, without the crops' border, which is the decoder's reach. What
    is beyond a crop shows residuals of 0, as beyond a picture.
    """
    reach = local.reach
    inner = slice(reach, -reach)
    features = local.features(crops.trunk)
    mean = crops.mean
    own_mean = mean[:, inner, inner]
    drawn = torch.zeros_like(mean)
    inside = drawn[:, inner, inner]
    for grid, entrance in zip(local.subgrids, local.entrances, strict=True):
        assert isinstance(entrance, Entrance)
        places = (slice(None), *grid.places)
        seen = local.gather(grid, drawn, mean, own_mean[places]).to(features.dtype)
        hidden = entrance.enter(seen, features[places])
        for layer in local.hidden:
            hidden = layer(hidden)
        own: list[Tensor] = []
        for number, head in enumerate(local.heads):
            nothing = [torch.zeros_like(own_mean[places][..., 0])] * (2 - number)
            known = torch.stack([*own, *nothing][:2], dim=-1)
            predictions = entrance.predictions(seen, known)[..., number, :]
            outputs = head(hidden, predictions, known[..., :number].to(hidden.dtype))
            own.append(_sample(outputs.float(), own_mean[places][..., number]))
        # A slice assigned to keeps its gradients; what later sub-grids read is copied.
        inside[places] = torch.stack(own, dim=-1)
    return _show_grain(_without_means(drawn[:, inner, inner]), local.grain)


def _sample(outputs: Tensor, mean: Tensor) -> Tensor:
    """Residuals drawn of distributions [..., 3 outputs] around a mean image's samples [...]."""
    middle, index, tail = outputs.unbind(-1)
    scale = residual_scale((index / SCALE_UNITS).clamp(0, RESIDUAL_INDICES - 1))
    level = (tail / TAIL_UNITS).clamp(0, TAIL_LEVELS - 1)
    quantiles = _quantiles(outputs.device)
    number = torch.randint(DRAWS, middle.shape, device=middle.device)
    lower = level.detach().floor().clamp(max=TAIL_LEVELS - 2).long()
    below, above = (quantiles[lower + more, number] for more in (0, 1))
    place = torch.lerp(below, above, level - lower)
    value = ste_round(middle / MEAN_UNITS + scale * place)
    return (mean + value).clamp(0, 255) - mean


@lru_cache(maxsize=2)
def _quantiles(device: torch.device) -> Tensor:
    """Where each of DRAWS numbers falls in a mixture of scale 1, float [TAIL_LEVELS, DRAWS]."""
    wanted = TRIM + (torch.arange(DRAWS, dtype=torch.float64) + 0.5) / DRAWS * (1 - 2 * TRIM)
    weight = torch.sigmoid(tail_logit(torch.arange(TAIL_LEVELS, dtype=torch.float64)))[:, None]
    low = torch.full((TAIL_LEVELS, DRAWS), -100.0, dtype=torch.float64)
    high = -low
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        mass = (1 - weight) * torch.sigmoid(middle) + weight * torch.sigmoid(middle / TAIL_RATIO)
        low, high = (
            torch.where(mass < wanted, middle, low),
            torch.where(mass < wanted, high, middle),
        )
    return ((low + high) / 2).float().to(device)


def _show_grain(fine: Tensor, grain: Grain) -> Tensor:
    """Of draws [B, H, W, 3] without local means, as pixels.grain but for its rounding."""
    weights = constant(LUMA_QUARTERS, fine.device) / 4
    luma = (fine * weights).sum(-1, keepdim=True)
    fine = luma + grain.chroma / GRAIN_UNITS * (fine - luma)
    square, floor = fine.square(), grain.floor / GRAIN_FLOOR_UNITS
    # Where nothing is drawn nothing is shown, whatever the floor.
    return grain.gain / GRAIN_UNITS * fine * square / (square + floor**2).clamp_min(1e-6)


def _without_means(drawn: Tensor) -> Tensor:
    """Less their means over the squares around each pixel, as pixels.grain.take_means_off."""
    planes = drawn.permute(0, 3, 1, 2)
    side = 2 * MEAN_REACH + 1
    means = F.avg_pool2d(planes, side, 1, MEAN_REACH, count_include_pad=False)
    return (planes - ste_round(means)).permute(0, 2, 3, 1)
