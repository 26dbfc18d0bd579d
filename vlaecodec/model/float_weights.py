"""The float network behind a frozen model: what training goes on from, and what search descends on.

The inverse of exporting up to rounding. Never used to decode.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vlaecodec.errors import ModelError
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.model.analyser import analysis_weights
from vlaecodec.model.defaults import with_own_defaults
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.model.registry import ModelEntry
from vlaecodec.networks.common.fixed_point import ExactConv2d, exact_layers, set_quantised
from vlaecodec.networks.common.formats import GAIN_BITS, LATENT, QUALITIES, STEP_FRAC_BITS, STREAM
from vlaecodec.networks.common.quality import KNOTS, QualityAffine, interpolate_knots
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks


def dequantise_weights(network: GlobalNetworks, stored: Tensors) -> None:
    """Give a float network the whole-number weights of an exported model.

    Raises ValueError if they are not the network's.
    """
    try:
        weights = {
            f"analysis.{n}": p for n, p in analysis_weights(network.analysis, stored).items()
        }
        weights |= dequantise_layers(network, stored)
        for name, module in network.named_modules():
            if isinstance(module, QualityAffine):
                table = _tensor(stored[f"{name}.table"])
                weights[f"{name}.knots"] = _fit_knots(table / STREAM.scale)
                gains = torch.ones_like(table)
                if f"{name}.gains" in stored:
                    gains = _tensor(stored[f"{name}.gains"]) / 2**GAIN_BITS
                weights[f"{name}.gain_knots"] = _fit_knots(torch.log2(gains))
        steps = _tensor(stored["step.table"]).double() / 2**STEP_FRAC_BITS / LATENT.scale
        weights["step.log_step"] = _fit_knots(steps.log())
        network.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"the weights are of another architecture: {error}") from error


def dequantise_layers(network: nn.Module, stored: Tensors) -> dict[str, Tensor]:
    """The float parameters of every exact convolution, by name, from whole-number ones."""
    weights = {}
    for name, layer in exact_layers(network).items():
        unit = torch.exp2(_stored_exponents(layer, stored.within(name)))
        weights[f"{name}.weight"] = _tensor(stored[f"{name}.weight"]) / unit.view(-1, 1, 1, 1)
        weights[f"{name}.bias"] = _tensor(stored[f"{name}.bias"]) / unit / layer.source.scale
    return weights


def hold_exponents(network: nn.Module, stored: Tensors) -> None:
    """Round weights at the very resolution that they are stored at.

    A quantised network with dequantised weights then computes what the frozen one does.
    """
    for name, layer in exact_layers(network).items():
        layer.held_exponents = _stored_exponents(layer, stored.within(name))
    set_quantised(network, True)


def _stored_exponents(layer: ExactConv2d, stored: Tensors) -> Tensor:
    return _tensor(stored["shift"]) - layer.source.frac_bits + layer.target.frac_bits


@functools.lru_cache(maxsize=1)
@with_own_defaults
def load_float_model(entry: ModelEntry, model: PhotoModel) -> GlobalNetworks:
    """The float network of a model, whose weights take no gradients. Raises ModelError."""
    with torch.random.fork_rng(devices=[]):
        network = GlobalNetworks(model.arch)
    try:
        dequantise_weights(network, model.weights)
    except ValueError as error:
        raise ModelError(f"model {entry.name!r} cannot be searched with: {error}") from error
    network.requires_grad_(False)
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))


def _fit_knots(table: Tensor) -> Tensor:
    """The knots [KNOTS, C] whose linear interpolation is nearest to a table [QUALITIES, C]."""
    positions = torch.linspace(0, 1, QUALITIES)
    basis = [
        interpolate_knots(column[:, None], positions)[:, 0, 0, 0] for column in torch.eye(KNOTS)
    ]
    design = torch.stack(basis, dim=1).double()
    return torch.linalg.lstsq(design, table.double()).solution.float()
