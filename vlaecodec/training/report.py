"""What a training run says while it runs."""

from __future__ import annotations

import time
from types import TracebackType

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor


class Report:
    """A progress bar on a terminal, and a line of averages now and then everywhere."""

    def __init__(self, seconds: float, every_seconds: float) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task("training", total=seconds)
        self.every_seconds = every_seconds
        self.begin = self.last = time.monotonic()
        self.sums = torch.zeros(())
        self.count = 0

    def __enter__(self) -> Report:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def add(self, step: int, rate: float, values: dict[str, Tensor]) -> None:
        """Count one step in. values: scalars, the same ones at each step."""
        row = torch.stack([value.detach().float() for value in values.values()])
        self.sums = self.sums + row if self.count else row
        self.count += 1
        now = time.monotonic()
        self.bar.update(self.task, completed=now - self.begin)
        if now - self.last >= self.every_seconds:
            means = zip(values, (self.sums / self.count).tolist(), strict=True)
            text = "  ".join(f"{name} {mean:.4f}" for name, mean in means)
            speed = self.count / (now - self.last)
            self.console.print(f"step {step}  {text}  {speed:.2f} steps/s  lr {rate:.1e}")
            self.last, self.count = now, 0

    def say_validation(self, row: dict[str, float]) -> None:
        """Print a point of the learning curve."""
        text = "  ".join(f"{key} {value:g}" for key, value in row.items())
        self.console.print(f"validation  {text}")
