"""What tests of the small models share: a tiny one's sizes, weights that matter, and images."""

from __future__ import annotations

import copy
from pathlib import Path

import torch

from vlaecodec.networks.binary.preset import Preset
from vlaecodec.networks.binary.small_vlae import SmallVLAE
from vlaecodec.training.binary.export import export_small
from vlaecodec.training.checkpoint import Progress, save_checkpoint

SIZES = {
    "latent_channels": 6,
    "flow_channels": 24,
    "half_channels": 8,
    "quarter_channels": 8,
    "blocks": 1,
    "full_channels": 8,
    "local_features": 4,
    "local_channels": 16,
    "local_layers": 2,
    "window_width": 5,
    "window_height": 2,
}
TINY = Preset(**SIZES)


def lively(module: torch.nn.Module) -> torch.nn.Module:
    """Last layers begin small; here everything matters."""
    for name, parameter in module.named_parameters():
        if name.endswith("leave.weight"):
            parameter.data.mul_(10)
    return module


def black_and_white(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 1, 28, 28, generator=generator) < 0.3).to(torch.uint8)


def export_untrained(folder: Path, preset: Preset) -> None:
    """A model of a preset, exported as the shipped ones are, and listed in the index beside it."""
    torch.manual_seed(1)
    network = lively(SmallVLAE(preset))
    checkpoint = folder.with_suffix(".safetensors")
    optimizer = torch.optim.Adam(network.parameters())
    average = copy.deepcopy(network)
    save_checkpoint(checkpoint, network, average, optimizer, preset.to_dict(), Progress())
    export_small(checkpoint, folder, 255 * black_and_white(50), folder.name, "noise")
