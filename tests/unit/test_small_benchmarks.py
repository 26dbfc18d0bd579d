"""The benchmarks of the small models: what they compute is what they say."""

import math
from dataclasses import replace

import click
import numpy as np
import pytest
import torch

from benchmarks.kit.probes import linear_probe_accuracy, neighbours_accuracy
from benchmarks.paper.ablations import (
    checkpoint_path,
    choose_variants,
    read_windows,
)
from benchmarks.paper.bits_back import (
    code_chain,
    measure_dithered,
    measure_payloads,
    to_images,
)
from benchmarks.paper.colour_draws import redraw
from benchmarks.paper.levels import LEVEL_GAP_PX, QUALITIES, SIDE_PX, draw_levels, levels_table
from benchmarks.paper.levels import measure as measure_levels
from benchmarks.paper.sheets import (
    draw_sheet,
    interpolations,
    reconstructions,
    samples,
    swaps,
    windows,
)
from benchmarks.paper.small_lossless import lay_out, measure
from benchmarks.photo.lossless import pillow
from tests.small import (
    SIZES,
    TINY,
    TINY_COLOUR,
    black_and_white,
    colour_images,
    export_untrained,
    lively,
)
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.networks.common.fixed_point import set_quantised
from vlaecodec.networks.small.posterior import network_image
from vlaecodec.networks.small.preset import PRESETS
from vlaecodec.networks.small.small_vlae import SmallVLAE
from vlaecodec.small.codec import draw_bitmaps, draw_images
from vlaecodec.small.coder import draw_latents, invert_latents, posterior_means
from vlaecodec.small.model import read_small_model
from vlaecodec.training.small.datasets import Dataset
from vlaecodec.training.small.likelihood import importance_nll, measure_bounds


def test_the_chain_costs_what_it_says(small_model) -> None:
    images = black_and_white(80)[:, 0].numpy()
    row = code_chain(small_model, images, "tiny")
    assert row["images"] == 80
    assert row["bits_per_dimension"] == pytest.approx(row["total_bits"] / (80 * 784))
    net = row["total_bits"] - row["start_bits"]
    assert row["net_bits_per_image"] == pytest.approx(net / 80)
    assert abs(row["over_elbo_percent"]) < 4  # each image has one draw only


def test_finer_payloads_cost_more_and_leave_less(small_model) -> None:
    images = black_and_white(40)[:, 0].numpy()
    rows = measure_payloads(small_model, images)
    bits = [row["latent_bits"] for row in rows]
    assert bits == sorted(bits)
    assert rows[-1]["step"] == 2
    # From a step below the posterior's deviation on, each halving costs a bit an element.
    assert bits[-1] - bits[-2] == pytest.approx(TINY.latent_channels, rel=0.1)
    dithered = measure_dithered(small_model, images)
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
    estimate, same_draws_bound = importance_nll(network, image, 2000)
    assert bound > exact + 0.2
    assert estimate == pytest.approx(exact, abs=0.1)
    assert same_draws_bound == pytest.approx(bound, rel=0.02)
    assert same_draws_bound > estimate


def test_probes_find_what_is_there() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    centres = rng.normal(size=(3, 8)) * 4
    features = (centres[labels] + rng.normal(size=(600, 8))).astype(np.float32)
    noise = rng.normal(size=(600, 8)).astype(np.float32)
    for accuracy in (linear_probe_accuracy, neighbours_accuracy):
        assert accuracy(features[:400], labels[:400], features[400:], labels[400:]) > 0.95
        assert accuracy(noise[:400], labels[:400], noise[400:], labels[400:]) < 0.5


def test_sheets_show_the_images(small_model) -> None:
    images = black_and_white(12)[:, 0].numpy()
    sheets = []
    for rows in (
        reconstructions(small_model, images),
        samples(small_model),
        interpolations(small_model, images),
        swaps(small_model, images),
    ):
        sheets.append(np.asarray(draw_sheet(rows)))
        assert sheets[-1].shape == (2 * (30 * len(rows) + 2), 2 * (30 * 12 + 2), 3)
    shown = sheets[0]
    assert np.array_equal(shown[4:60:2, 4:60:2, 0], 255 - 255 * images[0])


def test_sheets_of_colour_images_show_their_samples(tmp_path) -> None:
    export_untrained(tmp_path / "tiny", TINY_COLOUR)
    model = read_small_model((tmp_path / "tiny" / WEIGHTS_NAME).read_bytes())
    images = to_images(colour_images(12))
    between, sheets = interpolations(model, images), []
    for rows in (reconstructions(model, images), between, samples(model)):
        sheets.append(np.asarray(draw_sheet(rows)))
        assert sheets[-1].shape == (2 * (10 * len(rows) + 2), 2 * 122, 3)
    shown = sheets[0]
    assert np.array_equal(shown[4:20:2, 4:20:2], images[0])
    # The ends of a row, drawn alike, are draws of the images themselves.
    eps = invert_latents(model, posterior_means(model, images[:2]))
    first = draw_images(model, draw_latents(model, eps[:1]), 128, 0)
    assert np.array_equal(between[0][0], first[0])


def test_windows_are_read_from_the_ablations_checkpoints(tmp_path) -> None:
    export_untrained(tmp_path / "one", TINY)
    path = checkpoint_path(tmp_path, "mnist-dynamic", "VLAE, window 5x2")
    (tmp_path / "one.safetensors").rename(path)
    images = black_and_white(50)
    data = Dataset(255 * images, images, images, {})
    models = read_windows(tmp_path, "mnist-dynamic", data)
    assert list(models) == ["5x2"]
    shipped = read_small_model((tmp_path / "one" / WEIGHTS_NAME).read_bytes())
    bitmaps = images[:12, 0].numpy()
    z = posterior_means(shipped, bitmaps)
    assert np.array_equal(posterior_means(models["5x2"], bitmaps), z)
    rows = windows(models, bitmaps)
    assert np.array_equal(rows[0], bitmaps)
    assert np.array_equal(rows[1], draw_bitmaps(shipped, z, 128, 0))


def test_variants_differ_as_their_names_say() -> None:
    every = choose_variants("cifar10", (), ())
    assert every["passes"] == {"decoder": "passes"}
    assert every["colour context"] == {}
    assert choose_variants("cifar10", (), ("passes",)) == {"passes": every["passes"]}
    assert "Gaussian prior" not in choose_variants("omniglot", (), ())
    assert "Gaussian prior" in choose_variants("omniglot", ("omniglot",), ())
    with pytest.raises(click.UsageError, match="no variant other"):
        choose_variants("cifar10", (), ("other",))


def test_levels_are_measured_and_shown(tmp_path, monkeypatch) -> None:
    export_untrained(tmp_path / "tiny", TINY_COLOUR)
    monkeypatch.setenv("VLAECODEC_MODELS", str(tmp_path))
    image = to_images(colour_images(1))[0]
    figures, row = measure_levels(image, "tiny")
    assert figures["bytes_q10"] < figures["bytes_q90"]
    assert len(row) == 1 + 2 * len(QUALITIES)
    sheet = np.asarray(draw_levels([row, row[::-1]]))
    assert sheet.shape[:2] == (2 * SIDE_PX + 4, 7 * SIDE_PX + 3 * LEVEL_GAP_PX)
    enlarged = image.repeat(SIDE_PX // 8, 0).repeat(SIDE_PX // 8, 1)
    assert np.array_equal(sheet[:SIDE_PX, :SIDE_PX], enlarged)
    assert np.array_equal(sheet[-SIDE_PX:, -SIDE_PX:], enlarged)
    assert (sheet[:, SIDE_PX : SIDE_PX + LEVEL_GAP_PX] == 255).all()
    found = figures | {"pictures": 1, "side_px": 8, "fingerprint": "0123abcd"}
    shown = levels_table({"commit": "c" * 40, "results": {"tiny": found}}).to_markdown()
    assert f"| {figures['bytes_lossless']:,.0f} B |" in shown


def test_a_redrawn_image_follows_its_own_distributions() -> None:
    sizes = SIZES | {"latent_px": 2, "image_px": 8}
    network = lively(SmallVLAE(replace(PRESETS["cifar10"], **sizes)))
    set_quantised(network, True)
    with torch.no_grad():
        for head in network.decoder.heads:
            head.leave.weight[3:6].zero_()
            head.leave.bias[3:6] = 0.0  # the narrowest
    images = torch.randint(0, 256, (9, 3, 8, 8), dtype=torch.uint8)
    drawn = torch.from_numpy(redraw(network, images))
    with torch.no_grad():
        mean, _ = network.posterior(network_image(images))
        bits = network.decoder.nats(drawn, network.decoder.latent_features(mean)) / math.log(2)
        others = network.decoder.nats(images, network.decoder.latent_features(mean)) / math.log(2)
    assert bits.mean() < 3 * 1.6  # samples among three narrow logistics
    assert others.mean() > 100
    assert drawn.float().std() > 1


@pytest.mark.parametrize("colours", [(), (3,)])
def test_a_sheet_holds_every_image(colours) -> None:
    images = np.random.default_rng(0).integers(0, 256, (43, 4, 6, *colours), dtype=np.uint8)
    sheet = lay_out(images)
    assert sheet.shape == (8, 240, *colours)
    assert np.array_equal(sheet[:4, 12:18], images[2])
    assert np.array_equal(sheet[4:, 6:12], images[41])
    assert not sheet[4:, 18:].any()


def test_the_rivals_files_are_measured_whole() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    row = measure(pillow("PNG"), images)
    assert row["one_by_one"] > row["one_sheet"] > 8  # noise, and headers
    broken = replace(pillow("PNG"), encode=lambda image: pillow("JPEG").encode(image))
    with pytest.raises(ValueError, match="does not decode"):
        measure(broken, images)
