"""What a training run says while it runs."""

from __future__ import annotations

import time
from types import TracebackType

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from vlaecodec.training.checkpoint import Progress as RunProgress
from vlaecodec.training.photo.loss import Losses


class Report:
    """A progress bar on a terminal, and a line of averages now and then everywhere."""

    def __init__(self, seconds: float, every_seconds: float) -> None:
        self.console = Console(stderr=True)
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
        self.sums = torch.zeros(4)
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

    def add(self, loss: Tensor, losses: Losses, rate: float, progress: RunProgress) -> None:
        """Count one step in."""
        psnr = 10 * torch.log10(255**2 / losses.mse.detach())
        row = [loss, losses.rate_bpp.mean(), losses.top_bpp.mean(), psnr.mean()]
        values = torch.stack([v.detach().float() for v in row])
        self.sums = self.sums + values if self.count else values
        self.count += 1
        now = time.monotonic()
        self.bar.update(self.task, completed=now - self.begin)
        if now - self.last >= self.every_seconds:
            mean_loss, bpp, top_bpp, psnr_db = (self.sums / self.count).tolist()
            self.console.print(
                f"step {progress.steps}  loss {mean_loss:.4f}  bpp {bpp:.4f} (top {top_bpp:.4f})  "
                f"psnr {psnr_db:.2f} dB  "
                f"{self.count / (now - self.last):.2f} steps/s  lr {rate:.1e}",
                highlight=False,
                soft_wrap=True,
            )
            self.last, self.count = now, 0

    def validation(self, row: dict[str, float]) -> None:
        """Print a point of the learning curve."""
        text = "  ".join(f"{key} {value:g}" for key, value in row.items())
        self.console.print(f"validation  {text}", highlight=False, soft_wrap=True)
