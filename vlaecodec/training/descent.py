"""Steps of gradient descent, alike for all networks here."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlaecodec.training.muon import Muon, is_matrix

BETAS = (0.9, 0.99)

ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")


class Descent:
    """Adam for all weights, or Muon for those that mix channels and Adam for the rest.

    A GPU can replay its steps; `set_rate` before the first.
    """

    def __init__(self, network: nn.Module, device: torch.device, *, muon: bool = False) -> None:
        self.network = network
        on_gpu = device.type == "cuda"
        rate = torch.zeros((), device=device) if on_gpu else 0.0
        matrices = [p for p in network.parameters() if muon and is_matrix(p)]
        taken = {id(p) for p in matrices}
        others = [p for p in network.parameters() if id(p) not in taken]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Adam(others, lr=rate, betas=BETAS, fused=True, capturable=on_gpu)
        ]
        if matrices:
            self.optimizers.append(Muon(matrices, rate))

    def set_rate(self, rate: float) -> None:
        """Set the learning rate, in place where it is a tensor."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate

    def descend(self, loss: Tensor, limit: float) -> None:
        """One step, its gradient's norm limited; left out if a gradient is not finite."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit)
        # The optimisers themselves leave such a step out: a GPU need not be asked for the norm.
        found_inf = (~torch.isfinite(norm)).float()
        for optimizer in self.optimizers:
            optimizer.found_inf = found_inf  # type: ignore[attr-defined]
            optimizer.step()

    def state(self, weight: nn.Parameter) -> dict[str, Tensor]:
        """The moments of a weight; empty before its first step."""
        found: dict[str, Tensor] = {}
        for optimizer in self.optimizers:
            found |= optimizer.state.get(weight, {})
        return found

    def set_state(self, weight: nn.Parameter, state: dict[str, Tensor]) -> None:
        """Go on with the moments of a run before, if it had those that this weight's steps need."""
        for optimizer in self.optimizers:
            names = ("exp_avg",) if isinstance(optimizer, Muon) else ADAM_STATE
            owned = any(weight is p for group in optimizer.param_groups for p in group["params"])
            if owned and all(name in state for name in names):
                optimizer.state[weight] = {name: state[name] for name in names}
