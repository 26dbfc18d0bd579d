"""Muon: steepest descent for matrices, each step made orthogonal (Jordan and others, 2024).

Steps are scaled to the size that Adam's have (Liu and others, arXiv 2502.16982), so that one
learning rate serves both: convolutions over channels take Muon's steps, all else takes Adam's.
torch.optim.Muon takes weights of two dimensions only, and cannot leave out a step on a GPU.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
STEP_SIZE = 0.2
"""Root mean square of a step's numbers, in learning rates: what Adam's have."""

NEWTON_SCHULZ = ((3.4445, -4.7750, 2.0315),) * 5
"""Coefficients of the quintic that pulls singular values towards 1, for each iteration."""


FEWEST_CHANNELS = 9


def is_matrix(weight: Tensor) -> bool:
    """Whether a weight mixes channels: depthwise kernels, biases and knots do not.

    Nor do the local decoders' predictors and distributions, of a few numbers each.
    """
    return weight.ndim == 4 and min(weight.shape[:2]) >= FEWEST_CHANNELS


class Muon(torch.optim.Optimizer):
    """For weights [out, in, rows, columns], as matrices [out, in * rows * columns].

    `found_inf`, where set, is a scalar that is not 0 where the step must be left out. The state is
    `exp_avg`, the momentum.
    """

    found_inf: Tensor | None = None

    def __init__(self, weights: Iterable[nn.Parameter], rate: Tensor | float) -> None:
        super().__init__(weights, {"lr": rate})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; weights of one shape are made orthogonal together."""
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    alike[weight.shape[0], weight[0].numel()].append(weight)
            for (rows, columns), weights in alike.items():
                self._step_alike(weights, rows, columns, group["lr"])

    def _step_alike(
        self, weights: list[nn.Parameter], rows: int, columns: int, rate: Tensor | float
    ) -> None:
        kept = 1.0 if self.found_inf is None else 1 - self.found_inf
        steps = []
        for weight in weights:
            state = self.state[weight]
            if "exp_avg" not in state:
                state["exp_avg"] = torch.zeros_like(weight)
            assert weight.grad is not None
            gradient = torch.nan_to_num(weight.grad, 0.0, 0.0, 0.0)
            state["exp_avg"].lerp_(gradient, (1 - MOMENTUM) * kept)
            steps.append(gradient.lerp(state["exp_avg"], MOMENTUM).reshape(rows, columns))
        size = STEP_SIZE * max(rows, columns) ** 0.5
        for weight, step in zip(weights, orthogonalise(torch.stack(steps)), strict=True):
            weight.sub_(step.reshape(weight.shape).to(weight.dtype) * (rate * size * kept))


def orthogonalise(x: Tensor) -> Tensor:
    """About the nearest matrices with orthonormal rows, or columns if fewer; [N, rows, columns]."""
    wide = x.shape[1] <= x.shape[2]
    x = x if wide else x.mT
    # bfloat16 is enough: singular values end between 0.7 and 1.2 in any case.
    x = (x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-12)).to(torch.bfloat16)
    for a, b, c in NEWTON_SCHULZ:
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x if wide else x.mT).float()
