"""A trained model, frozen: loaded once, run on whole numbers."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from vlaecodec.bitstream.header import QUALITY_UNIT
from vlaecodec.bitstream.tiles import FOLD, LATENT_FACTOR
from vlaecodec.entropy.scales import (
    FRACTIONS,
    RESIDUAL_ENTRIES,
    RESIDUAL_ROWS,
    SCALES,
    TAIL_LEVELS,
    TOP_SCALES,
)
from vlaecodec.entropy.tables import FrequencyTables
from vlaecodec.errors import ModelError, is_want_of_memory
from vlaecodec.model.exactness import ensure_exact, exactly, with_own_defaults
from vlaecodec.model.registry import ModelEntry
from vlaecodec.networks.common.fixed_point import exact_layers, round_operand, set_quantised
from vlaecodec.networks.common.formats import GAIN_BITS, PIXEL_UNITS, QUALITIES
from vlaecodec.networks.common.quality import QualityAffine
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.local_decoder import COLOURS
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.picture.image import Pixels

if TYPE_CHECKING:
    from vlaecodec.entropy.ans import CodingTables

WEIGHTS_NAME = "weights.safetensors"

LatentArray = NDArray[np.int16]
"""Dequantised latents in LATENT units, int16 [C, rows, columns]."""

MODEL_KIND = "photo-vlae/2"
"""Names the structure that the weights are for."""

TABLE_COUNTS = {"latent": SCALES * FRACTIONS, "posterior": TOP_SCALES, "top": 2, "flag": 1}
TABLE_COUNTS["residual"] = TAIL_LEVELS * RESIDUAL_ROWS * FRACTIONS

N = TypeVar("N", bound=nn.Module)
M = TypeVar("M", bound="FrozenModel[Any]")


class FrozenModel(Generic[N]):
    """A network of whole numbers, and its probability tables."""

    def __init__(self, network: N, tables: dict[str, FrequencyTables]) -> None:
        self.network = network
        self.tables = tables

    @cached_property
    def coding_tables(self) -> dict[str, CodingTables]:
        """The tables as the entropy coder takes them."""
        from vlaecodec.entropy.ans import CodingTables  # training goes without the entropy coder

        return {kind: CodingTables(tables) for kind, tables in self.tables.items()}


class PhotoModel(FrozenModel[PhotoVLAE]):
    """A frozen photo VLAE."""

    @property
    def synthesis_halo(self) -> int:
        """How many latents outside a box its mean image depends on, on each side."""
        return self.network.decoder.halo

    @property
    def analysis_halo_px(self) -> int:
        """How many pixels outside a box its latents depend on, on each side; whole latents."""
        return self.network.analysis.halo * LATENT_FACTOR

    @exactly
    def analyse(self, pixels: Pixels, quality_code: int) -> Tensor:
        """y before quantisation: float32 [1, C, rows, columns].

        pixels: uint8 [H, W, 3], both sides multiples of 16.
        """
        image = torch.tensor(pixels).permute(2, 0, 1).float().unsqueeze(0)
        image = image.contiguous(memory_format=torch.channels_last)
        position = (quality_code / QUALITY_UNIT - 1) / (QUALITIES - 1)
        y: Tensor = self.network.analysis(image, torch.tensor([position], dtype=torch.float32))
        return y

    @exactly
    def synthesise(self, latent: LatentArray, quality_code: int) -> tuple[Pixels, Tensor]:
        """The mean image of latents [C, rows, columns], and the features it was made from.

        Returns uint8 [16 rows, 16 columns, 3] and SIGNED, int16 [channels, 2 rows, 2 columns].
        """
        y = torch.from_numpy(latent).float().unsqueeze(0)
        y = y.contiguous(memory_format=torch.channels_last)
        trunk = self.network.decoder.features(y, torch.tensor([quality_code]))
        mean = self.network.decoder.mean_image(trunk)[0]
        mean = torch.floor((mean + PIXEL_UNITS // 2) * (1 / PIXEL_UNITS)).clamp_(0, 255)
        picture = mean.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
        return picture, trunk[0].to(torch.int16)

    @exactly
    def local_given(
        self, mean: Pixels, trunk: Tensor, rows: slice = slice(None), *, drawing: bool = False
    ) -> NDArray[np.int16]:
        """What a local decoder is given of every pixel: contrasts unless drawing, then features.

        mean: uint8 [H, W, 3]. trunk: int16 [channels, >= H / FOLD, >= W / FOLD]. rows: of the
        picture, beginning with a multiple of FOLD; all by default. Returns SIGNED [rows, W, n].
        """
        local = self.network.texture if drawing else self.network.local
        top, bottom, _ = rows.indices(len(mean))
        features = local.features(trunk[None, :, top // FOLD : -(-bottom // FOLD)].float())
        features = round_operand(features)
        features = features[:, : bottom - top, : mean.shape[1]].to(torch.int16)
        above = min(top, local.window.height)
        seen = np.ascontiguousarray(mean[top - above : bottom, :, COLOURS], np.int16)
        contrasts = local.contrasts(torch.from_numpy(seen)[None])[:, above:]
        return torch.cat([contrasts, features], dim=3)[0].numpy()


@functools.lru_cache(maxsize=4)
def load_model(entry: ModelEntry) -> PhotoModel:
    """Read a model's weights, check them against the index, and freeze.

    Raises ModelError if the file is missing, altered, or not a model.
    """
    return read_model(read_weights(entry))


def read_weights(entry: ModelEntry) -> bytes:
    """The bytes of a model's weights file, checked against the index. Raises ModelError."""
    try:
        data = (entry.folder / WEIGHTS_NAME).read_bytes()
    except OSError as error:
        raise ModelError(f"model {entry.name!r} cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise ModelError(f"model {entry.name!r} is not the one in the index; reinstall it")
    return data


def read_model(data: bytes) -> PhotoModel:
    """The model in the bytes of a weights file. Raises ModelError."""
    return read_frozen(data, MODEL_KIND, _build_photo_model)


def _build_photo_model(tensors: dict[str, Tensor], metadata: dict[str, str]) -> PhotoModel:
    network = PhotoVLAE(Architecture(**json.loads(metadata["architecture"])))
    network.analysis.load_state_dict(analysis_weights(network, tensors), assign=True)
    freeze(network, tensors)
    tables = {kind: read_tables(tensors, kind, n) for kind, n in TABLE_COUNTS.items()}
    return PhotoModel(network, tables)


@with_own_defaults
def read_frozen(
    data: bytes, kind: str, build: Callable[[dict[str, Tensor], dict[str, str]], M]
) -> M:
    """The model in the bytes of a weights file of a kind.

    Raises ModelError, or ReproductionError where this machine's arithmetic is not exact.
    build: makes it of the file's tensors and metadata; what it raises becomes a ModelError.
    """
    try:
        tensors, metadata = load(data), read_metadata(data)
        if metadata["kind"] != kind:
            raise ModelError(f"a model of kind {metadata['kind']!r}; this is for {kind!r}")
        # What is drawn here is replaced; the caller's random numbers go on undisturbed. (The
        # meta device would draw nothing, but imports a second's worth of torch to do so.)
        with torch.random.fork_rng(devices=[]):
            model = build(tensors, metadata)
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        if is_want_of_memory(error):
            raise MemoryError from error
        raise ModelError(f"not a usable model: {error}") from error
    model.network.eval().to(memory_format=torch.channels_last)
    ensure_exact(model.network)
    return model


def analysis_weights(network: PhotoVLAE, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The analysis network's float parameters; gains that a model was trained without are 0."""
    return {
        name: tensors[f"analysis.{name}"].float()
        if f"analysis.{name}" in tensors or not name.endswith("_gain")
        else torch.zeros_like(parameter)
        for name, parameter in network.analysis.state_dict().items()
    }


def read_metadata(data: bytes) -> dict[str, str]:
    """The metadata of a safetensors file: in the JSON header that its first 8 bytes measure."""
    size = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + size])["__metadata__"]
    return metadata


def freeze(network: PhotoVLAE, tensors: dict[str, Tensor]) -> None:
    """Give every network of the decoding path its whole-number parameters.

    Raises ValueError where a convolution could overflow the exact range.
    """
    for name, module in network.named_modules():
        if isinstance(module, QualityAffine):
            table = tensors[f"{name}.table"]
            module.load_frozen(table, tensors.get(f"{name}.gains", _unit_gains(table)))
    network.step.load_frozen(tensors["step.table"], tensors["step.offsets"])
    freeze_layers(network, tensors)


def _unit_gains(table: Tensor) -> Tensor:
    """Of models that were trained without gains."""
    return torch.full_like(table, 2**GAIN_BITS)


def freeze_layers(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give every exact convolution its whole-number parameters; forget all float ones."""
    set_quantised(network, True)
    for name, layer in exact_layers(network).items():
        parts = (tensors[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
        layer.load_frozen(*parts)
    _drop_training_parameters(network)


def integer_tensors(network: PhotoVLAE) -> dict[str, Tensor]:
    """The whole-number parameters of a trained network, as `freeze` takes them."""
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
    """The whole-number parameters of every exact convolution, as `freeze_layers` takes them."""
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


def read_tables(tensors: dict[str, Tensor], kind: str, count: int) -> FrequencyTables:
    """A family of probability tables. Raises ValueError unless it is usable."""
    tables = FrequencyTables(
        frequencies=tensors[f"tables.{kind}.frequencies"].numpy(),
        starts=tensors[f"tables.{kind}.starts"].numpy(),
        lows=tensors[f"tables.{kind}.lows"].numpy(),
        escape=kind in ("latent", "residual", "code"),
    )
    tables.check()
    if len(tables) != count:
        raise ValueError(f"{len(tables)} probability tables of the {kind} family")
    if kind == "residual" and bool(np.any(np.diff(tables.starts) != RESIDUAL_ENTRIES)):
        raise ValueError("the tables of the residual family differ in size")
    return tables


def _drop_training_parameters(network: nn.Module) -> None:
    """Forget the float parameters that freezing has replaced."""
    for module in network.modules():
        if getattr(module, "frozen", False):
            for name in [n for n, _ in module.named_parameters(recurse=False)]:
                delattr(module, name)
