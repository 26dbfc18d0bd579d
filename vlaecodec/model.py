"""A trained model, frozen: loaded once, run on whole numbers."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from vlaecodec.container import QUALITY_UNIT
from vlaecodec.errors import ModelError
from vlaecodec.image import Pixels
from vlaecodec.networks.architecture import Architecture
from vlaecodec.networks.encoder import LATENT_FACTOR
from vlaecodec.networks.global_decoder import PIXEL_UNITS
from vlaecodec.networks.photo_vlae import PhotoVLAE
from vlaecodec.networks.quality import QUALITIES, QualityBias
from vlaecodec.registry import ModelEntry
from vlaecodec.tables import FrequencyTables

WEIGHTS_NAME = "weights.safetensors"
TABLE_KINDS = ("latent", "posterior", "top", "flag")

LatentArray = NDArray[np.int16]
"""Dequantised latents in LATENT units, int16 [C, rows, columns]."""

# NNPACK's Winograd convolutions reorder sums beyond what exactness allows.
torch.backends.nnpack.set_flags(False)


class PhotoModel:
    """A frozen photo VLAE and its probability tables."""

    def __init__(self, network: PhotoVLAE, tables: dict[str, FrequencyTables]) -> None:
        self.network = network
        self.tables = tables

    @property
    def synthesis_halo(self) -> int:
        """How many latents outside a box its mean image depends on, on each side."""
        return self.network.decoder.halo

    @property
    def analysis_halo_px(self) -> int:
        """How many pixels outside a box its latents depend on, on each side; whole latents."""
        return self.network.analysis.halo * LATENT_FACTOR

    @torch.inference_mode()
    def analyse(self, pixels: Pixels, quality_code: int) -> Tensor:
        """y before quantisation: float32 [1, C, rows, columns].

        pixels: uint8 [H, W, 3], both sides multiples of 16.
        """
        image = torch.from_numpy(pixels).permute(2, 0, 1).float().unsqueeze(0)
        image = image.contiguous(memory_format=torch.channels_last)
        position = (quality_code / QUALITY_UNIT - 1) / (QUALITIES - 1)
        y: Tensor = self.network.analysis(image, torch.tensor([position]))
        return y

    @torch.inference_mode()
    def synthesise(self, latent: LatentArray, quality_code: int) -> Pixels:
        """The mean image, uint8 [16 rows, 16 columns, 3], of latents [C, rows, columns]."""
        y = torch.from_numpy(latent).float().unsqueeze(0)
        y = y.contiguous(memory_format=torch.channels_last)
        mean = self.network.decoder(y, torch.tensor([quality_code]))[0]
        mean = torch.floor((mean + PIXEL_UNITS // 2) * (1 / PIXEL_UNITS)).clamp_(0, 255)
        return mean.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


@functools.lru_cache(maxsize=4)
def load_model(entry: ModelEntry) -> PhotoModel:
    """Read a model's weights, check them against the index, and freeze.

    Raises ModelError if the file is missing, altered, or not a model.
    """
    path = entry.folder / WEIGHTS_NAME
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"model {entry.name!r} cannot be read: {error}") from error
    if digest != entry.sha256:
        raise ModelError(f"model {entry.name!r} is not the one in the index; reinstall it")
    return read_model(path)


def read_model(path: Path) -> PhotoModel:
    """Read a weights file as it is."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            arch = Architecture(**json.loads(file.metadata()["architecture"]))
        network = PhotoVLAE(arch)
        network.analysis.load_state_dict(
            {n: tensors[f"analysis.{n}"].float() for n in network.analysis.state_dict()}
        )
        freeze(network, tensors)
        tables = {kind: _read_tables(tensors, kind) for kind in TABLE_KINDS}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is not a usable model: {error}") from error
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return PhotoModel(network, tables)


def freeze(network: PhotoVLAE, tensors: dict[str, Tensor]) -> None:
    """Give every network of the decoding path its whole-number parameters.

    Raises ValueError where a convolution could overflow the exact range.
    """
    network.set_quantised(True)
    for name, layer in network.exact_layers().items():
        parts = (tensors[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
        layer.load_frozen(*parts)
    for name, module in network.named_modules():
        if isinstance(module, QualityBias):
            module.load_frozen(tensors[f"{name}.table"])
    network.step.load_frozen(tensors["step.table"], tensors["step.offsets"])
    _drop_training_parameters(network)


def whole_tensors(network: PhotoVLAE) -> dict[str, Tensor]:
    """The whole-number parameters of a trained network, as `freeze` takes them."""
    tensors = {}
    for name, layer in network.exact_layers().items():
        weight, bias, shift = layer.whole_parameters()
        tensors[f"{name}.weight"] = weight.to(torch.int8)
        tensors[f"{name}.bias"] = bias.to(torch.int32)
        tensors[f"{name}.shift"] = shift.to(torch.int8)
    for name, module in network.named_modules():
        if isinstance(module, QualityBias):
            tensors[f"{name}.table"] = module.whole_table().to(torch.int16)
    steps, offsets = network.step.whole_tables()
    tensors["step.table"] = steps.to(torch.int32)
    tensors["step.offsets"] = offsets.to(torch.int16)
    return tensors


def table_tensors(tables: dict[str, FrequencyTables]) -> dict[str, Tensor]:
    """Probability tables as tensors to store."""
    tensors = {}
    for kind, family in tables.items():
        tensors[f"tables.{kind}.frequencies"] = torch.from_numpy(family.frequencies)
        tensors[f"tables.{kind}.starts"] = torch.from_numpy(family.starts)
        tensors[f"tables.{kind}.lows"] = torch.from_numpy(family.lows)
    return tensors


def _read_tables(tensors: dict[str, Tensor], kind: str) -> FrequencyTables:
    tables = FrequencyTables(
        frequencies=tensors[f"tables.{kind}.frequencies"].numpy(),
        starts=tensors[f"tables.{kind}.starts"].numpy(),
        lows=tensors[f"tables.{kind}.lows"].numpy(),
        escape=kind == "latent",
    )
    tables.check()
    return tables


def _drop_training_parameters(network: nn.Module) -> None:
    """Forget the float parameters that freezing has replaced."""
    for module in network.modules():
        if getattr(module, "frozen", False):
            for name in [n for n, _ in module.named_parameters(recurse=False)]:
                delattr(module, name)
