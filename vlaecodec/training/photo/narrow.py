"""A narrower local decoder that computes nearly what a trained one does: without its weakest units.

What a unit says to the next layers is its deviation times the norm of the weights on it; the mean
of what is left out goes into the biases. Training then makes up for most of the rest.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from vlaecodec.networks.common.fixed_point import ExactConv2d, exact_layers
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.training.checkpoint import load_weights, read_progress, save_checkpoint
from vlaecodec.training.descent import Descent
from vlaecodec.training.photo.latent_cache import Crops, LatentCache
from vlaecodec.training.photo.local_loss import drawing_contexts, exact_contexts, local_bits

PHOTOS, SIDE_PX = 8, 128
"""What units say is seen on the middles of so many photos."""


def narrow_checkpoint(
    checkpoint: Path, narrower: Path, decoder: str, cache: Path, channels: int, merged: int
) -> None:
    """Write a decoder with so many hidden units, and `merged` for each colour, without moments.

    checkpoint: its averaged weights are taken. decoder: "local" or "texture". cache: a folder that
    `build_cache` wrote. Raises ValueError if the decoder has fewer units.
    """
    sizes, progress = read_progress(checkpoint)
    arch = Architecture.from_dict(sizes)
    before = LocalDecoder(arch, drawing=decoder == "texture")
    load_weights(checkpoint, before, "average")
    fewer = {f"{decoder}_channels": channels, f"{decoder}_colour_channels": merged}
    for name, size in fewer.items():
        if not 0 < size <= getattr(arch, name):
            raise ValueError(f"{name} is {getattr(arch, name)}; it cannot become {size}")
    sizes |= fewer
    photos = LatentCache(cache)
    numbers = range(min(PHOTOS, len(photos.photos)))
    crops = (photos.center(number, SIDE_PX, before.reach) for number in numbers)
    after = narrow(before, Architecture.from_dict(sizes), watch_units(before, crops))
    descent = Descent(after, torch.device("cpu"))
    save_checkpoint(narrower, after, copy.deepcopy(after), descent, sizes, progress)


@torch.no_grad()
def narrow(local: LocalDecoder, arch: Architecture, said: dict[str, Tensor]) -> LocalDecoder:
    """The decoder in an architecture of fewer channels, all else the same.

    said: of `watch_units`, by the name of a layer [pixels, units].
    """
    before, sizes = copy.deepcopy(local), arch.texture if local.drawing else arch.local
    layers = exact_layers(before)
    numbers = range(len(before.hidden))
    entrances = [layers[f"entrances.{number}.enter"] for number in range(len(before.entrances))]
    hidden = [[layers[f"hidden.{number}"]] for number in numbers]
    merges, leaves = (
        [layers[f"heads.{number}.{name}"] for number in range(len(before.heads))]
        for name in ("merge", "leave")
    )
    names = ["entrances", *(f"hidden.{number}" for number in numbers)]
    for name, made, read in zip(names, (entrances, *hidden), (*hidden, merges), strict=True):
        _leave_out(made, read, said[name], sizes.channels)
    for number, (merge, leave) in enumerate(zip(merges, leaves, strict=True)):
        _leave_out([merge], [leave], said[f"heads.{number}.merge"], sizes.colour_channels)
    smaller = LocalDecoder(arch, drawing=local.drawing)
    smaller.load_state_dict(before.state_dict())
    return smaller


@torch.no_grad()
def watch_units(local: LocalDecoder, crops: Iterable[Crops]) -> dict[str, Tensor]:
    """What `narrow` goes by: units of all pixels of crops, whose border is the decoder's reach."""
    said: dict[str, list[Tensor]] = defaultdict(list)
    hooks = []
    for name, layer in exact_layers(local).items():
        # The sub-grids' first layers make the same units.
        known = "entrances" if name.endswith(".enter") else name

        def note(_: nn.Module, __: object, output: Tensor, known: str = known) -> None:
            said[known].append(output.flatten(0, -2))

        if known == "entrances" or name.startswith("hidden") or name.endswith("merge"):
            hooks.append(layer.register_forward_hook(note))
    contexts = drawing_contexts if local.drawing else exact_contexts
    for each in crops:
        for _ in local_bits(local, each, contexts(each, 0)):
            pass
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(parts) for name, parts in said.items()}


def _leave_out(
    made: list[ExactConv2d], read: list[ExactConv2d], values: Tensor, count: int
) -> None:
    """Keep `count` of the units that layers `made` compute and layers `read` take first."""
    units = values.shape[1]
    weights = torch.cat([layer.weight.flatten(1)[:, :units] for layer in read])
    order = (values.std(0) * weights.norm(dim=0)).argsort(descending=True)
    kept, rest = order[:count].sort().values, order[count:]
    for layer in read:
        # Weights take the source's units to the target's; biases are numbers, not units.
        lost = layer.weight.flatten(1)[:, rest] @ values[:, rest].mean(0)
        layer.bias.add_(lost / layer.source.scale)
        others = torch.arange(units, layer.weight.shape[1])
        layer.weight = nn.Parameter(layer.weight[:, torch.cat([kept, others])])
    for layer in made:
        layer.weight, layer.bias = nn.Parameter(layer.weight[kept]), nn.Parameter(layer.bias[kept])
