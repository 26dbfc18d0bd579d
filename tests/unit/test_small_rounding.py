"""Weights that are rounded together are nearer to what they were, in what they compute."""

import copy

import pytest
import torch

from tests.small import TINY_COLOUR, colour_images
from vlaecodec.networks.common.fixed_point import ExactLinear
from vlaecodec.networks.common.formats import MIXTURE, SIGNED
from vlaecodec.networks.small.colour_decoder import ColourDecoder
from vlaecodec.training.small.compensation import round_compensated, round_predictions


def outputs(layer: ExactLinear, inputs: torch.Tensor, *, stored: bool) -> torch.Tensor:
    layer.quantised = stored
    with torch.no_grad():
        return layer(inputs)


@pytest.fixture
def alike() -> torch.Tensor:
    """Inputs that are nearly sums of each other, as neighbours' contrasts are."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(4000, 6, generator=generator) @ torch.randn(6, 40, generator=generator)
    noise = torch.randn(4000, 40, generator=generator)
    return (40 * mixed + 8 * noise).round().clamp(SIGNED.low, SIGNED.high)


def test_errors_are_made_good_by_other_weights(alike) -> None:
    torch.manual_seed(0)
    layer = ExactLinear((40,), 3, SIGNED, MIXTURE)
    with torch.no_grad():
        layer.weight.mul_(0.3)
    wanted = outputs(layer, alike, stored=False)
    nearest = outputs(layer, alike, stored=True) - wanted
    # What is left of a sum that is rounded to whole numbers anyway.
    rounding = 1 / 12
    round_compensated(layer, alike)
    compensated = outputs(layer, alike, stored=True) - wanted
    excess = float(compensated.square().mean()) - rounding
    assert excess < 0.3 * (float(nearest.square().mean()) - rounding)
    assert float(compensated.mean().abs()) < 0.1


def test_compensated_weights_are_stored_as_they_are(alike) -> None:
    torch.manual_seed(1)
    layer = ExactLinear((40,), 3, SIGNED, MIXTURE)
    round_compensated(layer, alike)
    whole, _, _ = layer.integer_parameters()
    per_weight = torch.exp2(layer.weight_exponents()).view(-1, 1, 1, 1)
    assert torch.equal(whole / per_weight, layer.weight.detach())


def test_only_predictions_of_colour_are_rounded() -> None:
    torch.manual_seed(0)
    decoder = ColourDecoder(TINY_COLOUR)
    before = copy.deepcopy(decoder.state_dict())
    round_predictions(decoder, colour_images(50))
    changed = {
        name for name, value in decoder.state_dict().items() if not value.equal(before[name])
    }
    assert changed == {"predict.weight", "predict.bias"}
