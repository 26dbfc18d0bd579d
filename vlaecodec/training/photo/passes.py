"""Training the local decoders on what frozen models decode: time-boxed, resumable."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.training.checkpoint import (
    Progress,
    load_optimizer,
    load_weights,
    read_progress,
    save_checkpoint,
)
from vlaecodec.training.config import follow, learning_rate_at
from vlaecodec.training.descent import adam, descend, set_rate
from vlaecodec.training.photo.crop_source import CropsConfig, Source, open_source
from vlaecodec.training.photo.latent_cache import Crops, Photos
from vlaecodec.training.photo.least_squares import fit_predictors
from vlaecodec.training.photo.objectives import LIKELIHOODS, DrawnLooks, Objective
from vlaecodec.training.photo.transfer import fit_features, take_decoder
from vlaecodec.training.replay import Replay

AVERAGE_DECAY = 0.999
GRADIENT_LIMIT = 8.0
FIT_BATCHES = 40


@dataclass(frozen=True, kw_only=True)
class PassesConfig(CropsConfig):
    """What `bin/train passes` can be told."""

    learning_rate: float = 2e-3
    validation_minutes: float = 10.0
    start_from: Path | None = None
    """Folder of a model whose decoder to begin with, its features fitted to the first trunk."""
    squeezenet: Path | None = None
    """Its weights. If given, train a decoder that draws for how its draws look."""


def train_passes(config: PassesConfig) -> Progress:
    """Train one local decoder until the time box is full, going on from a checkpoint if there is
    one.

    Writes the checkpoint at every validation and at the end.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    device = torch.device(config.device)
    objective: Objective = LIKELIHOODS[config.decoder]
    if config.squeezenet is not None:
        objective = DrawnLooks(config.squeezenet, device)
    source = open_source(config)
    rng = np.random.default_rng(config.seed)
    local, average, optimizer, arch, progress = _start(config, source, rng)
    validation = source.validation
    torch.manual_seed(config.seed + progress.steps)
    rng = np.random.default_rng(config.seed + progress.steps)
    if config.start_from is not None and not progress.steps:
        _validate(objective, average, validation, progress)
    step = Replay(lambda *tensors: _step(config, objective, local, optimizer, Crops(*tensors)))
    begin, steps_before = time.monotonic(), progress.steps
    seconds_before, last_validation, last_report = progress.seconds, begin, begin
    losses: list[Tensor] = []
    try:
        while (elapsed := time.monotonic() - begin) < config.minutes * 60:
            fraction = elapsed / (config.minutes * 60)
            rate = learning_rate_at(config, fraction, progress.steps - steps_before)
            set_rate(optimizer, rate)
            crops = source.draw(rng, local.reach)
            losses.append(step(*crops.tensors).clone())
            follow(average, local, progress.steps, AVERAGE_DECAY)
            progress.steps += 1
            progress.pixels += config.batch * config.crop**2
            progress.seconds = seconds_before + time.monotonic() - begin
            if time.monotonic() - last_report > config.report_seconds:
                print(
                    f"step {progress.steps}  loss {torch.stack(losses).mean():.4f}  lr {rate:.1e}",
                    flush=True,
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


def _start(
    config: PassesConfig, source: Source, rng: np.random.Generator
) -> tuple[LocalDecoder, LocalDecoder, torch.optim.Adam, Architecture, Progress]:
    """The decoder in the checkpoint, another model's, or one with predictors by least squares."""
    resume = config.checkpoint.exists()
    torch.manual_seed(config.seed)
    progress, arch = Progress(), source.arch
    if resume:
        sizes, progress = read_progress(config.checkpoint)
        arch = Architecture.from_dict(sizes)
    local = LocalDecoder(arch, drawing=config.decoder == "texture").to(config.device)
    if resume:
        load_weights(config.checkpoint, local, "model")
    elif config.start_from is not None:
        take_decoder(local, config.decoder, config.start_from)
        if config.start_from != config.models[0]:
            fit_features(local, source.trunks_beside(config.start_from))
    else:
        fit_predictors(local, (source.draw(rng, local.reach) for _ in range(FIT_BATCHES)))
    average = copy.deepcopy(local).requires_grad_(False)
    if resume:
        load_weights(config.checkpoint, average, "average")
    optimizer = adam(local.parameters(), torch.device(config.device))
    if resume:
        load_optimizer(config.checkpoint, local, optimizer)
    return local, average, optimizer, arch, progress


def _step(
    config: PassesConfig,
    objective: Objective,
    local: LocalDecoder,
    optimizer: torch.optim.Adam,
    crops: Crops,
) -> Tensor:
    """One step. Returns the loss."""
    with torch.autocast(crops.pixels.device.type, dtype=torch.bfloat16, enabled=config.bf16):
        loss = objective.loss(local, crops)
    descend(optimizer, local, loss, GRADIENT_LIMIT)
    return loss.detach()


@torch.no_grad()
def _validate(
    objective: Objective, local: LocalDecoder, photos: Photos, progress: Progress
) -> None:
    """Add a point to the learning curve."""
    torch.manual_seed(0)
    row: dict[str, float] = {"pixels": progress.pixels, "seconds": round(progress.seconds)}
    row |= objective.validate(local, photos)
    progress.curve.append(row)
    print("validation  " + "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
