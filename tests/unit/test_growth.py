"""Larger models from trained ones, and crops made on the device."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save

from tests.conftest import TINY, photo, random_network
from vlaecodec.frozen.tensors import read_tensors
from vlaecodec.model.float_weights import dequantise_weights
from vlaecodec.model.integer_weights import integer_tensors
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.training.photo.device_crops import DeviceCrops
from vlaecodec.training.photo.grow import grow_model

GROWN = dataclasses.replace(
    TINY,
    encoder_eighth_blocks=TINY.encoder_eighth_blocks + 1,
    decoder_eighth_blocks=TINY.decoder_eighth_blocks + 1,
    prior_blocks=TINY.prior_blocks + 1,
    encoder_taps=3,
)


@pytest.fixture
def folder(tmp_path):
    network = random_network()
    tensors = {f"analysis.{n}": p.detach().half() for n, p in network.analysis.named_parameters()}
    tensors |= integer_tensors(network)
    metadata = {"kind": "x", "architecture": json.dumps(TINY.to_dict())}
    tensors = {n: t.contiguous() for n, t in tensors.items()}
    (tmp_path / "weights.safetensors").write_bytes(save(tensors, metadata))
    return tmp_path


def test_a_grown_model_computes_what_the_smaller_one_did(folder) -> None:
    smaller, larger = PhotoVLAE(TINY), PhotoVLAE(GROWN)
    dequantise_weights(smaller, read_tensors((folder / "weights.safetensors").read_bytes()))
    grow_model(folder, TINY, larger)
    image, quality = torch.rand(1, 3, 64, 48) * 255, torch.tensor([0.4])
    with torch.no_grad():
        y = smaller.analysis(image, quality)
        torch.testing.assert_close(larger.analysis(image, quality), y)
        latent = (y * 64).round().clamp(-2040, 2040)
        expected = smaller.decoder(latent, quality)
        torch.testing.assert_close(larger.decoder(latent, quality), expected)
        for small, large in zip(
            smaller.pass_priors[0](latent, quality),
            larger.pass_priors[0](latent, quality),
            strict=True,
        ):
            torch.testing.assert_close(large, small)


def test_channels_do_not_grow(folder) -> None:
    other = dataclasses.replace(TINY, latent_channels=TINY.latent_channels + 4)
    with pytest.raises(ValueError, match="latent_channels"):
        grow_model(folder, TINY, PhotoVLAE(other))


def test_crops_on_the_device_are_parts_of_photos() -> None:
    picture = np.arange(70 * 90 * 3, dtype=np.int64).reshape(70, 90, 3)
    photos = [(picture * 7 % 251).astype(np.uint8), photo(40, 200)]
    crops = DeviceCrops(photos, 48, 6, 0, 0.0, torch.device("cpu"))
    windows = set()
    for padded in (photos[0], np.pad(photos[1], ((0, 8), (0, 0), (0, 0)), mode="symmetric")):
        for turned in (padded, padded[:, ::-1], padded.swapaxes(0, 1)):
            for flipped in (turned, turned[:, ::-1], turned[::-1]):
                views = np.lib.stride_tricks.sliding_window_view(flipped[..., 0], (48, 48))
                windows |= {v.tobytes() for v in views.reshape(-1, 48, 48)}
    drawn = crops.draw()
    assert drawn.shape == (6, 3, 48, 48)
    assert drawn.dtype == torch.uint8
    assert all(crop[0].numpy().tobytes() in windows for crop in drawn)
    reduced = DeviceCrops(photos, 32, 4, 0, 0.5, torch.device("cpu")).draw()
    assert reduced.shape == (4, 3, 32, 32)
