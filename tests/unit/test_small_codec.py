"""Files of black and white images, chains of them, and what is refused."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import vlaecodec
from tests.small import TINY, black_and_white, export_untrained
from vlaecodec.cli.main import main
from vlaecodec.entropy.ans import AnsStack
from vlaecodec.errors import DamagedError, ImageError, LossWarning, ParameterError
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.model.registry import find_model
from vlaecodec.small.codec import draw_bitmaps
from vlaecodec.small.coder import (
    level_quality_code,
    pixel_logits,
    pop_images,
    push_images,
    quality_level,
    reservoir_bits,
    run_pixels,
)
from vlaecodec.small.model import LEVELS, read_small_model
from vlaecodec.training.small.bound import draw_latent, reconstruction_nats
from vlaecodec.training.small.export import load_whole


def digit(seed: int = 0) -> Image.Image:
    return Image.fromarray(black_and_white(1, seed)[0, 0].numpy() * 255)


@pytest.mark.parametrize("quality", [None, 1, 50, 100])
def test_lossless_files_bring_every_pixel_back(small_model, quality) -> None:
    for seed in range(3):
        image = digit(seed)
        data = vlaecodec.encode(image, quality, model="tiny", lossless=True)
        assert np.array_equal(np.asarray(vlaecodec.decode(data)), np.asarray(image))
        colour = image.convert("RGB")
        data = vlaecodec.encode(colour, quality, model="tiny", lossless=True)
        assert np.array_equal(np.asarray(vlaecodec.decode(data)), np.asarray(colour))
        assert vlaecodec.read_info(data).max_error == 0
        assert vlaecodec.read_info(data).model == "tiny"
    assert small_model.preset == TINY


@pytest.mark.usefixtures("small_model")
def test_the_smallest_level_is_taken() -> None:
    sizes = [
        len(vlaecodec.encode(digit(), level_quality_code(level) / 256, model="tiny", lossless=True))
        for level in range(LEVELS)
    ]
    assert len(vlaecodec.encode(digit(), model="tiny", lossless=True)) == min(sizes)
    assert len(set(sizes)) > 1


@pytest.mark.usefixtures("small_model")
def test_lossy_files_draw_an_image() -> None:
    data = vlaecodec.encode(digit(), 50, model="tiny")
    drawn = np.asarray(vlaecodec.decode(data))
    assert drawn.shape == (28, 28)
    assert set(np.unique(drawn)) <= {0, 255}
    assert np.array_equal(drawn, np.asarray(vlaecodec.decode(data)))
    assert not np.array_equal(drawn, np.asarray(vlaecodec.decode(data, seed=1)))
    likeliest = np.asarray(vlaecodec.decode(data, texture=0))
    assert np.array_equal(likeliest, np.asarray(vlaecodec.decode(data, texture=0, seed=1)))
    exact = vlaecodec.encode(digit(), 50, model="tiny", lossless=True)
    preview = np.asarray(vlaecodec.decode(exact, preview=True, texture=0))
    assert np.array_equal(preview, likeliest)
    part = np.asarray(vlaecodec.decode(data, region=(3, 5, 10, 7)))
    assert np.array_equal(part, drawn[5:12, 3:13])


def test_draws_follow_the_logits(small_model) -> None:
    z = np.zeros((400, *small_model.latent_shape), np.int64)
    images = draw_bitmaps(small_model, z, 128, 7)
    first = run_pixels(small_model, z[:1], lambda _, logits: (logits > 99).astype(np.uint8))
    assert first.shape == (1, 28, 28)
    logits = pixel_logits(small_model, images, z)
    white = 1 / (1 + np.exp(-logits / 16))
    # The mean of 400 x 784 draws is known to about a thousandth.
    assert images.mean() == pytest.approx(white.mean(), abs=0.004)


def test_a_chain_costs_the_bound_and_ends_where_it_began(small_model) -> None:
    images = black_and_white(60)[:, 0].numpy()
    start = np.random.default_rng(0).integers(1, 2**32, 400, dtype=np.uint32)
    stack = AnsStack(start)
    before_bits = stack.size_bits()
    groups = np.split(images, [1, 20, 45])
    for group in groups:
        assert reservoir_bits(small_model, group) < before_bits
        push_images(small_model, stack, group)
    bits = (stack.size_bits() - before_bits) / len(images)
    network = load_whole(find_model("tiny").folder)
    with torch.no_grad():
        torch.manual_seed(0)
        image = torch.from_numpy(images)[:, None]
        nats = []
        for _ in range(20):
            draw = draw_latent(network, image)
            features = network.decoder.latent_features(draw.z)
            nats.append(
                reconstruction_nats(network, image, features)
                + (draw.log_q - draw.log_p).flatten(1).sum(1)
            )
    bound_bits = float(torch.stack(nats).mean()) / np.log(2)
    # One draw for each image, of an untrained network's wide spread of costs.
    assert bits == pytest.approx(bound_bits, rel=0.03)
    for group in reversed(groups):
        assert np.array_equal(pop_images(small_model, stack, len(group)), group)
    assert np.array_equal(stack.words(), start)


def test_a_model_without_a_window_codes_too(tmp_path) -> None:
    plain = replace(TINY, window_width=1, window_height=0, prior="gaussian")
    export_untrained(tmp_path / "plain", plain)
    model = read_small_model((tmp_path / "plain" / WEIGHTS_NAME).read_bytes())
    images = black_and_white(9)[:, 0].numpy()
    stack = AnsStack(np.random.default_rng(0).integers(1, 2**32, 400, dtype=np.uint32))
    before = stack.words()
    push_images(model, stack, images)
    assert np.array_equal(pop_images(model, stack, 9), images)
    assert np.array_equal(stack.words(), before)


def test_one_image_alone_and_many_at_once_are_the_same(small_model) -> None:
    images = black_and_white(7)[:, 0].numpy()
    z = np.random.default_rng(0).integers(-99, 99, (7, *small_model.latent_shape))
    together = pixel_logits(small_model, images, z)
    alone = [pixel_logits(small_model, images[i : i + 1], z[i : i + 1])[0] for i in range(7)]
    assert np.array_equal(together, np.stack(alone))


def test_levels_and_qualities() -> None:
    assert [quality_level(level_quality_code(level)) for level in range(LEVELS)] == list(range(9))
    assert quality_level(256) == 0
    assert quality_level(25600) == LEVELS - 1


def file_and_images() -> list[bytes]:
    """A file, the image in it, and what most of many draws at once agree on."""
    data = vlaecodec.encode(digit(), 50, model="tiny", lossless=True)
    voted = vlaecodec.decode(data, preview=True, texture=0)
    return [data, vlaecodec.decode(data).tobytes(), voted.tobytes()]


@pytest.mark.usefixtures("small_model")
def test_every_machine_setting_writes_and_decodes_the_same() -> None:
    threads = torch.get_num_threads()
    found = []
    try:
        for count, mkldnn in ((1, True), (2, True), (1, False)):
            torch.set_num_threads(count)
            torch.backends.mkldnn.set_flags(mkldnn)
            found.append(file_and_images())
    finally:
        torch.set_num_threads(threads)
        torch.backends.mkldnn.set_flags(True)
    assert found[0] == found[1] == found[2]


@pytest.mark.usefixtures("small_model")
def test_what_a_model_is_not_for_is_refused() -> None:
    with pytest.raises(ImageError, match="28 x 28 pixels; this one has 30 x 28"):
        vlaecodec.encode(np.zeros((28, 30), np.uint8), model="tiny")
    with pytest.raises(ImageError, match="black and white"):
        vlaecodec.encode(np.full((28, 28), 100, np.uint8), model="tiny")
    with pytest.raises(ParameterError, match="near-lossless"):
        vlaecodec.encode(digit(), model="tiny", max_error=2)


@pytest.mark.usefixtures("small_model")
def test_thumbnails_show_what_most_draws_do() -> None:
    data = vlaecodec.encode(digit(), model="tiny")
    most = vlaecodec.decode(data, texture=0)
    assert np.array_equal(np.asarray(vlaecodec.decode_thumbnail(data, 28)), np.asarray(most))
    assert vlaecodec.decode_thumbnail(data, 14).size == (14, 14)


@pytest.mark.usefixtures("small_model")
def test_damage_is_noticed() -> None:
    data = vlaecodec.encode(digit(), 50, model="tiny", lossless=True)
    latents_end = vlaecodec.read_info(data).latents_size_bytes
    for cut in range(1, latents_end - 1, 7):
        with pytest.raises(DamagedError):
            vlaecodec.decode(data[:cut])
    for cut in range(latents_end, len(data) - 1, 7):
        with pytest.raises(DamagedError, match="exact pixels"):
            vlaecodec.decode(data[:cut])
        with pytest.warns(LossWarning, match="lossy picture"):
            vlaecodec.decode(data[:cut], keep_going=True)
    flipped = bytearray(data)
    flipped[latents_end - 9] ^= 1
    with pytest.raises(DamagedError):
        vlaecodec.decode(bytes(flipped))


def test_files_through_the_command_line(small_models, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("VLAECODEC_MODELS", str(small_models))
    digit().save(tmp_path / "digit.png")
    run = CliRunner()
    arguments = ["encode", str(tmp_path / "digit.png"), str(tmp_path / "d.vlae")]
    result = run.invoke(main, [*arguments, "--model", "tiny", "--lossless"])
    assert result.exit_code == 0, result.output
    assert run.invoke(main, ["verify", str(tmp_path / "d.vlae")]).exit_code == 0
    result = run.invoke(main, ["decode", str(tmp_path / "d.vlae"), str(tmp_path / "again.png")])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "again.png") as again:
        assert np.array_equal(np.asarray(again), np.asarray(digit()))
    wrong = io.BytesIO()
    Image.new("L", (40, 28)).save(wrong, "png")
    (tmp_path / "wrong.png").write_bytes(wrong.getvalue())
    result = run.invoke(main, ["encode", str(tmp_path / "wrong.png"), "--model", "tiny"])
    assert result.exit_code == 3
    index = json.loads((small_models / "index.json").read_text())
    assert index["models"]["tiny"]["kind"] == "small-vlae/1"
    assert index["default"] == ""
