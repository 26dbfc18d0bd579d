import pytest
import torch

from tests.conftest import random_network
from vlaecodec.model.frozen import freeze, integer_tensors
from vlaecodec.networks.common.fixed_point import ExactConv2d, set_quantised
from vlaecodec.networks.common.formats import (
    EXACT_LIMIT,
    LATENT,
    POSITIVE,
    SIGNED,
    STREAM,
    WEIGHT_LIMIT,
    Format,
)
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE


def whole_input(layer: ExactConv2d, channels: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, channels, 9, 7)
    return torch.randint(
        layer.source.low, layer.source.high + 1, shape, generator=generator
    ).float()


def eight_bits(x: torch.Tensor) -> torch.Tensor:
    """Whole numbers rounded to eight significant bits, ties to even, in float64."""
    mantissa, exponent = torch.frexp(x.double())
    return torch.ldexp(torch.round(mantissa * 256) / 256, exponent)


@pytest.mark.parametrize("source", [STREAM, SIGNED, POSITIVE, LATENT])
@pytest.mark.parametrize("scale", [1e-4, 0.1, 1.0, 30.0])
def test_parameters_satisfy_the_proof_for_any_weights(source: Format, scale: float) -> None:
    torch.manual_seed(1)
    grouped = source is STREAM
    layer = ExactConv2d(192, 32, source, SIGNED, 3 if grouped else 1, groups=32 if grouped else 1)
    with torch.no_grad():
        layer.weight.mul_(scale)
        layer.bias.normal_().mul_(scale)
    weight, bias, shift = layer.integer_parameters()
    layer.load_frozen(weight, bias, shift)
    assert weight.abs().max() <= WEIGHT_LIMIT
    assert torch.equal(weight.double(), eight_bits(weight))
    x = whole_input(layer, 192, 0)
    exact = torch.nn.functional.conv2d(
        eight_bits(x), weight.double(), bias.double(), padding=layer.padding, groups=layer.groups
    )
    assert exact.abs().max() < EXACT_LIMIT
    per_channel = torch.exp2(shift.double())[:, None, None]
    expected = torch.floor((exact + per_channel / 2) / per_channel)
    expected = expected.clamp(layer.target.low, layer.target.high)
    assert torch.equal(layer(x).double(), expected)


def test_overflowing_parameters_are_refused() -> None:
    layer = ExactConv2d(2000, 1, LATENT, STREAM)
    weight = torch.full((1, 2000, 1, 1), 127.0)
    with pytest.raises(ValueError, match="exact range"):
        layer.load_frozen(weight, torch.zeros(1), torch.ones(1))


def test_quantised_training_equals_the_frozen_network() -> None:
    trained, frozen = random_network(), random_network()
    freeze(frozen, integer_tensors(trained))
    set_quantised(trained, True)
    channels = trained.arch.latent_channels
    y = torch.randint(-600, 600, (2, channels, 5, 6)).float()
    # At whole qualities the trained knots and the frozen tables meet.
    position, code = torch.tensor([0.0, 1.0]), torch.tensor([256, 25600])
    with torch.no_grad():
        assert torch.equal(trained.decoder(y, position), frozen.decoder(y, code))
        for name in ("posterior", "pass_priors.0", "pass_priors.1", "pass_priors.2"):
            expected = trained.get_submodule(name)(y, position)
            for first, second in zip(expected, frozen.get_submodule(name)(y, code), strict=True):
                assert torch.equal(first, second)
        h = torch.randint(-40, 41, (2, trained.arch.top_channels, 2, 2)).float()
        expected = trained.anchor_prior(h, position, 5, 6)
        for first, second in zip(expected, frozen.anchor_prior(h, code, 5, 6), strict=True):
            assert torch.equal(first, second)


def test_batch_split_and_memory_layout_change_nothing(network: PhotoVLAE) -> None:
    frozen = random_network()
    freeze(frozen, integer_tensors(network))
    y = torch.randint(-900, 900, (8, network.arch.latent_channels, 6, 5)).float()
    code = torch.full((8,), 5000)
    with torch.inference_mode():
        whole = frozen.decoder(y, code)
        single = torch.cat([frozen.decoder(y[i : i + 1], code[:1]) for i in range(8)])
        channels_last = frozen.decoder(y.contiguous(memory_format=torch.channels_last), code)
    assert torch.equal(whole, single)
    assert torch.equal(whole, channels_last)
