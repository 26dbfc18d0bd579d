"""Local decoders out of their checkpoints into a model folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load
from torch import Tensor

from vlaecodec.entropy.tables import residual_tables
from vlaecodec.frozen.tensors import read_metadata
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.model.integer_weights import integer_layers, table_tensors
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.training.checkpoint import load_weights, read_progress
from vlaecodec.training.model_folder import read_progress_of, replace_weights
from vlaecodec.training.photo.card import show_sizes
from vlaecodec.training.photo.export import is_local, pack_model


def attach_decoders(
    folder: Path, checkpoints: dict[str, Path], notes: str, grain: Mapping[str, int] | None = None
) -> str:
    """Replace an exported model's local decoders: "local", "texture", or both, each by a
    checkpoint's.

    With "local" go today's tables of residuals. grain: sizes of the architecture that say how draws
    are shown, those that are not to be as in training. The model's learning curve gets the runs'
    last points, and its card the notes. Returns the weights' SHA-256.
    """
    data = (folder / WEIGHTS_NAME).read_bytes()
    sizes = json.loads(read_metadata(data)["architecture"])
    sizes = {name: size for name, size in sizes.items() if not is_local(name)} | {
        name: size
        for name, size in sizes.items()
        if is_local(name) and name.partition("_")[0] not in checkpoints
    }
    progress = read_progress_of(folder)
    tensors = {n: t for n, t in load(data).items() if n.partition(".")[0] not in checkpoints}
    for name, checkpoint in checkpoints.items():
        trained, run = read_progress(checkpoint)
        sizes |= {n: size for n, size in trained.items() if n.startswith(f"{name}_")}
        tensors |= _whole(name, checkpoint, Architecture.from_dict(trained))
        if run.curve:
            progress.curve.append({f"{name}_{key}": value for key, value in run.curve[-1].items()})
    if not all(any(n.startswith(f"{name}.") for n in tensors) for name in ("local", "texture")):
        raise ValueError("a model needs both local decoders")
    if "local" in checkpoints:
        tensors |= table_tensors({"residual": residual_tables()})
    sizes |= grain or {}
    arch = Architecture.from_dict(sizes)
    weights = pack_model(tensors, arch)
    return replace_weights(folder, weights, show_sizes(arch), progress, notes)


def _whole(name: str, checkpoint: Path, arch: Architecture) -> dict[str, Tensor]:
    """A local decoder's whole-number tensors, averaged."""
    local = LocalDecoder(arch, drawing=name == "texture")
    load_weights(checkpoint, local, "average")
    return {f"{name}.{n}": t for n, t in integer_layers(local).items()}
