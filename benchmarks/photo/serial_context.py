"""A serial-context learned codec to compare speed with: CompressAI's mbt2018, random weights.

Needs the `compressai` package, installed by hand without its dependencies; it is never one of ours:

    pip install --no-deps compressai einops tqdm timm pytorch-msssim
"""

from __future__ import annotations

import importlib
import sys
import time
import types
from typing import Any

import torch

# CompressAI imports these at start for parts that are not used here.
_UNUSED = (
    "compressai.datasets",
    "compressai.transforms",
    "compressai.zoo",
    "compressai.losses",
    "compressai.optimizers",
    "torch_geometric",
    "torch_geometric.transforms",
    "torchvision",
    "torchvision.transforms",
)


def load_mbt2018() -> Any | None:
    """The model of Minnen, Balle and Toderici 2018 with 192 channels, or None if not installed."""
    for name in _UNUSED:
        sys.modules.setdefault(name, types.ModuleType(name))
        parent, _, child = name.rpartition(".")
        if parent in _UNUSED:
            setattr(sys.modules[parent], child, sys.modules[name])
    try:
        models = importlib.import_module("compressai.models.google")
    except ImportError:
        return None
    torch.manual_seed(0)
    model = models.JointAutoregressiveHierarchicalPriors(192, 192).eval()
    model.update()
    return model


@torch.inference_mode()
def seconds_mbt2018(model: Any, image: torch.Tensor) -> tuple[float, float]:
    """Seconds to encode and to decode image, float [1, 3, H, W] in 0..1."""
    start = time.perf_counter()
    encoded = model.compress(image)
    middle = time.perf_counter()
    model.decompress(encoded["strings"], encoded["shape"])
    return middle - start, time.perf_counter() - middle
