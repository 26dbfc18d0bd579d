"""From a checkpoint to a model folder that the codec can load, and back to train on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from vlaecodec.entropy.tables import model_tables
from vlaecodec.frozen.tensors import read_metadata, read_tensors
from vlaecodec.model.float_weights import dequantise_weights
from vlaecodec.model.frozen import MODEL_KIND, WEIGHTS_NAME, read_model
from vlaecodec.model.integer_weights import integer_tensors, table_tensors
from vlaecodec.model.registry import PSNR, Tune
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.training.checkpoint import Progress, load_weights, read_progress
from vlaecodec.training.model_folder import read_progress_of, write_model_folder
from vlaecodec.training.photo.card import model_card
from vlaecodec.training.photo.data import Photo
from vlaecodec.training.photo.equalise import equalise, telling_pictures
from vlaecodec.training.photo.grow import grow_model


def export_model(
    checkpoint: Path,
    folder: Path,
    summary: str,
    data: str,
    *,
    local_from: Path,
    default: bool,
    tuned_for: Tune = PSNR,
    photos: list[Photo] | None = None,
) -> str:
    """Write weights and model card to the folder, and list the model in the index beside it.

    The averaged weights are exported: whole numbers for the decoding path, float16 for the analysis
    network. local_from: the model folder that local decoders are taken from; see `attach` for how
    they get there. photos: what layers are equalised on, see `equalise`; None: they are not. `data`
    says what the model was trained on, `tuned_for` for which of TUNES.
    Returns the weights' SHA-256.
    """
    sizes, progress = read_progress(checkpoint)
    decoders, local_sizes = read_local(local_from)
    architecture = Architecture.from_dict(sizes | local_sizes)
    network = GlobalNetworks(architecture)
    load_weights(checkpoint, network, "average")
    if photos is not None:
        equalise(network, telling_pictures(photos))
    tensors = {
        f"analysis.{n}": p.detach().to(torch.float16)
        for n, p in network.analysis.named_parameters()
    }
    tensors |= integer_tensors(network) | decoders | table_tensors(model_tables())
    weights = pack_model(tensors, architecture)

    def card(sha256: str) -> str:
        return model_card(
            folder.name, summary, data, sha256, len(weights), architecture, progress, tuned_for
        )

    return write_model_folder(
        folder, weights, card, progress, summary, default=default, tuned_for=tuned_for
    )


def pack_model(tensors: dict[str, Tensor], architecture: Architecture) -> bytes:
    """A model's weights file. Raises ModelError for what the codec would refuse."""
    metadata = {"kind": MODEL_KIND, "architecture": json.dumps(architecture.to_dict())}
    weights = save({n: t.contiguous() for n, t in tensors.items()}, metadata)
    read_model(weights)
    return weights


def read_local(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The local decoders' tensors of an exported model, and their sizes."""
    data = (folder / WEIGHTS_NAME).read_bytes()
    metadata = read_metadata(data)
    if metadata.get("kind") != MODEL_KIND:
        raise ValueError(f"{folder} holds no model of kind {MODEL_KIND}")
    sizes = json.loads(metadata["architecture"])
    tensors = {n: t for n, t in load(data).items() if is_local(n)}
    return tensors, {name: size for name, size in sizes.items() if is_local(name)}


def is_local(name: str) -> bool:
    """Whether a tensor, or a size of an architecture, is a local decoder's."""
    return name.startswith(("local.", "local_", "texture.", "texture_"))


def import_model(folder: Path, network: GlobalNetworks) -> Progress:
    """Give a float network the weights of an exported model, so that training can go on from it.

    The network may be larger, see `grow_model`. The optimiser's moments are not kept. Raises
    ValueError if the weights are not the network's.
    """
    data = (folder / WEIGHTS_NAME).read_bytes()
    architecture = Architecture.from_dict(json.loads(read_metadata(data)["architecture"]))
    if architecture == network.arch:
        dequantise_weights(network, read_tensors(data))
    else:
        grow_model(folder, architecture, network)
    return read_progress_of(folder)
