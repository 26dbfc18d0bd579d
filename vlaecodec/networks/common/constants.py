"""Constants of networks and losses as tensors, made once for each device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


@lru_cache(maxsize=64)
def constant(values: Sequence[Any], device: torch.device) -> Tensor:
    """Numbers, or nested tuples of them, as a float32 tensor that nobody may change.

    What a GPU replays from a captured graph cannot wait for numbers from the CPU.
    """
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.float32, device=device)
