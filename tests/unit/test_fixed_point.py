import numpy as np
import pytest
import torch

from tests.conftest import as_trained, freeze, random_network
from vlaecodec.errors import ReproductionError
from vlaecodec.frozen import operations
from vlaecodec.frozen.bands import workers
from vlaecodec.frozen.layers import Layer, round_operand
from vlaecodec.frozen.operations import as_operand, check_products, pointwise
from vlaecodec.frozen.tensors import Tensors
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
    channels = 32 if grouped else 192
    layer = ExactConv2d(
        channels, 32, source, SIGNED, 3 if grouped else 1, groups=32 if grouped else 1
    )
    with torch.no_grad():
        layer.weight.mul_(scale)
        layer.bias.normal_().mul_(scale)
    weight, bias, shift = layer.integer_parameters()
    frozen = stored_layer(weight, bias, shift, source)
    assert weight.abs().max() <= WEIGHT_LIMIT
    assert torch.equal(weight.double(), eight_bits(weight))
    x = whole_input(layer, channels, 0)
    exact = torch.nn.functional.conv2d(
        eight_bits(x), weight.double(), bias.double(), padding=layer.padding, groups=layer.groups
    )
    assert exact.abs().max() < EXACT_LIMIT
    per_channel = torch.exp2(shift.double())[:, None, None]
    expected = torch.floor((exact + per_channel / 2) / per_channel)
    expected = expected.clamp(layer.target.low, layer.target.high)
    images = x.permute(0, 2, 3, 1).numpy()
    if grouped:
        frames = [operations._frame(image, slice(0, 9)) for image in images]
        found = np.stack([operations._depthwise(frozen, f) for f in frames]).reshape(2, 9, 7, 32)
    else:
        found = pointwise(images, frozen)
    assert np.array_equal(found, expected.permute(0, 2, 3, 1).numpy())


def stored_layer(
    weight: torch.Tensor, bias: torch.Tensor, shift: torch.Tensor, source: Format
) -> Layer:
    stored = {"weight": weight.numpy(), "bias": bias.numpy(), "shift": shift.numpy()}
    return Layer(Tensors(stored), tuple(weight.shape), source, SIGNED)


def test_overflowing_parameters_are_refused() -> None:
    weight = torch.full((1, 2000, 1, 1), 127.0)
    with pytest.raises(ValueError, match="exact range"):
        stored_layer(weight, torch.zeros(1), torch.ones(1), LATENT)
    fine = stored_layer(weight / 127, torch.zeros(1), torch.ones(1), LATENT)
    assert fine.outputs == 1
    with pytest.raises(ValueError, match="exact range"):
        stored_layer(weight / 127, torch.zeros(1), torch.zeros(1), LATENT)


@pytest.mark.parametrize(("position", "code"), [(0.0, 256), (1.0, 25600)])
def test_quantised_training_equals_the_frozen_network(position: float, code: int) -> None:
    """torch's layers and numpy's: at whole qualities trained knots and frozen tables meet."""
    trained = random_network()
    model = freeze(trained)
    set_quantised(trained, True)
    channels = trained.arch.latent_channels
    y = torch.randint(-600, 600, (1, channels, 5, 6)).float()
    latent, quality = y[0].numpy().astype(np.int16), torch.tensor([position])
    with torch.no_grad():
        features = trained.decoder.features(y, quality)
        picture = torch.floor((trained.decoder.mean_image(features) + 8) / 16)
        mean, found = model.synthesise(latent, code)
        assert np.array_equal(found, features[0].numpy())
        assert np.array_equal(mean, picture[0].permute(1, 2, 0).numpy())
        expected = [trained.posterior(y, quality)]
        expected += [prior(y, quality) for prior in trained.pass_priors]
        h = torch.randint(-40, 41, (1, trained.arch.top_channels, 2, 2)).float()
        expected.append(trained.anchor_prior(h, quality, 5, 6))
    predicted = [model.prior.posterior(latent, code)]
    predicted += [prior(latent, code) for prior in model.prior.passes]
    predicted.append(model.prior.anchor(h[0].numpy(), code, 5, 6))
    for tensors, arrays in zip(expected, predicted, strict=True):
        for tensor, array in zip(tensors, arrays, strict=True):
            assert np.array_equal(tensor[0].numpy(), array)


def test_stored_weights_train_on_from_where_they_are() -> None:
    """A network with dequantised weights, at held exponents, computes what the frozen one does."""
    model = freeze(random_network())
    network = as_trained(model)
    y = torch.randint(-600, 600, (1, network.arch.latent_channels, 3, 4)).float()
    with torch.no_grad():
        stream = network.decoder.enter(y)
    latent = as_operand(y.permute(0, 2, 3, 1).numpy())
    found = pointwise(latent, model.decoder.enter)
    assert np.array_equal(found, stream.permute(0, 2, 3, 1).numpy())


def test_bands_and_threads_change_nothing(network: PhotoVLAE, monkeypatch) -> None:
    model = freeze(network)
    rng = np.random.default_rng(0)
    latent = rng.integers(-900, 900, (network.arch.latent_channels, 13, 9)).astype(np.int16)
    mean, features = model.synthesise(latent, 5000)
    for band, count in ((1, 1), (1, 3), (300, 2)):
        monkeypatch.setattr(operations, "BAND", band)
        with workers(count):
            again, same = model.synthesise(latent, 5000)
        assert np.array_equal(mean, again)
        assert np.array_equal(features, same)


def test_operands_have_eight_significant_bits() -> None:
    """Of every whole number that a weight or a format can be: what bfloat16 makes of it."""
    every = np.arange(-(2**15), 2**15 + 1, dtype=np.float32)
    expected = torch.from_numpy(every).to(torch.bfloat16).float().numpy()
    assert np.array_equal(round_operand(every), expected)
    assert np.array_equal(every, np.arange(-(2**15), 2**15 + 1)), "its argument has changed"


def test_products_that_round_are_noticed(monkeypatch) -> None:
    check_products.__wrapped__()
    # As hardware does it that takes four significant bits for float32's.
    monkeypatch.setattr(operations, "as_operand", lambda x: (x // 16 * 16).astype(np.float32))
    with pytest.raises(ReproductionError, match="not exact"):
        check_products.__wrapped__()
