"""Training a small VLAE: time-boxed and resumable."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from vlaecodec.networks.common.fixed_point import set_quantised
from vlaecodec.networks.small.preset import PRESETS, Preset
from vlaecodec.networks.small.small_vlae import SmallVLAE
from vlaecodec.training.checkpoint import (
    Progress,
    load_optimizer,
    load_weights,
    read_progress,
    save_checkpoint,
)
from vlaecodec.training.config import RunConfig, follow, learning_rate_at
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
    save_minutes: float = 5.0
    """The checkpoint is written this often, and at every validation."""
    quantised_part: float = 0.0
    """Part of the run, its last, that is quantisation-aware."""


def train_small(config: SmallConfig, data: Dataset) -> Progress:
    """Train until the time box is full, starting from the checkpoint if there is one.

    Writes the checkpoint every now and then, and at the end.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    device = torch.device(config.device)
    preset = replace(PRESETS[config.preset], **config.switches)
    model, average, optimizer, progress = _start(config, preset, device)
    batches = _batches(data, config.batch, config.seed + progress.steps)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    begin, seconds_before, steps_before = time.monotonic(), progress.seconds, progress.steps
    last_report = last_validation = last_save = begin
    running, count, weight = 0.0, 0, 1.0
    try:
        while True:
            elapsed, done = time.monotonic() - begin, progress.steps - steps_before
            if elapsed >= config.minutes * 60 or 0 < config.steps <= done:
                break
            fraction = elapsed / (config.minutes * 60)
            if config.steps:
                fraction = max(fraction, done / config.steps)
            if fraction > 1 - config.quantised_part:
                set_quantised(model, True)
                set_quantised(average, True)
            rate = learning_rate_at(config, fraction, done)
            image = next(batches).to(device)
            loss, kl_nats = _step(model, optimizer, image, config, rate, weight)
            if preset.free_total_nats:
                weight = steer(weight, kl_nats, preset.free_total_nats)
            follow(average, model, progress.steps, AVERAGE_DECAY)
            progress.steps += 1
            progress.pixels += len(image) * preset.image_px**2
            progress.seconds = seconds_before + time.monotonic() - begin
            running, count = running + loss, count + 1
            now = time.monotonic()
            if now - last_report > config.report_seconds:
                speed = count / (now - last_report)
                console.print(
                    f"step {progress.steps}  loss {running / count:.3f} nats  KL {kl_nats:.2f}  "
                    f"{speed:.2f} steps/s  lr {rate:.1e}"
                )
                running, count, last_report = 0.0, 0, now
            due = now - last_validation > config.validation_minutes * 60
            if due:
                _validate(average, data, progress, console)
                last_validation = time.monotonic()
            if due or now - last_save > config.save_minutes * 60:
                _save(config, model, average, optimizer, progress)
                last_save = time.monotonic()
        _validate(average, data, progress, console)
    finally:
        _save(config, model, average, optimizer, progress)
    return progress


def steer(weight: float, kl_nats: float, wanted_nats: float) -> float:
    """The KL's next weight, to hold it near what is wanted (soft free bits, section 4.3)."""
    if kl_nats > 1.05 * wanted_nats:
        return min(1.0, weight * 1.1)
    return max(1e-3, weight / 1.1) if kl_nats < wanted_nats else weight


def _start(
    config: SmallConfig, preset: Preset, device: torch.device
) -> tuple[SmallVLAE, SmallVLAE, torch.optim.Adam, Progress]:
    torch.manual_seed(config.seed)
    source = config.checkpoint if config.checkpoint.exists() else config.start_from
    model, progress = SmallVLAE(preset), Progress()
    average = copy.deepcopy(model)
    if source is not None and source.is_dir():
        imported, progress = import_small(source)
        _check_sizes(source, imported.preset.to_dict(), preset)
        for network in (model, average):
            network.load_state_dict(imported.state_dict())
    elif source is not None:
        sizes, progress = read_progress(source)
        _check_sizes(source, sizes, preset)
        load_weights(source, model, "model")
        load_weights(source, average, "average")
    for module in (model, average):
        module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        set_quantised(module, config.quantised)
    average.requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99), fused=True)
    if source is not None and not source.is_dir():
        load_optimizer(source, model, optimizer)
    torch.manual_seed(config.seed + progress.steps)
    return model, average, optimizer, progress


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
    optimizer: torch.optim.Adam,
    image: Tensor,
    config: SmallConfig,
    rate: float,
    divergence_weight: float,
) -> tuple[float, float]:
    """One step; the objective and the KL divergence, nats an image."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    with torch.autocast(image.device.type, dtype=torch.bfloat16, enabled=config.bf16):
        bound = measure_bound(model, image, config.sample)
    loss = objective(bound, model.preset.free_nats, divergence_weight)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    limit = GRADIENT_LIMIT * image[0].numel()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
    if torch.isfinite(norm):
        optimizer.step()
    return float(bound.total.detach().mean()), float(bound.divergence.detach().mean(0).sum())


@torch.no_grad()
def _validate(model: SmallVLAE, data: Dataset, progress: Progress, console: Console) -> None:
    """Add a point to the learning curve: the bound on the validation images, one draw each."""
    device = next(model.parameters()).device
    totals, divergences = [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for images in data.validation.split(VALIDATION_BATCH):
            image = to_samples(images, None) if images.shape[1] == 1 else images
            bound = measure_bound(model, image.to(device))
            totals.append(bound.total)
            divergences.append(bound.divergence.flatten(1).sum(1))
    row = {
        "pixels": progress.pixels,
        "seconds": round(progress.seconds),
        "loss": round(float(torch.cat(totals).mean()), 3),
        "kl_nats": round(float(torch.cat(divergences).mean()), 3),
    }
    progress.curve.append(row)
    console.print("validation  " + "  ".join(f"{key} {value:g}" for key, value in row.items()))


def _save(
    config: SmallConfig,
    model: SmallVLAE,
    average: SmallVLAE,
    optimizer: torch.optim.Adam,
    progress: Progress,
) -> None:
    sizes = model.preset.to_dict()
    save_checkpoint(config.checkpoint, model, average, optimizer, sizes, progress)
