"""Rounding that makes good what it loses: a weight's error goes to the weights not yet rounded.

A colour model's linear predictions sum many alike inputs with weights of eight significant bits;
each rounded to the nearest, they cost 0.5 % of the bound. This is optimal brain compression
(Frantar and Alistarh, arXiv 2208.11580) in one fixed order, on the inputs of training images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vlaecodec.networks.common.fixed_point import ExactLinear, round_operand
from vlaecodec.networks.common.formats import WEIGHT_LIMIT
from vlaecodec.networks.common.gather import gather_windows
from vlaecodec.networks.small.colour_decoder import ColourDecoder

_DAMPING = 1e-9
"""Of the mean moment, so that inputs which never vary leave the equations solvable."""


@torch.no_grad()
def round_predictions(decoder: ColourDecoder, images: Tensor) -> None:
    """Round what predicts colours from windows; images: uint8 [N, 3, H, W], to fit it to."""
    if decoder.predict is not None:
        windows = gather_windows(decoder.window, decoder.context(images))
        round_compensated(decoder.predict, decoder.contrasts(windows).flatten(0, 2))


@torch.no_grad()
def round_compensated(layer: ExactLinear, inputs: Tensor) -> None:
    """Set a layer's weights to what can be stored, its outputs as near as they were on the inputs.

    inputs: [n, in_channels], in units of the layer's source. The largest weights are rounded first,
    since their steps are the coarsest; the bias, whose steps are fine, takes what is left.
    """
    seen = torch.cat([inputs, torch.full_like(inputs[:, :1], layer.source.scale)], dim=1).double()
    moments = seen.T @ seen / len(seen)
    moments += _DAMPING * moments.diagonal().mean() * torch.eye(len(moments))
    per_weight = torch.exp2(layer.weight_exponents()).double()
    weights = torch.cat([layer.weight.flatten(1), layer.bias[:, None]], dim=1).double()
    bias = weights.shape[1] - 1
    order = [*weights[:, :bias].abs().amax(0).argsort(descending=True).tolist(), bias]
    for number, column in enumerate(order[:-1], start=1):
        left = order[number:]
        whole = round_operand(torch.floor(weights[:, column] * per_weight + 0.5).float())
        stored = whole.clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT).double() / per_weight
        share = torch.linalg.solve(moments[left][:, left], moments[left, column])
        weights[:, left] += (weights[:, column] - stored)[:, None] * share
        weights[:, column] = stored
    layer.weight.copy_(weights[:, :bias].view_as(layer.weight))
    layer.bias.copy_(weights[:, bias])
