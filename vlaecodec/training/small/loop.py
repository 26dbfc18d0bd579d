"""Training a small VLAE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vlaecodec.networks.common.fixed_point import set_quantised
from vlaecodec.networks.small.preset import PRESETS, Preset
from vlaecodec.networks.small.small_vlae import SmallVLAE
from vlaecodec.training.checkpoint import Progress, read_progress
from vlaecodec.training.config import RunConfig
from vlaecodec.training.descent import Descent
from vlaecodec.training.loop import Run
from vlaecodec.training.small.bound import measure_bound, objective
from vlaecodec.training.small.datasets import Dataset, to_samples
from vlaecodec.training.small.export import import_small

AVERAGE_DECAY = 0.9995
GRADIENT_LIMIT = 0.5
"""Of the gradient's norm, nats for each dimension of an image."""

VALIDATION_BATCH = 100


@dataclass(frozen=True, kw_only=True)
class SmallConfig(RunConfig):
    """What `bin/train --preset` can be told."""

    preset: str
    switches: dict[str, Any]
    """Fields of the preset to change, for ablations."""
    start_from: Path | None = None
    """A checkpoint or exported model of the same sizes to go on from if there is no checkpoint."""
    steps: int = 0
    """Stop after so many, whatever the time; 0: no limit."""
    batch: int = 128
    learning_rate: float = 2e-3
    sample: float = 0.5
    """Part of the pixels that a step looks at."""
    validation_minutes: float = 5.0
    quantised_part: float = 0.0
    """Part of the run, its last, that is quantisation-aware."""


def train_small(config: SmallConfig, data: Dataset) -> Progress:
    """Train until the time box is full, starting from the checkpoint if there is one."""
    config.limit_threads()
    preset = replace(PRESETS[config.preset], **config.switches)
    run = _start(config, preset)
    batches = _batches(data, config.batch, run.seed)
    weight = 1.0

    def step(part: float) -> dict[str, Tensor]:
        nonlocal weight
        if part > 1 - config.quantised_part:
            set_quantised(run.network, True)
            set_quantised(run.average, True)
        image = next(batches).to(config.device)
        values = _step(run.network, run.descent, image, config, weight)
        if preset.free_total_nats:
            weight = steer(weight, float(values["kl_nats"]), preset.free_total_nats)
        return values

    return run.train(
        step,
        lambda: _validate(run.average, data),
        pixels=min(config.batch, len(data.train)) * preset.image_px**2,
        most_steps=config.steps,
    )


def steer(weight: float, kl_nats: float, wanted_nats: float) -> float:
    """The KL's next weight, to hold it near what is wanted (soft free bits, section 4.3)."""
    if kl_nats > 1.05 * wanted_nats:
        return min(1.0, weight * 1.1)
    return max(1e-3, weight / 1.1) if kl_nats < wanted_nats else weight


def _start(config: SmallConfig, preset: Preset) -> Run[SmallVLAE]:
    """The model in the checkpoint, else what to start from, else a fresh one."""
    torch.manual_seed(config.seed)
    source = config.checkpoint if config.checkpoint.exists() else config.start_from
    model, progress, resume = SmallVLAE(preset), Progress(), None
    if source is not None and source.is_dir():
        imported, progress = import_small(source)
        _check_sizes(source, imported.preset.to_dict(), preset)
        model.load_state_dict(imported.state_dict())
    elif source is not None:
        resume = source
        sizes, progress = read_progress(source)
        _check_sizes(source, sizes, preset)
    sizes = preset.to_dict()
    return Run(config, model, sizes, progress, decay=AVERAGE_DECAY, resume=resume)


def _check_sizes(source: Path, sizes: dict[str, Any], preset: Preset) -> None:
    if Preset(**sizes) != preset:
        raise ValueError(f"{source} is of other sizes than were asked for")


def _batches(data: Dataset, batch: int, seed: int) -> Iterator[Tensor]:
    """Training images without end, each once an epoch; colour ones mirrored every other time."""
    generator = torch.Generator().manual_seed(seed)
    black_and_white = data.train.shape[1] == 1
    while True:
        order = torch.randperm(len(data.train), generator=generator)
        for start in range(0, len(order) - len(order) % batch or len(order), batch):
            images = data.train[order[start : start + batch]]
            if black_and_white:
                yield to_samples(images, generator)
                continue
            mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
            yield torch.where(mirrored, images.flip(3), images)


def _step(
    model: SmallVLAE,
    descent: Descent,
    image: Tensor,
    config: SmallConfig,
    divergence_weight: float,
) -> dict[str, Tensor]:
    """One step; the bound and its KL divergence, nats an image."""
    with torch.autocast(image.device.type, dtype=torch.bfloat16, enabled=config.bf16):
        bound = measure_bound(model, image, config.sample)
    loss = objective(bound, model.preset.free_nats, divergence_weight)
    descent.descend(loss, GRADIENT_LIMIT * image[0].numel())
    return {
        "nats": bound.total.detach().mean(),
        "kl_nats": bound.divergence.detach().mean(0).sum(),
    }


def _validate(model: SmallVLAE, data: Dataset) -> dict[str, float]:
    """The bound on the validation images, one draw each."""
    device = next(model.parameters()).device
    totals, divergences = [], []
    for images in data.validation.split(VALIDATION_BATCH):
        image = to_samples(images, None) if images.shape[1] == 1 else images
        bound = measure_bound(model, image.to(device))
        totals.append(bound.total)
        divergences.append(bound.divergence.flatten(1).sum(1))
    return {
        "loss": round(float(torch.cat(totals).mean()), 3),
        "kl_nats": round(float(torch.cat(divergences).mean()), 3),
    }
