"""The whole-number weights of a trained network: what an export stores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlaecodec.entropy.tables import FrequencyTables
from vlaecodec.networks.common.fixed_point import exact_layers
from vlaecodec.networks.common.quality import QualityAffine
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks


def integer_tensors(network: GlobalNetworks) -> dict[str, Tensor]:
    """The whole-number parameters of a trained network, as they are stored."""
    tensors = integer_layers(network)
    for name, module in network.named_modules():
        if isinstance(module, QualityAffine):
            table, gains = module.integer_tables()
            tensors[f"{name}.table"] = table.to(torch.int16)
            tensors[f"{name}.gains"] = gains.to(torch.int16)
    steps, offsets = network.step.integer_tables()
    tensors["step.table"] = steps.to(torch.int32)
    tensors["step.offsets"] = offsets.to(torch.int16)
    return tensors


def integer_layers(network: nn.Module) -> dict[str, Tensor]:
    """The whole-number parameters of every exact convolution, as they are stored."""
    tensors = {}
    for name, layer in exact_layers(network).items():
        weight, bias, shift = layer.integer_parameters()
        tensors[f"{name}.weight"] = weight.to(torch.int16)
        tensors[f"{name}.bias"] = bias.to(torch.int32)
        tensors[f"{name}.shift"] = shift.to(torch.int8)
    return tensors


def table_tensors(tables: dict[str, FrequencyTables]) -> dict[str, Tensor]:
    """Probability tables as tensors to store."""
    tensors = {}
    for kind, family in tables.items():
        tensors[f"tables.{kind}.frequencies"] = torch.from_numpy(family.frequencies)
        tensors[f"tables.{kind}.starts"] = torch.from_numpy(family.starts)
        tensors[f"tables.{kind}.lows"] = torch.from_numpy(family.lows)
    return tensors
