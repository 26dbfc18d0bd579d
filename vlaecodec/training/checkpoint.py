"""Everything a training run needs to go on, in one safetensors file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vlaecodec.training.descent import ADAM_STATE, Descent


@dataclass
class Progress:
    """How far a run has come, and its learning curve on the validation photos."""

    steps: int = 0
    pixels: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


def save_checkpoint(
    path: Path,
    model: nn.Module,
    average: nn.Module,
    descent: Descent,
    sizes: dict[str, Any],
    progress: Progress,
) -> None:
    """Write weights, their running average, the optimiser's moments and the progress.

    sizes: what tells the model from others of its kind, for JSON.
    """
    tensors = {f"model.{n}": p.detach() for n, p in model.named_parameters()}
    tensors |= {f"average.{n}": p.detach() for n, p in average.named_parameters()}
    for name, parameter in model.named_parameters():
        for key, value in descent.state(parameter).items():
            tensors[f"adam.{key}.{name}"] = value
    tensors = {n: t.cpu().contiguous() for n, t in tensors.items()}
    metadata = {
        "architecture": json.dumps(sizes),
        "progress": json.dumps(asdict(progress)),
    }
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, metadata)
    temporary.replace(path)


def read_progress(path: Path) -> tuple[dict[str, Any], Progress]:
    """The sizes and the progress of a checkpoint, without its weights."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    return json.loads(metadata["architecture"]), Progress(**json.loads(metadata["progress"]))


def load_weights(path: Path, model: nn.Module, prefix: str = "average") -> None:
    """Load one set of weights: "model" as trained, "average" as exported."""
    with safe_open(path, "pt") as file:
        names = dict(model.named_parameters())
        weights = {n: file.get_tensor(f"{prefix}.{n}") for n in names}
    model.load_state_dict(weights)


def load_moments(path: Path, model: nn.Module, descent: Descent) -> None:
    """Load the optimiser's moments, in the memory order of the parameters."""
    with safe_open(path, "pt") as file:
        known = set(file.keys())
        for name, parameter in model.named_parameters():
            state: dict[str, Tensor] = {}
            for key in ADAM_STATE:
                if f"adam.{key}.{name}" in known:
                    value = file.get_tensor(f"adam.{key}.{name}")
                    # Of the weights' own memory order: the fused optimiser goes by that alone.
                    like = parameter if key != "step" else value.to(parameter.device)
                    state[key] = torch.empty_like(like).copy_(value)
            if state:
                descent.set_state(parameter, state)
