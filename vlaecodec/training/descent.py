"""Steps of gradient descent, alike for all networks here."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.99)


def adam(parameters: Iterable[nn.Parameter], device: torch.device) -> torch.optim.Adam:
    """Adam whose steps a GPU can replay; `set_rate` before the first."""
    rate = torch.zeros((), device=device)
    return torch.optim.Adam(
        parameters,
        lr=rate if device.type == "cuda" else 0.0,
        betas=BETAS,
        fused=True,
        capturable=device.type == "cuda",
    )


def set_rate(optimizer: torch.optim.Adam, rate: float) -> None:
    """Set the learning rate, in place where it is a tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def descend(optimizer: torch.optim.Adam, network: nn.Module, loss: Tensor, limit: float) -> None:
    """One step, its gradient's norm limited; left out if a gradient is not finite."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), limit)
    # The optimiser itself leaves such a step out: a GPU need not be asked for the norm.
    optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
    optimizer.step()
