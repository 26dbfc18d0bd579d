"""Narrower and wider local decoders."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from tests.conftest import TINY, random_network
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.training.photo.latent_cache import Crops
from vlaecodec.training.photo.local_loss import exact_contexts, local_bits
from vlaecodec.training.photo.narrow import narrow, watch_units
from vlaecodec.training.photo.widen import widen

NARROWER = dataclasses.replace(TINY, local_channels=12, local_colour_channels=6)
WIDER = dataclasses.replace(TINY, local_channels=24, local_colour_channels=11)


@pytest.fixture
def crops() -> Crops:
    torch.manual_seed(1)
    side = 32 + 2 * LocalDecoder(TINY).reach
    return Crops(
        pixels=torch.randint(90, 160, (2, side, side, 3)).float(),
        mean=torch.randint(100, 150, (2, side, side, 3)).float(),
        inside=torch.ones(2, side, side, 1),
        trunk=torch.randn(2, TINY.eighth_channels, 4, 4) * 200,
    )


@torch.no_grad()
def count_bits(local: LocalDecoder, crops: Crops) -> Tensor:
    contexts = exact_contexts(crops, near_lossless=0)
    return torch.cat([bits.flatten() for _, bits in local_bits(local, crops, contexts)])


def test_units_that_are_constant_are_left_out_first(crops) -> None:
    """The first ones of each layer here; what they say becomes a part of biases."""
    local = random_network().local
    layers = [*(entrance.enter for entrance in local.entrances), *local.hidden]
    with torch.no_grad():
        for layer, count in [(x, 4) for x in layers] + [(head.merge, 2) for head in local.heads]:
            layer.weight[:count] = 0
            layer.bias[:count] = 3
    before = count_bits(local, crops)
    after = narrow(local, NARROWER, watch_units(local, [crops]))
    assert after.hidden[0].weight.shape[:2] == (12, 12)
    assert after.heads[2].merge.weight.shape[:2] == (6, 14)
    assert torch.allclose(count_bits(after, crops), before, atol=1e-3)


def test_units_that_say_most_stay(crops) -> None:
    local = random_network().local
    before = count_bits(local, crops)
    said = watch_units(local, [crops])
    off = (count_bits(narrow(local, NARROWER, said), crops) - before).abs().mean()
    # As if the strongest were the weakest.
    for name, values in said.items():
        spread = values.std(0)
        said[name] = (values - values.mean(0)) / spread.square().clamp_min(1e-6) + values.mean(0)
    worse = (count_bits(narrow(local, NARROWER, said), crops) - before).abs().mean()
    assert 0 < off < worse


def test_an_architecture_of_other_layers_is_refused(crops) -> None:
    local = random_network().local
    other = Architecture.from_dict({**NARROWER.to_dict(), "local_layers": 2})
    with pytest.raises(RuntimeError):
        narrow(local, other, watch_units(local, [crops]))


def test_a_wider_decoder_computes_the_same_and_learns_more(crops) -> None:
    local, wider = random_network().local, LocalDecoder(WIDER)
    widen(local, wider)
    assert torch.allclose(count_bits(wider, crops), count_bits(local, crops), atol=1e-4)
    contexts = exact_contexts(crops, near_lossless=0)
    torch.cat([bits.flatten() for _, bits in local_bits(wider, crops, contexts)]).mean().backward()
    read = wider.hidden[0].weight.grad[:, TINY.local_channels :]
    assert read.abs().sum(0).gt(0).any()


@pytest.mark.parametrize("sizes", [{"local_channels": 8}, {"local_features": 7}])
def test_a_decoder_of_fewer_units_or_other_inputs_is_not_wider(sizes) -> None:
    other = LocalDecoder(dataclasses.replace(TINY, **sizes))
    with pytest.raises(ValueError, match="widened"):
        widen(random_network().local, other)
