"""A larger photo model that computes what a trained smaller one does, to train on from.

Blocks that the smaller one lacks add nothing at first, taps beyond its middle one are zero, and
what depends on quality is continued below the smaller one's lowest rate (after Net2Net, arXiv
1511.05641).
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import torch
from torch import Tensor

from vlaecodec.frozen.tensors import read_tensors
from vlaecodec.model.float_weights import dequantise_weights
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks

MAY_GROW = {
    "encoder_eighth_blocks",
    "encoder_sixteenth_blocks",
    "decoder_sixteenth_blocks",
    "decoder_eighth_blocks",
    "prior_blocks",
    "encoder_taps",
    "lowest_rate_stretch",
}
"""Sizes in which the two may differ."""


@torch.no_grad()
def grow_model(folder: Path, architecture: Architecture, larger: GlobalNetworks) -> None:
    """Give `larger` the function of the exported model in `folder`, of the given architecture.

    Raises ValueError if the larger one is not that architecture, grown.
    """
    before, after = dataclasses.asdict(architecture), larger.arch.to_dict()
    for name, size in before.items():
        if after[name] != size and (name not in MAY_GROW or after[name] < size):
            raise ValueError(f"cannot grow {name} from {size} to {after[name]}")
    smaller = GlobalNetworks(architecture)
    dequantise_weights(smaller, read_tensors((folder / WEIGHTS_NAME).read_bytes()))
    trained = smaller.state_dict()
    grown = {}
    for name, weight in larger.state_dict().items():
        if name in trained:
            grown[name] = _widen(trained[name], weight)
        elif ".narrow." in name:
            grown[name] = torch.zeros_like(weight)  # the block adds nothing
    larger.load_state_dict(grown, strict=False)
    stretch = larger.arch.lowest_rate_stretch / architecture.lowest_rate_stretch
    # A uniform quantiser's best step goes with lambda**-0.5.
    larger.step.log_step[0] += 0.5 * math.log(stretch)


def _widen(weight: Tensor, larger: Tensor) -> Tensor:
    """The weight as the middle of a kernel of more taps."""
    if weight.shape == larger.shape:
        return weight
    rows, columns = ((b - a) // 2 for a, b in zip(weight.shape[2:], larger.shape[2:], strict=True))
    return torch.nn.functional.pad(weight, (columns, columns, rows, rows))
