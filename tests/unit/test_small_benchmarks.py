"""The benchmarks of the small models: what they compute is what they say."""

import numpy as np
import pytest
import torch

from benchmarks.bits_back import code_chain, measure_dithered, measure_payloads
from benchmarks.paper_sheets import draw_sheet, interpolations, reconstructions, samples, swaps
from benchmarks.representation import linear_probe_accuracy, neighbours_accuracy
from tests.unit.test_small_codec import model, models  # noqa: F401
from tests.unit.test_small_training import TINY, black_and_white, lively
from vlaecodec.networks.small.small_vlae import SmallVLAE
from vlaecodec.training.small.likelihood import importance_nll, measure_bounds


def test_the_chain_costs_what_it_says(model) -> None:  # noqa: F811
    images = black_and_white(80)[:, 0].numpy()
    row = code_chain(model, images, "tiny")
    assert row["images"] == 80
    assert row["bits_per_dimension"] == pytest.approx(row["total_bits"] / (80 * 784))
    net = row["total_bits"] - row["start_bits"]
    assert row["net_bits_per_image"] == pytest.approx(net / 80)
    assert abs(row["over_elbo_percent"]) < 4  # each image has one draw only


def test_finer_payloads_cost_more_and_leave_less(model) -> None:  # noqa: F811
    images = black_and_white(40)[:, 0].numpy()
    rows = measure_payloads(model, images)
    bits = [row["latent_bits"] for row in rows]
    assert bits == sorted(bits)
    assert rows[-1]["step"] == 2
    # From a step below the posterior's deviation on, each halving costs a bit an element.
    assert bits[-1] - bits[-2] == pytest.approx(TINY.latent_channels, rel=0.1)
    dithered = measure_dithered(model, images)
    fine = dithered[-1]
    assert fine["latent_bits"] == pytest.approx(rows[fine["level"]]["latent_bits"], rel=0.1)


def test_importance_sampling_of_a_known_likelihood() -> None:
    torch.manual_seed(0)
    network = lively(SmallVLAE(TINY))
    with torch.no_grad():
        # The decoder is blind to z, so p(x) = p(x | z) whatever q is.
        network.decoder.features.enter.weight.zero_()
        # Wider than the prior: narrower, the weights of rare draws have no bound.
        network.posterior.scale.weight.zero_()
        network.posterior.scale.bias.fill_(26.0)
        network.prior = None
        network.posterior.mean.weight.zero_()
    image = black_and_white(1)
    exact = float(measure_bounds(network, image).reconstruction)
    bound = float(measure_bounds(network, image, draws=20).negative_elbo)
    estimate = importance_nll(network, image, 2000)
    assert bound > exact + 0.2
    assert estimate == pytest.approx(exact, abs=0.1)


def test_probes_find_what_is_there() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    centres = rng.normal(size=(3, 8)) * 4
    features = (centres[labels] + rng.normal(size=(600, 8))).astype(np.float32)
    noise = rng.normal(size=(600, 8)).astype(np.float32)
    for accuracy in (linear_probe_accuracy, neighbours_accuracy):
        assert accuracy(features[:400], labels[:400], features[400:], labels[400:]) > 0.95
        assert accuracy(noise[:400], labels[:400], noise[400:], labels[400:]) < 0.5


def test_sheets_show_the_images(model) -> None:  # noqa: F811
    images = black_and_white(12)[:, 0].numpy()
    for rows in (
        reconstructions(model, images),
        samples(model),
        interpolations(model, images),
        swaps(model, images),
    ):
        sheet = np.asarray(draw_sheet(rows))
        assert sheet.shape == (2 * (30 * len(rows) + 2), 2 * (30 * 12 + 2))
    shown = np.asarray(draw_sheet(reconstructions(model, images)))
    assert np.array_equal(shown[4:60:2, 4:60:2], 255 - 255 * images[0])
