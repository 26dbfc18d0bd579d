"""What every export writes: weights, model card and learning curve; the model is in the index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vlaecodec.frozen.tensors import read_metadata
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.training.checkpoint import Progress

PROGRESS_NAME = "training.json"
"""Beside the weights: how far the training had come, for the next run to go on from."""


def write_model_folder(
    folder: Path,
    weights: bytes,
    card: Callable[[str], str],
    progress: Progress,
    summary: str,
    *,
    default: bool = False,
    tuned_for: str | None = None,
) -> str:
    """Write a model's files, and list it in the index beside its folder. Returns its SHA-256.

    card: makes the model card, given the SHA-256. default: `encode` uses the model from now on.
    tuned_for: its distortion in training; None where there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = (folder / WEIGHTS_NAME).with_suffix(".tmp")
    temporary.write_bytes(weights)
    temporary.replace(folder / WEIGHTS_NAME)
    digest = hashlib.sha256(weights).hexdigest()
    (folder / "MODEL_CARD.md").write_text(card(digest))
    (folder / PROGRESS_NAME).write_text(json.dumps(asdict(progress), indent=1) + "\n")
    kind = read_metadata(weights)["kind"]
    row: dict[str, Any] = {"sha256": digest, "summary": summary, "kind": kind}
    if tuned_for is not None:
        row["tuned_for"] = tuned_for
    _list_model(folder, row, default=default)
    return digest


def replace_weights(
    folder: Path, weights: bytes, architecture: str, progress: Progress, notes: str
) -> str:
    """Give an exported model other weights. Its index row, card and progress follow; returns
    SHA-256.

    architecture: as the card shows it. notes: a paragraph that the card's account of the training
    ends with.
    """
    index = json.loads((folder.parent / "index.json").read_text())
    row = index["models"][folder.name]
    card = (folder / "MODEL_CARD.md").read_text()

    def new_card(digest: str) -> str:
        lines = card.splitlines()
        for number, line in enumerate(lines):
            if line.startswith("| weights |"):
                lines[number] = f"| weights | SHA-256 `{digest}`, {len(weights) / 1e6:.1f} MB |"
            if line.startswith("| fingerprint in files |"):
                lines[number] = f"| fingerprint in files | `{digest[:8]}` |"
            if line.startswith("| architecture |"):
                lines[number] = f"| architecture | {architecture} |"
            if line.startswith("The exported weights are a Polyak average."):
                lines[number] = f"{notes}\n\n{line}"
        return "\n".join(lines) + "\n"

    return write_model_folder(
        folder,
        weights,
        new_card,
        progress,
        row["summary"],
        tuned_for=row.get("tuned_for"),
    )


def read_progress_of(folder: Path) -> Progress:
    """How far the training of an exported model had come."""
    return Progress(**json.loads((folder / PROGRESS_NAME).read_text()))


def _list_model(folder: Path, row: dict[str, Any], *, default: bool) -> None:
    path = folder.parent / "index.json"
    index: dict[str, Any] = {"default": "", "models": {}}
    if path.exists():
        index = json.loads(path.read_text())
    index["models"][folder.name] = row
    if default or not (index["default"] or row.get("tuned_for") is None):
        index["default"] = folder.name
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(index, indent=2) + "\n")
    temporary.replace(path)
