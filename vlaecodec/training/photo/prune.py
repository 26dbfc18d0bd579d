"""A smaller photo model that computes what a trained one does: without blocks that died.

A block whose hidden units are zero for every picture adds a constant. Training does not revive it,
and decoders would go on paying for it.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from vlaecodec.networks.common.fixed_point import set_quantised
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.training.checkpoint import load_weights, read_progress, save_checkpoint
from vlaecodec.training.descent import Descent
from vlaecodec.training.photo.data import Photo
from vlaecodec.training.photo.equalise import compute, telling_pictures

DEAD = 1e-3
"""Hidden units no larger than this are never used."""

STAGES = (
    ("analysis.eighth", "analysis.eighth_bias", "encoder_eighth_blocks"),
    ("analysis.sixteenth", "analysis.sixteenth_bias", "encoder_sixteenth_blocks"),
    ("decoder.sixteenth", "decoder.sixteenth_bias.knots", "decoder_sixteenth_blocks"),
    ("decoder.eighth", "decoder.eighth_bias.knots", "decoder_eighth_blocks"),
)
"""Blocks, the bias before them (in the unit of what they add), and their number's name."""


@torch.no_grad()
def prune(network: GlobalNetworks, images: Tensor) -> GlobalNetworks:
    """`network` without the dead blocks that a stage begins with.

    images: float [B, 3, H, W] as for `equalise`, on which a block is dead or not. What such a block
    adds goes into the bias before it, so that outputs stay as they were.
    """
    dead = _dead_blocks(network, images)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    sizes: dict[str, int] = {}
    for stage, bias, size in STAGES:
        count = getattr(network.arch, size)
        first = next((k for k in range(count) if f"{stage}.{k}" not in dead), count)
        for number in range(first):
            weights[bias] += weights[f"{stage}.{number}.narrow.bias"]
        weights = dict(_renumber(weights, f"{stage}.", first))
        sizes[size] = count - first
    smaller = GlobalNetworks(dataclasses.replace(network.arch, **sizes))
    smaller.load_state_dict(weights)
    return smaller


def prune_checkpoint(checkpoint: Path, smaller: Path, photos: list[Photo]) -> str:
    """Prune a checkpoint's averaged weights, without moments. Returns which sizes changed."""
    sizes, progress = read_progress(checkpoint)
    before = GlobalNetworks(Architecture.from_dict(sizes))
    load_weights(checkpoint, before, "average")
    after = prune(before, telling_pictures(photos))
    descent = Descent(after, torch.device("cpu"))
    sizes = after.arch.to_dict()
    save_checkpoint(smaller, after, copy.deepcopy(after), descent, sizes, progress)
    found = {s: (getattr(before.arch, s), sizes[s]) for _, _, s in STAGES}
    return ", ".join(f"{s}: {a} -> {b}" for s, (a, b) in found.items() if a != b) or "nothing"


def _dead_blocks(network: GlobalNetworks, images: Tensor) -> set[str]:
    """Names of blocks with no hidden unit in use."""
    set_quantised(network, False)
    largest: dict[str, float] = {}
    hooks = []
    for name, module in network.named_modules():
        if name.rpartition(".")[0] in {stage for stage, _, _ in STAGES}:

            def note(_: nn.Module, __: object, output: Tensor, name: str = name) -> None:
                largest[name] = max(largest.get(name, 0.0), float(output.max()))

            hooks.append(module.get_submodule("widen").register_forward_hook(note))
    compute(network, images)
    for hook in hooks:
        hook.remove()
    return {name for name, value in largest.items() if value <= DEAD}


def _renumber(weights: dict[str, Tensor], stage: str, first: int) -> Iterable[tuple[str, Tensor]]:
    """The weights, those of a stage's blocks counted from `first` on."""
    for name, tensor in weights.items():
        if not name.startswith(stage):
            yield name, tensor
            continue
        number, _, rest = name.removeprefix(stage).partition(".")
        if int(number) >= first:
            yield f"{stage}{int(number) - first}.{rest}", tensor
