"""Colour images in files and chains, with a tiny model of the paper's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import vlaecodec
from benchmarks.paper.bits_back import code_chain
from tests.small import TINY, TINY_COLOUR, colour_images, export_untrained
from vlaecodec.entropy.ans import AnsStack
from vlaecodec.entropy.scales import MIXTURE_SCALE_UNITS
from vlaecodec.errors import ImageError, ModelError
from vlaecodec.frozen.flow import map_flow
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.model.registry import find_model
from vlaecodec.networks.common.fixed_point import set_quantised
from vlaecodec.networks.small.posterior import network_image
from vlaecodec.small.codec import draw_images
from vlaecodec.small.coder import (
    colour_pixels,
    draw_latents,
    invert_latents,
    pixel_bits,
    pop_images,
    posterior_means,
    push_images,
    reservoir_bits,
)
from vlaecodec.small.model import SmallModel, load_small_model, read_small_model
from vlaecodec.training.small.export import import_small

KINDS = {
    "colour context": {},
    "grey context": {"grey_context": True},
    "no context": {"window_width": 0, "window_height": 0},
}


@pytest.fixture(params=list(KINDS))
def model(request, tmp_path, monkeypatch) -> SmallModel:
    preset = replace(TINY_COLOUR, **KINDS[request.param])
    export_untrained(tmp_path / "tiny", preset)
    monkeypatch.setenv("VLAECODEC_MODELS", str(tmp_path))
    return load_small_model(find_model("tiny"))


def samples(count: int, seed: int = 0) -> np.ndarray:
    return colour_images(count, seed).permute(0, 2, 3, 1).contiguous().numpy()


def test_a_mixture_whose_sums_could_overflow_is_refused(tmp_path) -> None:
    export_untrained(tmp_path / "six", replace(TINY_COLOUR, mixture_components=6))
    with pytest.raises(ModelError, match="more than 6 components"):
        export_untrained(tmp_path / "seven", replace(TINY_COLOUR, mixture_components=7))


def test_frozen_networks_are_those_that_trained(model, tmp_path) -> None:
    network, _ = import_small(tmp_path / "tiny")
    set_quantised(network, True)
    images, z = colour_images(5), np.random.default_rng(0).integers(-150, 150, (5, 6, 2, 2))
    with torch.no_grad():
        mean, _ = network.posterior(network_image(images))
        assert np.array_equal(posterior_means(model, samples(5)), mean.numpy())
        assert mean.std() > 1
        latent = torch.from_numpy(z).float()
        eps = network.prior.invert(latent)
        assert np.array_equal(invert_latents(model, z), eps.numpy())
        assert not torch.equal(eps, latent)
        features = network.decoder.latent_features(latent)
        nats = network.decoder.nats(images, features)
    pixels = colour_pixels(model, z)
    assert np.array_equal(pixels.features, features.numpy())
    bits = pixels.bits(samples(5)).sum(-1).reshape(5, -1)
    expected = nats.numpy() / np.log(2)
    # Where a sample is not nearly impossible, for which tables keep little.
    likely = expected < 25
    assert likely.sum() > 5
    assert np.quantile(np.abs(bits / expected - 1)[likely], 0.95) < 0.01


def test_a_flow_of_maps_is_undone(model) -> None:
    z = np.random.default_rng(0).integers(-200, 200, (4, 6, 2, 2))
    assert np.array_equal(draw_latents(model, invert_latents(model, z)), z)


def test_lossless_files_bring_every_sample_back(model) -> None:
    for seed, quality in ((0, None), (1, 1), (2, 100)):
        image = Image.fromarray(samples(1, seed)[0])
        data = vlaecodec.encode(image, quality, model="tiny", lossless=True)
        assert np.array_equal(np.asarray(vlaecodec.decode(data)), np.asarray(image))
    grey = image.convert("L")
    decoded = vlaecodec.decode(vlaecodec.encode(grey, model="tiny", lossless=True))
    assert decoded.mode == "L"
    assert np.array_equal(np.asarray(decoded), np.asarray(grey))
    assert model.preset.colours == 3


@pytest.mark.usefixtures("model")
def test_lossy_files_draw_an_image() -> None:
    image = Image.fromarray(samples(1)[0])
    data = vlaecodec.encode(image, 50, model="tiny")
    drawn = np.asarray(vlaecodec.decode(data))
    assert np.array_equal(drawn, np.asarray(vlaecodec.decode(data)))
    assert not np.array_equal(drawn, np.asarray(vlaecodec.decode(data, seed=1)))
    common = np.asarray(vlaecodec.decode(data, texture=0))
    assert np.array_equal(common, np.asarray(vlaecodec.decode(data, texture=0, seed=1)))
    exact = vlaecodec.encode(image, 50, model="tiny", lossless=True)
    assert np.array_equal(np.asarray(vlaecodec.decode(exact, preview=True, texture=0)), common)
    grey = np.asarray(vlaecodec.decode(vlaecodec.encode(image.convert("L"), 50, model="tiny")))
    assert grey.shape == (8, 8)


def test_draws_are_as_likely_as_they_cost(model) -> None:
    z = np.zeros((300, *model.latent_shape), np.int64)
    drawn = draw_images(model, z, 128, 5)
    first = drawn[:, 0, 0, 0].astype(np.int64)
    mixture = colour_pixels(model, z[:1]).mixtures(drawn[:1])[0, 0, 0, 0]
    middle = mixture[:, 0].mean() / 8 + 128
    assert abs(first.mean() - middle) < 12
    bits = pixel_bits(model, drawn, z)[:, 0, 0, 0]
    values, counts = np.unique(first, return_counts=True)
    entropy = -(counts / 300 * np.log2(counts / 300)).sum()
    assert len(values) > 5
    assert bits.mean() == pytest.approx(entropy, abs=0.6)


def test_cooler_draws_are_narrower(model) -> None:
    z = np.zeros((100, *model.latent_shape), np.int64)
    spreads = [draw_images(model, z, code, 5)[:, 0, 0, 0].std() for code in (16, 64, 128)]
    assert spreads == sorted(spreads)
    assert spreads[0] < spreads[2] / 1.2
    assert MIXTURE_SCALE_UNITS == 64


def test_a_chain_brings_everything_back(model) -> None:
    images = samples(7)
    bits = int(reservoir_bits(model, images)) + 2000
    start = np.random.default_rng(0).integers(1, 2**32, bits // 32, dtype=np.uint32)
    stack = AnsStack(start)
    for group in (images[:3], images[3:]):
        push_images(model, stack, group)
    stack = AnsStack(stack.words())
    assert np.array_equal(pop_images(model, stack, 4), images[3:])
    assert np.array_equal(pop_images(model, stack, 3), images[:3])
    assert np.array_equal(stack.words(), start)


@pytest.mark.usefixtures("model")
def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(ImageError, match="codes images of 8 x 8 pixels"):
        vlaecodec.encode(Image.new("RGB", (9, 8)), model="tiny", lossless=True)


def test_a_flow_that_sees_what_comes_later_is_refused(model) -> None:
    weights = {name: array.copy() for name, array in model.weights.within("prior").items()}
    map_flow(Tensors(weights), model.preset)
    weights["steps.0.hidden.weight"][0, 0, 2, 0] = 1
    with pytest.raises(ValueError, match="drawn later"):
        map_flow(Tensors(weights), model.preset)


def test_a_model_without_curves_is_refused(model, tmp_path) -> None:
    data = (tmp_path / "tiny" / WEIGHTS_NAME).read_bytes()
    assert read_small_model(data).preset == model.preset
    with pytest.raises(ModelError, match="not a usable model"):
        read_small_model(data.replace(b"curves.sigmoid", b"curves.simgoid"))


def test_a_measured_chain_costs_its_bound(model) -> None:
    images = draw_images(model, np.zeros((8, *model.latent_shape), np.int64), 128, 0)
    row = code_chain(model, images, "tiny")
    assert abs(row["over_elbo_percent"]) < 4
    assert row["net_bits_per_dimension"] < 9


@pytest.mark.parametrize(
    ("preset", "record"), [(TINY, "paper.json"), (TINY_COLOUR, "cifar10.json")]
)
def test_the_card_names_the_record_of_its_figures(tmp_path, preset, record) -> None:
    export_untrained(tmp_path / "tiny", preset)
    card = (tmp_path / "tiny" / "MODEL_CARD.md").read_text()
    assert f"`benchmarks/results/{record}`" in card
