"""Which models there are: found by name or fingerprint, without loading any."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from vlaecodec.bitstream.header import FINGERPRINT_BYTES
from vlaecodec.errors import ModelError

PSNR, LOOKS = TUNES = ("psnr", "looks")
"""The likenesses that networks are trained for, and that search can descend on."""


@dataclass(frozen=True)
class ModelEntry:
    """One line of models/index.json."""

    name: str
    sha256: str
    summary: str
    folder: Path

    fingerprint: bytes
    """What files carry to name their model: a prefix of the weights' SHA-256."""

    small: bool = False
    """Whether it is one of the paper's models for small images, not one for photos."""

    tuned_for: str = PSNR
    """One of TUNES: what its distortion was in training."""


def models_folder() -> Path:
    """Where models live: $VLAECODEC_MODELS, inside the package, or beside it in a checkout."""
    if chosen := os.environ.get("VLAECODEC_MODELS"):
        return Path(chosen)
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def list_models() -> tuple[str, list[ModelEntry]]:
    """The default model's name, and every model there is."""
    folder = models_folder()
    try:
        index = json.loads((folder / "index.json").read_text())
        entries = [
            ModelEntry(
                name=name,
                sha256=row["sha256"],
                summary=row["summary"],
                folder=folder / name,
                fingerprint=bytes.fromhex(row["sha256"])[:FINGERPRINT_BYTES],
                small=bool(row.get("small", False)),
                tuned_for=str(row.get("tuned_for", PSNR)),
            )
            for name, row in index["models"].items()
        ]
        return str(index["default"]), entries
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"no usable model index in {folder}: {error}") from error


def find_model(name: str | None = None, tune: str | None = None) -> ModelEntry:
    """The model of that name; without one the default, or for photos one that was trained for tune.

    Where none was, the default one has to do. Raises ModelError if there is no such model.
    """
    default, entries = list_models()
    if name is None:
        name = default
        fitting = [e.name for e in entries if e.tuned_for == tune and not e.small]
        if fitting and name not in fitting:
            name = fitting[0]
    for entry in entries:
        if entry.name == name:
            return entry
    known = ", ".join(e.name for e in entries)
    raise ModelError(f"no model named {name!r}; there are: {known}")


def find_fingerprint(fingerprint: bytes) -> ModelEntry:
    """The model that a file names. Raises ModelError if it is not here."""
    for entry in list_models()[1]:
        if entry.fingerprint == fingerprint:
            return entry
    raise ModelError(f"the file needs model {fingerprint.hex()}, which is not installed")
