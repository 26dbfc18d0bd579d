"""Training the local decoders on photos that a frozen model decodes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.training.checkpoint import Progress, read_progress
from vlaecodec.training.descent import Descent
from vlaecodec.training.loop import Run
from vlaecodec.training.photo.crop_source import CropsConfig, Source, open_source
from vlaecodec.training.photo.latent_cache import Crops
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
    channels: int | None = None
    """Hidden units; by default as many as the model's decoder has."""
    colour_channels: int | None = None
    """Of each colour, likewise."""
    squeezenet: Path | None = None
    """Its weights. If given, train a decoder that draws for how its draws look."""

    @property
    def decoder_sizes(self) -> dict[str, int]:
        """Of the architecture, those that are asked for."""
        sizes = {"channels": self.channels, "colour_channels": self.colour_channels}
        return {f"{self.decoder}_{n}": size for n, size in sizes.items() if size is not None}


def train_passes(config: PassesConfig) -> Progress:
    """Train one local decoder until the time box is full, going on from a checkpoint if there is
    one."""
    config.limit_threads()
    objective: Objective = LIKELIHOODS[config.decoder]
    if config.squeezenet is not None:
        objective = DrawnLooks(config.squeezenet, torch.device(config.device))
    source = open_source(config)
    run = _start(config, source)
    rng = np.random.default_rng(run.seed)

    def validate() -> dict[str, float]:
        return objective.validate(run.average, source.validation)

    if config.start_from is not None and not run.progress.steps:
        run.validate(validate)
    step = Replay(lambda *x: _step(config, objective, run.network, run.descent, Crops(*x)))
    return run.train(
        lambda _: {"loss": step(*source.draw(rng, run.network.reach).tensors)},
        validate,
        pixels=config.batch * config.crop**2,
    )


def _start(config: PassesConfig, source: Source) -> Run[LocalDecoder]:
    """The decoder in the checkpoint, another model's, or one with predictors by least squares."""
    torch.manual_seed(config.seed)
    progress, sizes, resume = Progress(), source.arch.to_dict(), None
    if config.checkpoint.exists():
        resume = config.checkpoint
        sizes, progress = read_progress(resume)
    arch = Architecture.from_dict(sizes | config.decoder_sizes)
    if resume is not None and arch != Architecture.from_dict(sizes):
        raise ValueError(f"{resume} is of a decoder of other sizes")
    local = LocalDecoder(arch, drawing=config.decoder == "texture").to(config.device)
    if resume is None and config.start_from is not None:
        take_decoder(local, config.decoder, config.start_from)
        if config.start_from != config.model:
            fit_features(local, source.trunks_beside(config.start_from))
    elif resume is None:
        rng = np.random.default_rng(config.seed)
        fit_predictors(local, (source.draw(rng, local.reach) for _ in range(FIT_BATCHES)))
    sizes = arch.to_dict()
    return Run(config, local, sizes, progress, decay=AVERAGE_DECAY, resume=resume)


def _step(
    config: PassesConfig,
    objective: Objective,
    local: LocalDecoder,
    descent: Descent,
    crops: Crops,
) -> Tensor:
    """One step. Returns the loss."""
    with torch.autocast(crops.pixels.device.type, dtype=torch.bfloat16, enabled=config.bf16):
        loss = objective.loss(local, crops)
    descent.descend(loss, GRADIENT_LIMIT)
    return loss.detach()
