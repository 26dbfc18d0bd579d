"""Where local decoders start: linear predictors by least squares.

Neighbours are alike, so gradient descent is slow to find what each of them adds; solving for it
takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from vlaecodec.entropy.scales import SCALE_UNITS, residual_scale
from vlaecodec.networks.common.fixed_point import ExactLinear
from vlaecodec.networks.photo.distribution import CLASS_BOUNDS, GREY
from vlaecodec.networks.photo.local_decoder import Entrance, LocalDecoder
from vlaecodec.training.photo.latent_cache import Crops

SAMPLES = 200_000
"""Pixels of each sub-grid that are fitted on, at most."""

_OTHERS = 0.01
"""How much pixels of other classes count."""

_RIDGE = 1e-2
_DEVIATIONS_PER_SCALE = 2.0
_FLOOR = 0.5


@torch.no_grad()
def fit_predictors(local: LocalDecoder, batches: Iterable[Crops]) -> None:
    """Give every linear predictor the weights that fit exact pixels best.

    The scales that tell classes apart are not predicted yet: how much the four nearest neighbours
    differ stands for them.
    """
    seen_by_grid: list[list[Tensor]] = [[] for _ in local.subgrids]
    inner = slice(local.reach, -local.reach)
    for crops in batches:
        residual = (crops.pixels - crops.mean) * crops.inside
        own = residual[:, inner, inner]
        mean = crops.mean[:, inner, inner]
        for grid, found in zip(local.subgrids, seen_by_grid, strict=True):
            places = (slice(None), *grid.places)
            seen = local.gather(grid, residual, crops.mean, mean[places])
            rows = torch.cat([seen, own[places]], dim=3).flatten(0, 2)
            if sum(map(len, found)) < SAMPLES:
                found.append(rows[torch.randperm(len(rows))[: SAMPLES // 8]])
    for grid, entrance, found in zip(local.subgrids, local.entrances, seen_by_grid, strict=True):
        assert isinstance(entrance, Entrance)
        _fit(entrance, torch.cat(found), len(grid.neighbours), drawing=local.drawing)


def _fit(entrance: Entrance, rows: Tensor, neighbours: int, *, drawing: bool) -> None:
    """rows: what pixels see and their own three residuals, [n, channels]."""
    seen, own = rows[:, :-3], rows[:, -3:]
    one = torch.ones(len(rows), 1)
    for number, layer in enumerate(entrance.predict):
        assert isinstance(layer, ExactLinear)
        classes = layer.out_channels
        regressors = torch.cat([seen, own[:, :number], one], dim=1)
        groups = _groups(seen, number, neighbours, classes, drawing=drawing)
        for of_class in range(classes):
            solution = _solve(regressors, own[:, number], (groups == of_class).float())
            layer.weight[of_class, :, 0, 0] = solution[:-1]
            layer.bias[of_class] = solution[-1] / GREY.scale


def _groups(seen: Tensor, number: int, neighbours: int, classes: int, *, drawing: bool) -> Tensor:
    """The class that each pixel's colour is likely to be of, [n]."""
    if classes == 1 or neighbours == 0:
        return torch.zeros(len(seen))
    nearest = seen[:, number:12:3]
    if not drawing:
        nearest = nearest + seen[:, 3 * neighbours + number : 3 * neighbours + 12 : 3]
    bounds = torch.tensor(
        [float(residual_scale(b / SCALE_UNITS)) for b in CLASS_BOUNDS[: classes - 1]]
    )
    return torch.bucketize(nearest.std(dim=1), _DEVIATIONS_PER_SCALE * bounds)


def _solve(regressors: Tensor, target: Tensor, members: Tensor) -> Tensor:
    """Weights that fit the members, others counting little; outliers count with their root."""
    share = members + _OTHERS * (1 - members)
    weight = share
    ridge = _RIDGE * torch.eye(regressors.shape[1], dtype=torch.float64)
    for _ in range(2):
        weighted = regressors * weight[:, None]
        normal = (weighted.T @ regressors).double() + ridge * weight.sum().double()
        solution = torch.linalg.solve(normal, (weighted.T @ target).double()).float()
        missed = (target - regressors @ solution).abs()
        typical = (missed * share).sum() / share.sum()
        weight = share / (missed + _FLOOR + 0.3 * typical)
    return solution
