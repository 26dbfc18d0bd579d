"""Which models there are: found by name or fingerprint, without loading any."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vlaecodec.bitstream.header import FINGERPRINT_BYTES, NO_FINGERPRINT
from vlaecodec.errors import ModelError

Tune = Literal["psnr", "looks"]
"""Metrics that models can be trained for and search can minimise: squared error, or looks."""

PSNR: Tune = "psnr"
LOOKS: Tune = "looks"
TUNES: tuple[Tune, ...] = (PSNR, LOOKS)


@dataclass(frozen=True)
class ModelEntry:
    """One line of models/index.json."""

    name: str
    sha256: str
    summary: str
    folder: Path

    fingerprint: bytes
    """What files carry to name their model: a prefix of the weights' SHA-256."""

    kind: str
    """What its weights say they are, such as photo-vlae/2: which codec they are for."""

    tuned_for: str | None
    """One of TUNES: what its distortion was in training. None where it has no distortion."""


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
                kind=row["kind"],
                tuned_for=row.get("tuned_for"),
            )
            for name, row in index["models"].items()
        ]
        return str(index["default"]), entries
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"no usable model index in {folder}: {error}") from error


def find_model(name: str | None = None, tune: str | None = None) -> ModelEntry:
    """The model of that name; without one the default, or another that was trained for tune.

    Where none was, the default one has to do. Raises ModelError if there is no such model.
    """
    default, entries = list_models()
    if name is None:
        name = default
        fitting = [e.name for e in entries if tune is not None and e.tuned_for == tune]
        if fitting and name not in fitting:
            name = fitting[0]
    for entry in entries:
        if entry.name == name:
            return entry
    known = ", ".join(e.name for e in entries)
    raise ModelError(f"no model named {name!r}; there are: {known}")


def find_fingerprint(fingerprint: bytes) -> ModelEntry:
    """The model that a file names. Raises ModelError if it is not here, or the file names none."""
    if fingerprint == NO_FINGERPRINT:
        raise ModelError("the file has no latents: its picture is stored as a lossless WebP")
    for entry in list_models()[1]:
        if entry.fingerprint == fingerprint:
            return entry
    raise ModelError(f"the file needs model {fingerprint.hex()}, which is not installed")
