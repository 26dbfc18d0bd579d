"""A local decoder from one model to another: what it reads of the trunk is fitted, the rest kept.

Trunks of one origin tell the same of a photo in other numbers. So the layer that reads them is
fitted by least squares to say of the new trunk what it said of the old one, and little is left to
train.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.frozen.tensors import read_metadata, read_tensors
from vlaecodec.model.float_weights import dequantise_layers
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.networks.common.formats import SIGNED
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.training.photo.widen import widen

_RIDGE = 1e-3


def take_decoder(local: LocalDecoder, name: str, folder: Path) -> None:
    """Give a local decoder, "local" or "texture", the weights of an exported model's.

    It may be new and wider, see `widen`. Raises ValueError if it is of other sizes.
    """
    data = (folder / WEIGHTS_NAME).read_bytes()
    arch = Architecture.from_dict(json.loads(read_metadata(data)["architecture"]))
    trained = LocalDecoder(arch, drawing=local.drawing)
    try:
        trained.load_state_dict(dequantise_layers(trained, read_tensors(data).within(name)))
        widen(trained, local)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(f"{folder} has another {name} decoder: {error}") from error


@torch.no_grad()
def fit_features(local: LocalDecoder, trunks: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Make `local` read of a new trunk what it reads of the one that it was trained on.

    trunks: of the same photos, by the old model and by the new one, SIGNED [..., channels, H / 8,
    W / 8].
    """
    channels = local.project.weight.shape[1]
    device = local.project.weight.device
    normal = torch.zeros(channels + 1, channels + 1, dtype=torch.float64, device=device)
    mixed = torch.zeros(channels + 1, len(local.project.weight), dtype=torch.float64, device=device)
    for pair in trunks:
        old, new = map(_rows, pair)
        told = F.linear(old, local.project.weight.flatten(1), local.project.bias)
        regressors = F.pad(new, (0, 1), value=1.0)
        normal += (regressors.T @ regressors).double()
        mixed += (regressors.T @ told).double()
    ridge = torch.eye(channels + 1, dtype=torch.float64, device=device)
    normal += _RIDGE * normal.diagonal().mean() * ridge
    solution = torch.linalg.solve(normal, mixed).float()
    local.project.weight.copy_(solution[:-1].T[:, :, None, None])
    local.project.bias.copy_(solution[-1])


def _rows(trunk: Tensor) -> Tensor:
    """Values of trunks, one row for each of their places."""
    return trunk.movedim(-3, -1).flatten(0, -2) / SIGNED.scale
