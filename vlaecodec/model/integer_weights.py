"""The whole-number weights of a trained network: what an export stores."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.entropy.tables import FrequencyTables
from vlaecodec.frozen.synthesis import Features
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.model.defaults import with_own_defaults
from vlaecodec.networks.common.fixed_point import exact_layers, round_operand, set_quantised
from vlaecodec.networks.common.quality import QualityAffine
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.local_decoder import COLOURS, LocalDecoder
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.picture.image import Pixels


def integer_tensors(network: PhotoVLAE) -> dict[str, Tensor]:
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


@with_own_defaults
def frozen_network(arch: Architecture, weights: Tensors) -> PhotoVLAE:
    """A network whose local decoders are frozen."""
    with torch.random.fork_rng(devices=[]):
        network = PhotoVLAE(arch)
    set_quantised(network, True)
    for name, layer in exact_layers(network).items():
        if name.startswith(("local.", "texture.")):
            stored = weights.within(name)
            parts = (
                torch.from_numpy(stored[part].astype(np.float32))
                for part in ("weight", "bias", "shift")
            )
            layer.load_frozen(*parts)
    return network.eval()


@with_own_defaults
def local_given(
    local: LocalDecoder, mean: Pixels, trunk: Features, rows: slice
) -> NDArray[np.int16]:
    """See PhotoModel.local_given."""
    top, bottom, _ = rows.indices(len(mean))
    some = trunk[None, :, top // FOLD : -(-bottom // FOLD)].astype(np.float32)
    with torch.inference_mode():
        features = round_operand(local.features(torch.from_numpy(some)))
        features = features[:, : bottom - top, : mean.shape[1]].to(torch.int16)
        above = min(top, local.window.height)
        seen = np.ascontiguousarray(mean[top - above : bottom, :, COLOURS], np.int16)
        contrasts = local.contrasts(torch.from_numpy(seen)[None])[:, above:]
        return torch.cat([contrasts, features], dim=3)[0].numpy()
