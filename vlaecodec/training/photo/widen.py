"""A wider local decoder that computes what a trained one does, to train on from.

Nothing reads the additional units at first; they begin as those of a new decoder do (after Net2Net,
arXiv 1511.05641).
"""

from __future__ import annotations

import torch

from vlaecodec.networks.common.fixed_point import exact_layers
from vlaecodec.networks.photo.local_decoder import LocalDecoder


@torch.no_grad()
def widen(local: LocalDecoder, wider: LocalDecoder) -> None:
    """Give `wider`, which is new and has as many or more channels, the function of `local`.

    Raises ValueError if they differ in anything else, or `local` has more channels.
    """
    layers, larger = exact_layers(local), exact_layers(wider)
    if layers.keys() != larger.keys():
        raise ValueError("the decoders differ in their layers")
    for name, layer in layers.items():
        units, inputs = _count_units(name, local), layer.weight.shape[1]
        more = _count_units(name, wider) - units
        weight, bias = larger[name].weight, larger[name].bias
        outputs = len(layer.bias)
        if more < 0 or outputs > len(bias) or inputs + more != weight.shape[1]:
            raise ValueError(f"{name} has other sizes than the same layer, widened")
        bias[:outputs] = layer.bias
        # What is no unit, such as residuals, comes after the units.
        weight[:outputs, :units] = layer.weight[:, :units]
        weight[:outputs, units : units + more] = 0
        weight[:outputs, units + more :] = layer.weight[:, units:]


def _count_units(name: str, local: LocalDecoder) -> int:
    """How many of a layer's inputs, the first ones, are units of the layer before."""
    layers = exact_layers(local)
    if name.startswith("hidden.") or name.endswith(".merge"):
        return len(layers["entrances.0.enter"].bias)
    return len(layers["heads.0.merge"].bias) if name.endswith(".leave") else 0
