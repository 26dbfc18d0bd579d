"""Exact pixels: what is coded comes back, bit for bit or within its bound."""

import numpy as np
import pytest
import torch

from tests.conftest import as_trained, photo
from vlaecodec.entropy.scales import RESIDUAL_ROWS
from vlaecodec.entropy.tables import residual_tables
from vlaecodec.errors import DamagedError
from vlaecodec.networks.photo.distribution import COLOURS, RESIDUAL_UNITS, local_conditions
from vlaecodec.pixels import coder as pixel_coder
from vlaecodec.pixels.kernel import LocalKernel
from vlaecodec.pixels.residual import LOW_BITS, ROWS, ResidualGrid


def sample(model, height: int, width: int, seed: int = 0):
    """Pixels, a mean image that is off in places, and its trunk."""
    rng = np.random.default_rng(seed)
    channels = model.arch.latent_channels
    latent = rng.integers(-400, 400, (channels, -(-height // 16), -(-width // 16))).astype(np.int16)
    mean, trunk = model.synthesise(latent, 30 * 256)
    return photo(height, width, seed), mean[:height, :width].copy(), trunk


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (17, 30), (40, 24)])
@pytest.mark.parametrize("max_error", [0, 1, 4, 15])
def test_decode_undoes_encode(tiny_model, size, max_error) -> None:
    pixels, mean, trunk = sample(tiny_model, *size)
    words, expected = pixel_coder.encode_pixels(tiny_model, pixels, mean, trunk, max_error)
    decoded = pixel_coder.decode_pixels(tiny_model, words, mean, trunk, max_error)
    assert np.array_equal(decoded, expected)
    assert np.abs(decoded.astype(int) - pixels).max() <= max_error


@pytest.mark.parametrize("kind", ["noise", "black", "white", "extremes"])
def test_any_pixels_are_coded_exactly(tiny_model, kind) -> None:
    """The tiny model expects nothing of this: most samples escape their tables."""
    _, mean, trunk = sample(tiny_model, 19, 23)
    rng = np.random.default_rng(1)
    pixels = {
        "noise": rng.integers(0, 256, mean.shape),
        "black": np.zeros(mean.shape),
        "white": np.full(mean.shape, 255),
        "extremes": rng.integers(0, 2, mean.shape) * 255,
    }[kind].astype(np.uint8)
    words, _ = pixel_coder.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    assert np.array_equal(pixel_coder.decode_pixels(tiny_model, words, mean, trunk, 0), pixels)


def test_the_number_of_rows_computed_at_once_does_not_matter(tiny_model, monkeypatch) -> None:
    pixels, mean, trunk = sample(tiny_model, 33, 20)
    whole, _ = pixel_coder.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    monkeypatch.setattr(pixel_coder, "BAND_PX", 60)
    banded, _ = pixel_coder.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    assert np.array_equal(banded, whole)


def test_damage_is_noticed_without_checksums(tiny_model) -> None:
    pixels, mean, trunk = sample(tiny_model, 16, 16)
    words, _ = pixel_coder.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    for broken in (words[1:], words[:-1], np.append(words, np.uint32(7))):
        try:
            decoded = pixel_coder.decode_pixels(tiny_model, broken, mean, trunk, 0)
        except DamagedError:
            continue
        assert not np.array_equal(decoded, pixels)


def test_contrasts_are_what_windows_show_of_the_mean_image(tiny_model) -> None:
    _, mean, trunk = sample(tiny_model, 21, 11)
    window = tiny_model.local.window
    given = tiny_model.local.given(mean, trunk)[..., : 3 * (window.size + 1)]
    by_colour = mean[..., COLOURS].astype(int)
    above = [
        (y, x) for y in range(-window.height, 0) for x in range(-window.reach, window.reach + 1)
    ]
    for row, column in ((0, 0), (0, 10), (7, 5), (20, 1), (20, 10)):
        here = by_colour[row, column]
        expected = [
            by_colour[max(row + y, 0), min(max(column + x, 0), 10)] - here
            for y, x in [*above, *((0, -x) for x in range(window.reach, 0, -1))]
        ]
        expected = np.concatenate([*expected, here - 128]) * RESIDUAL_UNITS
        assert np.array_equal(given[row, column], expected)


@pytest.mark.parametrize("rows", [slice(0, 8), slice(8, 21), slice(16, 20)], ids=str)
def test_some_rows_are_given_what_they_are_given_among_all(tiny_model, rows) -> None:
    _, mean, trunk = sample(tiny_model, 21, 11)
    whole = tiny_model.local.given(mean, trunk)
    assert np.array_equal(tiny_model.local.given(mean, trunk, rows), whole[rows])


def test_the_kernel_computes_what_the_network_does(tiny_model) -> None:
    """Training's network and the matrices of the decoder, bit by bit."""
    local, trained = tiny_model.local, as_trained(tiny_model).local
    rng = np.random.default_rng(2)
    count, windows = 50, 3 * local.window.size
    residuals = rng.integers(-255, 256, (count, windows + 3)).astype(np.float32) * RESIDUAL_UNITS
    contrasts = 4 * rng.integers(-255, 256, (count, windows + 3))
    features = 4 * rng.integers(-255, 256, (count, tiny_model.arch.local_features))
    for drawing, max_error in ((False, 0), (True, 0), (False, 9)):
        conditions = local_conditions(drawing=drawing, max_error=max_error)
        kernel = LocalKernel(local, conditions, count)
        kernel.inputs[:, :-1] = np.concatenate([residuals[:, 3:], contrasts, features], axis=1)
        kernel.known[:] = residuals[:, :3]
        kernel.begin(count)
        found = np.stack([np.stack(kernel.colour(n, count), -1) for n in range(3)], -2)
        with torch.inference_mode():
            expected = trained(
                torch.from_numpy(residuals[:, 3:]),
                torch.from_numpy(contrasts).float(),
                torch.from_numpy(features).float(),
                torch.from_numpy(conditions).expand(count, -1),
                torch.from_numpy(residuals[:, :2]),
            )
        assert np.array_equal(found, expected.numpy().astype(np.int32))


@pytest.mark.parametrize("max_error", [0, 1, 7, 15])
def test_a_sample_that_is_as_predicted_is_the_likeliest(max_error) -> None:
    """The table that a prediction leads to has its mode where the prediction says."""
    tables, grid = residual_tables(), ResidualGrid(max_error)
    for grey in (-200, -37, 0, 5, 120):
        for index in range(8, 41):
            prediction = (np.array([v], np.int32) for v in (8 * grey, 16 * index, 128))
            at = grid.place(*prediction)
            mode = int(np.argmax(tables.table(int(at.table[0]))[:-1])) - 32 + int(at.base[0])
            width = grid.step << int(at.bits[0])
            middle = (mode * width) + (width - grid.step) / 2
            assert abs(middle - grey) <= width * (1 / 2 + 1 / 16)


def test_wide_scales_use_rows_of_the_last_octave() -> None:
    assert LOW_BITS[RESIDUAL_ROWS - 1] == 0
    assert LOW_BITS[RESIDUAL_ROWS] == 1
    assert (ROWS >= 0).all()
    assert (ROWS < RESIDUAL_ROWS).all()
    scales = 2.0 ** (ROWS / 4) * 2.0**LOW_BITS
    assert np.allclose(scales, 2.0 ** (np.arange(len(ROWS)) / 4))
