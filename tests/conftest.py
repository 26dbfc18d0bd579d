"""Pictures and small models that tests share."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from numpy.typing import NDArray

from tests.small import TINY as SMALL
from tests.small import export_untrained
from vlaecodec.entropy.tables import model_tables
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.model.float_weights import dequantise_weights, hold_exponents
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.model.integer_weights import integer_tensors
from vlaecodec.model.registry import find_model
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.small.model import SmallModel, load_small_model

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

TINY = Architecture(
    eighth_channels=16,
    sixteenth_channels=16,
    prior_channels=16,
    latent_channels=16,
    top_channels=4,
    encoder_eighth_blocks=1,
    encoder_sixteenth_blocks=1,
    decoder_sixteenth_blocks=1,
    decoder_eighth_blocks=1,
    prior_blocks=1,
    local_features=4,
    local_channels=16,
    local_layers=1,
    local_colour_channels=8,
    texture_features=4,
    texture_channels=16,
    texture_layers=1,
    texture_colour_channels=8,
    texture_gain=80,
    texture_chroma=48,
    texture_floor=6,
)


def unavailable(reason: str) -> None:
    """Skip; or fail where `CI` is set, lest nobody notice that something is no longer tested."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """A test draws the same numbers whichever tests ran before it."""
    torch.manual_seed(0)


def photo(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Something like a photo: coloured 1/f noise with an edge across it, uint8 [H, W, 3]."""
    rng = np.random.default_rng(seed)
    side = max(height, width, 8)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    amplitude = 1 / np.maximum(frequency, 1 / side) ** 1.2
    planes = []
    for _ in range(3):
        spectrum = np.fft.fft2(rng.normal(size=(side, side))) * amplitude
        plane = np.fft.ifft2(spectrum).real[:height, :width]
        planes.append(plane)
    mixed = np.stack([planes[0], planes[0] + 0.3 * planes[1], planes[0] + 0.3 * planes[2]], axis=2)
    mixed = mixed / (np.abs(mixed).max() + 1e-9) * 90 + 128
    mixed[:, width // 2 :] += 30
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def random_network(seed: int = 0) -> PhotoVLAE:
    """A tiny untrained network with lively activations."""
    torch.manual_seed(seed)
    network = PhotoVLAE(TINY)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def freeze(network: PhotoVLAE) -> PhotoModel:
    """The model that an export of a network would be, but for its tables being in memory."""
    tensors = {name: tensor.numpy() for name, tensor in integer_tensors(network).items()}
    for name, parameter in network.analysis.named_parameters():
        tensors[f"analysis.{name}"] = parameter.detach().numpy()
    return PhotoModel(Tensors(tensors), model_tables(), network.arch)


def as_trained(model: PhotoModel) -> PhotoVLAE:
    """The network of a model as torch trains it, its weights rounded as they are stored."""
    network = PhotoVLAE(model.arch)
    dequantise_weights(network, model.weights)
    hold_exponents(network, model.weights)
    return network.requires_grad_(False)


@pytest.fixture
def network() -> PhotoVLAE:
    return random_network()


@pytest.fixture
def tiny_model() -> PhotoModel:
    """A frozen tiny model with real probability tables."""
    return freeze(random_network())


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny models for small images: "tiny", "odd" and "plain"."""
    folder = tmp_path_factory.mktemp("models")
    export_untrained(folder / "tiny", SMALL)
    export_untrained(folder / "odd", replace(SMALL, flow_steps=3, local_layers=1, blocks=2))
    export_untrained(folder / "plain", replace(SMALL, prior="gaussian", conditional=False))
    return folder


@pytest.fixture
def small_model(small_models: Path, monkeypatch: pytest.MonkeyPatch) -> SmallModel:
    """The one named "tiny"; the folder's models are those that files can name."""
    monkeypatch.setenv("VLAECODEC_MODELS", str(small_models))
    return load_small_model(find_model("tiny"))
