"""The float network behind a frozen model: what training goes on from, and what search descends on.

The inverse of exporting up to rounding. Never used to decode.
"""

from __future__ import annotations

import functools

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from vlaecodec.errors import ModelError
from vlaecodec.model.exactness import with_own_defaults
from vlaecodec.model.frozen import PhotoModel, analysis_weights, read_weights
from vlaecodec.model.registry import ModelEntry
from vlaecodec.networks.common.fixed_point import exact_layers
from vlaecodec.networks.common.formats import GAIN_BITS, LATENT, QUALITIES, STEP_FRAC_BITS, STREAM
from vlaecodec.networks.common.quality import KNOTS, QualityAffine, interpolate_knots
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE


def dequantise_weights(network: PhotoVLAE, tensors: dict[str, Tensor]) -> None:
    """Give a float network the whole-number weights of an exported model.

    Raises ValueError if they are not the network's.
    """
    try:
        weights = {f"analysis.{n}": p for n, p in analysis_weights(network, tensors).items()}
        weights |= dequantise_layers(network, tensors)
        for name, module in network.named_modules():
            if isinstance(module, QualityAffine):
                table = tensors[f"{name}.table"]
                weights[f"{name}.knots"] = _fit_knots(table / STREAM.scale)
                gains = tensors.get(f"{name}.gains", torch.full_like(table, 2**GAIN_BITS))
                weights[f"{name}.gain_knots"] = _fit_knots(torch.log2(gains / 2**GAIN_BITS))
        steps = tensors["step.table"].double() / 2**STEP_FRAC_BITS / LATENT.scale
        weights["step.log_step"] = _fit_knots(steps.log())
        network.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"the weights are of another architecture: {error}") from error


def dequantise_layers(network: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The float parameters of every exact convolution, by name, from whole-number ones."""
    weights = {}
    for name, layer in exact_layers(network).items():
        shift = tensors[f"{name}.shift"].float()
        unit = torch.exp2(shift - layer.source.frac_bits + layer.target.frac_bits)
        weights[f"{name}.weight"] = tensors[f"{name}.weight"] / unit.view(-1, 1, 1, 1)
        weights[f"{name}.bias"] = tensors[f"{name}.bias"] / unit / layer.source.scale
    return weights


@functools.lru_cache(maxsize=1)
@with_own_defaults
def load_float_model(entry: ModelEntry, model: PhotoModel) -> PhotoVLAE:
    """The float network of a model, whose weights take no gradients. Raises ModelError."""
    data = read_weights(entry)
    with torch.random.fork_rng(devices=[]):
        network = PhotoVLAE(model.network.arch)
    try:
        dequantise_weights(network, load(data))
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"model {entry.name!r} cannot be searched with: {error}") from error
    network.requires_grad_(False)
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _fit_knots(table: Tensor) -> Tensor:
    """The knots [KNOTS, C] whose linear interpolation is nearest to a table [QUALITIES, C]."""
    positions = torch.linspace(0, 1, QUALITIES)
    basis = [
        interpolate_knots(column[:, None], positions)[:, 0, 0, 0] for column in torch.eye(KNOTS)
    ]
    design = torch.stack(basis, dim=1).double()
    return torch.linalg.lstsq(design, table.double()).solution.float()
