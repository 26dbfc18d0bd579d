"""Models that compute the same with less rounding, or with fewer blocks."""

import copy
from dataclasses import replace

import pytest
import torch

from tests.conftest import TINY
from vlaecodec.networks.common.fixed_point import set_quantised
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.training.photo.equalise import equalise
from vlaecodec.training.photo.prune import prune

QUALITY = torch.tensor([0.2, 0.8])


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    torch.manual_seed(1)
    coarse = torch.rand(2, 3, 8, 8) * 255
    return torch.nn.functional.interpolate(coarse, (128, 128), mode="bilinear")


@pytest.fixture
def network() -> GlobalNetworks:
    """With hidden units of a few units of their format, as training leaves them."""
    torch.manual_seed(2)
    network = GlobalNetworks(replace(TINY, decoder_eighth_blocks=2, decoder_sixteenth_blocks=2))
    with torch.no_grad():
        for block in (*network.decoder.sixteenth, *network.decoder.eighth):
            block.widen.weight *= 0.05
            block.narrow.weight *= 20
    return network


def decode(network: GlobalNetworks, latent: torch.Tensor, quantised: bool) -> torch.Tensor:
    set_quantised(network, quantised)
    with torch.no_grad():
        return network.decoder(latent, QUALITY) / 16


def latent_of(network: GlobalNetworks, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return (network.analysis(images, QUALITY) * 64).round().clamp(-2040, 2040)


def test_the_function_stays_and_rounding_costs_less(network, images) -> None:
    latent = latent_of(network, images)
    wanted, rounded = (decode(network, latent, quantised) for quantised in (False, True))
    after = copy.deepcopy(network)
    equalise(after, images)
    assert (decode(after, latent, False) - wanted).abs().max() < 0.01
    error = [float((x - wanted).square().mean()) for x in (rounded, decode(after, latent, True))]
    assert error[1] < 0.3 * error[0]


def test_blocks_that_add_a_constant_go(network, images) -> None:
    with torch.no_grad():
        dead = network.decoder.sixteenth[0]
        dead.widen.bias.fill_(-100.0)
        dead.narrow.bias.normal_(0.0, 0.1)
        network.analysis.sixteenth[0].widen.bias.fill_(-100.0)
        network.decoder.eighth[1].widen.bias.fill_(-100.0)  # not where its stage begins
    smaller = prune(network, images)
    assert smaller.arch == replace(
        network.arch,
        decoder_sixteenth_blocks=1,
        encoder_sixteenth_blocks=network.arch.encoder_sixteenth_blocks - 1,
    )
    latent = latent_of(network, images)
    torch.testing.assert_close(latent_of(smaller, images), latent)
    torch.testing.assert_close(decode(smaller, latent, False), decode(network, latent, False))
