"""Settings of every training run: time limit, learning rate, averaging, devices."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import torch
from torch import nn

CHECKPOINT_HELP = "File of the run; continued if it exists."

ADAM, MUON = "adam", "muon"

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Settings of any run; see run_options."""

    checkpoint: Path
    minutes: float = 60.0
    batch: int
    learning_rate: float
    optimizer: str = ADAM
    decay_fraction: float = 0.3
    quantised: bool = False
    bf16: bool = False
    device: str = "cpu"
    threads: int = 0
    seed: int = 0
    report_seconds: float = 20.0
    validation_minutes: float

    def limit_threads(self) -> None:
        """Give torch as many threads as were asked for."""
        if self.threads:
            torch.set_num_threads(self.threads)


def run_options(
    *, batch: int, learning_rate: float, validation_minutes: float
) -> Callable[[Command], Command]:
    """The command's options for a RunConfig, with these defaults."""
    options = [
        click.option(
            "--checkpoint",
            required=True,
            type=click.Path(path_type=Path),
            help=CHECKPOINT_HELP,
        ),
        click.option("--minutes", default=60.0, help="Time limit."),
        click.option("--batch", default=batch, help="Pictures per step."),
        click.option("--learning-rate", default=learning_rate),
        click.option("--optimizer", type=click.Choice([ADAM, MUON]), default=ADAM),
        click.option(
            "--decay-fraction",
            default=0.3,
            help="Share of the run in which the learning rate falls.",
        ),
        click.option(
            "--quantised", is_flag=True, help="Train quantisation-aware: for a last phase."
        ),
        click.option(
            "--bf16", is_flag=True, help="Compute in bfloat16 (autocast); not with --quantised."
        ),
        click.option("--device", default="cpu"),
        click.option("--threads", default=0, help="Number of threads; 0: torch's default."),
        click.option("--seed", default=0),
        click.option("--report-seconds", default=20.0, help="Time between printed lines."),
        click.option(
            "--validation-minutes", default=validation_minutes, help="Time between validations."
        ),
    ]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def checked(*arguments: Any, **chosen: Any) -> Any:
            if chosen["bf16"] and chosen["quantised"]:
                raise click.UsageError("--quantised needs float32; leave --bf16 out")
            return command(*arguments, **chosen)

        for option in reversed(options):
            checked = option(checked)
        return checked  # type: ignore[return-value]

    return decorate


def learning_rate_at(config: RunConfig, elapsed_fraction: float, steps_done: int) -> float:
    """Warm up over 200 steps, hold, then fall along a cosine in the last part of the run."""
    rate = config.learning_rate * min(1.0, (steps_done + 1) / 200)
    start = 1.0 - config.decay_fraction
    if elapsed_fraction > start:
        part = min(1.0, (elapsed_fraction - start) / config.decay_fraction)
        rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part))
    return rate


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, steps: int, decay: float) -> None:
    """Move the running average (Polyak averaging) towards the weights."""
    decay = min(decay, (steps + 1) / (steps + 10))
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
