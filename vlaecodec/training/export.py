"""From a checkpoint to a model folder that the codec can load, and back to train on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

from vlaecodec.model import MODEL_KIND, WEIGHTS_NAME, read_model, table_tensors, whole_tensors
from vlaecodec.networks.architecture import Architecture
from vlaecodec.networks.photo_vlae import PhotoVLAE
from vlaecodec.tables import model_tables
from vlaecodec.thaw import thaw
from vlaecodec.training.card import model_card
from vlaecodec.training.checkpoint import Progress, load_weights, read_progress

PROGRESS_NAME = "training.json"
"""Beside the weights: how far the training had come, for the next run to go on from."""


def export_model(checkpoint: Path, folder: Path, summary: str, data: str, *, default: bool) -> str:
    """Write weights and model card to the folder, and list the model in the index beside it.

    The averaged weights are exported: whole numbers for the decoding path, float16 for the analysis
    network. `data` says what the model was trained on. Returns the weights' SHA-256.
    """
    sizes, progress = read_progress(checkpoint)
    architecture = Architecture(**sizes)
    network = PhotoVLAE(architecture)
    load_weights(checkpoint, network, "average")
    tensors = {
        f"analysis.{n}": p.detach().to(torch.float16)
        for n, p in network.analysis.named_parameters()
    }
    tensors |= whole_tensors(network)
    tensors |= table_tensors(model_tables())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS_NAME
    metadata = {"kind": MODEL_KIND, "architecture": json.dumps(architecture.to_dict())}
    weights = save({n: t.contiguous() for n, t in tensors.items()}, metadata)
    read_model(weights)  # refuses what the codec would refuse, before anything is replaced
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(weights)
    temporary.replace(path)
    digest = hashlib.sha256(weights).hexdigest()
    card = model_card(folder.name, summary, data, digest, len(weights), architecture, progress)
    (folder / "MODEL_CARD.md").write_text(card)
    (folder / PROGRESS_NAME).write_text(json.dumps(asdict(progress), indent=1) + "\n")
    list_model(folder, digest, summary, default=default)
    return digest


def import_model(folder: Path, network: PhotoVLAE) -> Progress:
    """Give a float network the weights of an exported model, so that training can go on from it.

    The optimiser's moments are not kept. Raises ValueError if the weights are not the network's.
    """
    thaw(network, load_file(folder / WEIGHTS_NAME))
    return Progress(**json.loads((folder / PROGRESS_NAME).read_text()))


def list_model(
    folder: Path, sha256: str, summary: str, *, default: bool = False, small: bool = False
) -> None:
    """Add a model to the index beside its folder. default: it is what `encode` uses from now on.

    small: it is one of the paper's models for small images.
    """
    path = folder.parent / "index.json"
    index: dict[str, Any] = {"default": "", "models": {}}
    if path.exists():
        index = json.loads(path.read_text())
    index["models"][folder.name] = {"sha256": sha256, "summary": summary}
    if small:
        index["models"][folder.name]["small"] = True
    if default or not (index["default"] or small):
        index["default"] = folder.name
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(index, indent=2) + "\n")
    temporary.replace(path)
