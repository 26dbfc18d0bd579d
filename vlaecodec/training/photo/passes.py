"""Training the local decoders on what frozen models decode: time-boxed, resumable."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vlaecodec.model.frozen import WEIGHTS_NAME, PhotoModel, read_model
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.training.checkpoint import (
    Progress,
    load_optimizer,
    load_weights,
    read_progress,
    save_checkpoint,
)
from vlaecodec.training.config import RunConfig, follow, learning_rate_at
from vlaecodec.training.photo.data import read_photos
from vlaecodec.training.photo.latent_cache import INDEX_NAME, Crops, LatentCache
from vlaecodec.training.photo.least_squares import fit_predictors
from vlaecodec.training.photo.objectives import LIKELIHOODS, DrawnLooks, Objective
from vlaecodec.training.photo.transfer import fit_features, take_decoder

EXACT_PARTS = {"local": 0.5, "texture": 0.0}
"""How many photos are decoded at about the quality that exact pixels are coded at."""

AVERAGE_DECAY = 0.999
GRADIENT_LIMIT = 8.0
FIT_BATCHES = 40

PAIRS = 48
"""Photos that features are fitted on, at most."""


@dataclass(frozen=True, kw_only=True)
class PassesConfig(RunConfig):
    """What `bin/train passes` can be told."""

    train: list[Path]
    validation: list[Path]
    models: list[Path]
    """Folders of models whose trunks it is for; validated on the first's."""
    decoder: str = "local"
    cache: Path
    crop: int = 64
    batch: int = 8
    learning_rate: float = 2e-3
    validation_minutes: float = 10.0
    start_from: Path | None = None
    """Folder of a model whose decoder to begin with, its features fitted to the first trunk."""
    photos: int | None = None
    """Train on so many photos only."""
    squeezenet: Path | None = None
    """Its weights. If given, train a decoder that draws for how its draws look."""
    exact_part: float | None = None
    """Instead of the one in EXACT_PARTS. Runs of equal ones can share a cache."""


def train_passes(config: PassesConfig) -> Progress:
    """Train one local decoder until the time box is full, going on from a checkpoint if there is
    one.

    Decodes all photos with each model first, unless the cache holds them. Writes the checkpoint at
    every validation and at the end.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    objective: Objective = LIKELIHOODS[config.decoder]
    if config.squeezenet is not None:
        objective = DrawnLooks(config.squeezenet)
    caches, validation = _open_caches(config)
    rng = np.random.default_rng(config.seed)
    local, average, optimizer, arch, progress = _start(config, caches, rng)
    torch.manual_seed(config.seed + progress.steps)
    rng = np.random.default_rng(config.seed + progress.steps)
    if config.start_from is not None and not progress.steps:
        _validate(objective, average, validation, progress)
    begin, steps_before = time.monotonic(), progress.steps
    seconds_before, last_validation, last_report = progress.seconds, begin, begin
    losses: list[float] = []
    try:
        while (elapsed := time.monotonic() - begin) < config.minutes * 60:
            fraction = elapsed / (config.minutes * 60)
            rate = learning_rate_at(config, fraction, progress.steps - steps_before)
            crops = _draw(config, caches, local, rng)
            losses.append(_step(config, objective, local, optimizer, crops, rate))
            follow(average, local, progress.steps, AVERAGE_DECAY)
            progress.steps += 1
            progress.pixels += config.batch * config.crop**2
            progress.seconds = seconds_before + time.monotonic() - begin
            if time.monotonic() - last_report > config.report_seconds:
                print(
                    f"step {progress.steps}  loss {np.mean(losses):.4f}  lr {rate:.1e}", flush=True
                )
                losses, last_report = [], time.monotonic()
            if time.monotonic() - last_validation > config.validation_minutes * 60:
                _validate(objective, average, validation, progress)
                save_checkpoint(
                    config.checkpoint, local, average, optimizer, arch.to_dict(), progress
                )
                last_validation = time.monotonic()
        _validate(objective, average, validation, progress)
    finally:
        # An interrupted run loses nothing but its last validation.
        save_checkpoint(config.checkpoint, local, average, optimizer, arch.to_dict(), progress)
    return progress


def _open_caches(config: PassesConfig) -> tuple[list[LatentCache], LatentCache]:
    """A cache of the training photos for each model, and one of the validation photos."""
    caches = [
        _open_cache(config, str(number), folder, config.train, config.photos)
        for number, folder in enumerate(config.models)
    ]
    return caches, _open_cache(config, "validation", config.models[0], config.validation, None)


def _open_cache(
    config: PassesConfig, name: str, model: Path, photos: list[Path], count: int | None
) -> LatentCache:
    # It needs the entropy coder, which machines that only train may lack.
    from vlaecodec.training.photo.build_cache import build_cache

    part = EXACT_PARTS[config.decoder] if config.exact_part is None else config.exact_part
    place = config.cache / f"{name}-{100 * part:.0f}"
    if not (place / INDEX_NAME).exists():
        build_cache(place, _load(model), read_photos(photos), part, config.seed, count)
    return LatentCache(place)


def _load(folder: Path) -> PhotoModel:
    return read_model((folder / WEIGHTS_NAME).read_bytes())


def _start(
    config: PassesConfig, caches: list[LatentCache], rng: np.random.Generator
) -> tuple[LocalDecoder, LocalDecoder, torch.optim.Adam, Architecture, Progress]:
    """The decoder in the checkpoint, another model's, or one with predictors by least squares."""
    resume = config.checkpoint.exists()
    torch.manual_seed(config.seed)
    progress = Progress()
    if resume:
        sizes, progress = read_progress(config.checkpoint)
        arch = Architecture.from_dict(sizes)
    else:
        arch = _load(config.models[0]).arch
    local = LocalDecoder(arch, drawing=config.decoder == "texture")
    if resume:
        load_weights(config.checkpoint, local, "model")
    elif config.start_from is not None:
        pairs = min(PAIRS, len(caches[0].photos))
        theirs = _open_cache(config, "start", config.start_from, config.train, pairs)
        take_decoder(local, config.decoder, config.start_from)
        fit_features(local, theirs, caches[0])
    else:
        fit_predictors(local, (_draw(config, caches, local, rng) for _ in range(FIT_BATCHES)))
    average = copy.deepcopy(local).requires_grad_(False)
    if resume:
        load_weights(config.checkpoint, average, "average")
    optimizer = torch.optim.Adam(local.parameters(), betas=(0.9, 0.99), fused=True)
    if resume:
        load_optimizer(config.checkpoint, local, optimizer)
    return local, average, optimizer, arch, progress


def _draw(
    config: PassesConfig, caches: list[LatentCache], local: LocalDecoder, rng: np.random.Generator
) -> Crops:
    """A batch, from all caches alike."""
    counts = np.bincount(rng.integers(len(caches), size=config.batch), minlength=len(caches))
    parts = [
        cache.draw(rng, config.crop, local.reach, int(count))
        for cache, count in zip(caches, counts, strict=True)
        if count
    ]
    return Crops.join(parts)


def _step(
    config: PassesConfig,
    objective: Objective,
    local: LocalDecoder,
    optimizer: torch.optim.Adam,
    crops: Crops,
    rate: float,
) -> float:
    """One step; left out if a gradient is not finite. Returns the loss."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.bf16):
        loss = objective.loss(local, crops)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(local.parameters(), GRADIENT_LIMIT)
    if torch.isfinite(norm):
        optimizer.step()
    return float(loss.detach())


@torch.no_grad()
def _validate(
    objective: Objective, local: LocalDecoder, cache: LatentCache, progress: Progress
) -> None:
    """Add a point to the learning curve."""
    torch.manual_seed(0)
    row: dict[str, float] = {"pixels": progress.pixels, "seconds": round(progress.seconds)}
    row |= objective.validate(local, cache)
    progress.curve.append(row)
    print("validation  " + "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
