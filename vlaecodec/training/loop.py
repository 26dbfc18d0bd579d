"""A training run: steps until its time is up, with validations and checkpoints between them."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from vlaecodec.networks.common.fixed_point import set_quantised
from vlaecodec.training.checkpoint import (
    Progress,
    load_moments,
    load_weights,
    save_checkpoint,
)
from vlaecodec.training.config import MUON, RunConfig, follow, learning_rate_at
from vlaecodec.training.descent import Descent
from vlaecodec.training.report import Report

SAVE_MINUTES = 5.0
"""The checkpoint is written this often, at every validation and at the end."""

Network = TypeVar("Network", bound=nn.Module)


class Run(Generic[Network]):
    """A network that is trained, the running average of its weights, and how far it has come."""

    def __init__(
        self,
        config: RunConfig,
        network: Network,
        sizes: dict[str, Any],
        progress: Progress,
        *,
        decay: float,
        resume: Path | None,
    ) -> None:
        """Move the network to its device. resume: a checkpoint to load first.

        sizes: what tells the network from others of its kind, for JSON. decay: of the average.
        """
        device = torch.device(config.device)
        self.config, self.network, self.sizes, self.progress = config, network, sizes, progress
        self.average = copy.deepcopy(network).requires_grad_(False)
        for module in (network, self.average):
            module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            set_quantised(module, config.quantised)
        self.descent = Descent(network, device, muon=config.optimizer == MUON)
        if resume is not None:
            load_weights(resume, network, "model")
            load_weights(resume, self.average, "average")
            load_moments(resume, network, self.descent)
        self._decay = decay
        self.seed = config.seed + progress.steps
        torch.manual_seed(self.seed)

    def train(
        self,
        step: Callable[[float], dict[str, Tensor]],
        validate: Callable[[], dict[str, float]],
        *,
        pixels: int,
        most_steps: int = 0,
    ) -> Progress:
        """Take steps until the time box is full, or so many were taken; 0: any number.

        step: takes one, given the part of the run that is over, 0 to 1; returns scalars to report.
        validate: measures a point of the learning curve. pixels: that a step sees.
        """
        config, progress = self.config, self.progress
        begin, steps_before, seconds_before = time.monotonic(), progress.steps, progress.seconds
        validated = saved = begin
        with Report(config.minutes * 60, config.report_seconds) as report:
            try:
                while True:
                    elapsed, done = time.monotonic() - begin, progress.steps - steps_before
                    part = elapsed / (config.minutes * 60)
                    if most_steps:
                        part = max(part, done / most_steps)
                    if part >= 1:
                        break
                    rate = learning_rate_at(config, part, done)
                    self.descent.set_rate(rate)
                    values = step(part)
                    follow(self.average, self.network, progress.steps, self._decay)
                    progress.steps += 1
                    progress.pixels += pixels
                    progress.seconds = seconds_before + time.monotonic() - begin
                    report.add(progress.steps, rate, values)
                    due = time.monotonic() - validated > config.validation_minutes * 60
                    if due:
                        report.say_validation(self.validate(validate))
                        validated = time.monotonic()
                    if due or time.monotonic() - saved > SAVE_MINUTES * 60:
                        self._save()
                        saved = time.monotonic()
                report.say_validation(self.validate(validate))
            finally:
                # An interrupted run loses nothing but its last validation.
                self._save()
        return progress

    @torch.no_grad()
    def validate(self, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        """Add a point to the learning curve; it draws the same random numbers every time."""
        row: dict[str, float] = {
            "pixels": self.progress.pixels,
            "seconds": round(self.progress.seconds),
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            row |= measure()
        self.progress.curve.append(row)
        return row

    def _save(self) -> None:
        save_checkpoint(
            self.config.checkpoint,
            self.network,
            self.average,
            self.descent,
            self.sizes,
            self.progress,
        )
