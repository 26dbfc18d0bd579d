"""Both local decoders of a model made anew from another model's, after its trunk has changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vlaecodec.training.photo.attach import attach_decoders
from vlaecodec.training.photo.objectives import LIKELIHOODS
from vlaecodec.training.photo.passes import PassesConfig, train_passes

EXACT_PART = 0.4
"""Of the photos, for both decoders."""


@dataclass(frozen=True, kw_only=True)
class RefitConfig:
    """What `bin/train refit` can be told."""

    train: list[Path]
    validation: list[Path]
    start_from: Path
    """Folder of the model whose decoders to begin with."""
    work: Path
    """Folder for caches and checkpoints."""
    minutes: float = 4.0
    """Of training each decoder."""
    photos: int = 250
    learning_rate: float = 5e-4
    bf16: bool = False
    threads: int = 0
    notes: str


def refit_decoders(folder: Path, config: RefitConfig) -> str:
    """Replace a model's local decoders by those of another, fitted to its trunk and trained on it.

    Checkpoints in `work` are gone on from. Returns the weights' SHA-256.
    """
    checkpoints = {}
    for name in LIKELIHOODS:
        checkpoints[name] = config.work / f"{name}.safetensors"
        train_passes(
            PassesConfig(
                train=config.train,
                validation=config.validation,
                model=folder,
                start_from=config.start_from,
                decoder=name,
                cache=config.work,
                checkpoint=checkpoints[name],
                minutes=config.minutes,
                learning_rate=config.learning_rate,
                decay_fraction=1.0,
                photos=config.photos,
                exact_part=EXACT_PART,
                bf16=config.bf16,
                threads=config.threads,
            )
        )
    return attach_decoders(folder, checkpoints, config.notes)
