"""What tests of the small models share: a tiny one's sizes, weights that matter, and images."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import torch

from vlaecodec.networks.small.preset import PRESETS, Preset
from vlaecodec.networks.small.small_vlae import SmallVLAE
from vlaecodec.training.checkpoint import Progress, save_checkpoint
from vlaecodec.training.descent import Descent
from vlaecodec.training.small.export import export_small

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
TINY_COLOUR = replace(PRESETS["cifar10"], **SIZES, latent_px=2, image_px=8, colour_channels=8)


def lively(module: torch.nn.Module) -> torch.nn.Module:
    """Last layers begin small; here everything matters."""
    for name, parameter in module.named_parameters():
        if name.endswith("leave.weight"):
            parameter.data.mul_(10)
    return module


def black_and_white(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 1, 28, 28, generator=generator) < 0.3).to(torch.uint8)


def colour_images(count: int, seed: int = 0) -> torch.Tensor:
    """Samples [N, 3, 8, 8], smooth in one half and noise in the other."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (count, 3, 8, 8), generator=generator)
    noise[..., :4] = noise[:, :, :1, :1] // 2 + 10 * torch.arange(4)
    return noise.to(torch.uint8)


def export_untrained(folder: Path, preset: Preset) -> None:
    """A model of a preset, exported as the shipped ones are, and listed in the index beside it."""
    torch.manual_seed(1)
    network = lively(SmallVLAE(preset))
    checkpoint = folder.with_suffix(".safetensors")
    descent = Descent(network, torch.device("cpu"))
    average = copy.deepcopy(network)
    save_checkpoint(checkpoint, network, average, descent, preset.to_dict(), Progress())
    images = 255 * black_and_white(50) if preset.colours == 1 else colour_images(50)
    export_small(checkpoint, folder, images, folder.name, "noise")
