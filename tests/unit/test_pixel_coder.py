"""Exact pixels: what is coded comes back, bit for bit or within its bound."""

import numpy as np
import pytest

from tests.conftest import photo
from vlaecodec.entropy.scales import FRACTIONS, RESIDUAL_INDICES, RESIDUAL_ROWS, SCALE_UNITS
from vlaecodec.entropy.tables import residual_tables
from vlaecodec.errors import DamagedError
from vlaecodec.pixels import fitting, lossless, passes
from vlaecodec.pixels.correction import CLASSES, Correction, corrected_grids
from vlaecodec.pixels.fitting import apply_all
from vlaecodec.pixels.kernel import Workspace
from vlaecodec.pixels.residual import ResidualGrid, low_bits


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
    words, expected = lossless.encode_pixels(tiny_model, pixels, mean, trunk, max_error)
    decoded = lossless.decode_pixels(tiny_model, words, mean, trunk, max_error)
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
    words, _ = lossless.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    assert np.array_equal(lossless.decode_pixels(tiny_model, words, mean, trunk, 0), pixels)


def test_the_number_of_pixels_computed_at_once_does_not_matter(tiny_model, monkeypatch) -> None:
    pixels, mean, trunk = sample(tiny_model, 33, 20)
    whole, _ = lossless.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    monkeypatch.setattr(passes, "BLOCK_PX", 60)
    banded, _ = lossless.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    assert np.array_equal(banded, whole)


def test_damage_is_noticed_without_checksums(tiny_model) -> None:
    pixels, mean, trunk = sample(tiny_model, 16, 16)
    words, _ = lossless.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    for broken in (words[1:], words[:-1], np.append(words, np.uint32(7))):
        try:
            decoded = lossless.decode_pixels(tiny_model, broken, mean, trunk, 0)
        except DamagedError:
            continue
        assert not np.array_equal(decoded, pixels)


@pytest.mark.parametrize("max_error", [0, 1, 7, 15])
def test_a_sample_that_is_as_predicted_is_the_likeliest(max_error) -> None:
    """The table that a prediction leads to has its mode where the prediction says."""
    tables, grid = residual_tables(), ResidualGrid(RESIDUAL_ROWS, max_error)
    for grey in (-200, -37, 0, 5, 120):
        for index in range(8, 41):
            prediction = (np.array([v], np.int32) for v in (8 * grey, 16 * index, 128))
            index = grid.select_tables(*prediction)
            mode = int(np.argmax(tables.table(int(index.table[0]))[:-1]))
            mode += int(tables.lows[index.table[0]]) + int(index.base[0])
            width = grid.step << int(index.bits[0])
            middle = (mode * width) + (width - grid.step) / 2
            assert abs(middle - grey) <= width * (1 / 2 + 1 / 16)


@pytest.mark.parametrize("rows", [20, RESIDUAL_ROWS, RESIDUAL_INDICES])
def test_wide_scales_use_rows_of_the_last_octave(rows) -> None:
    bits = low_bits(rows)
    assert bits[rows - 1] == 0
    assert (bits[rows : rows + 1] == 1).all()
    chosen = ResidualGrid(rows).select_tables(
        np.zeros(RESIDUAL_INDICES, np.int32),
        SCALE_UNITS * np.arange(RESIDUAL_INDICES, dtype=np.int32),
        np.zeros(RESIDUAL_INDICES, np.int32),
    )
    assert np.array_equal(chosen.bits, bits)
    row = chosen.table // FRACTIONS
    assert ((row >= 0) & (row < rows)).all()
    assert np.allclose(2.0 ** (row / 4) * 2.0**bits, 2.0 ** (np.arange(RESIDUAL_INDICES) / 4))


def test_pixels_cost_what_their_words_hold(tiny_model) -> None:
    pixels, mean, trunk = sample(tiny_model, 40, 56)
    for colours in (1, 3):
        coded = pixels if colours == 3 else np.repeat(pixels[..., 1:2], 3, axis=2)
        means = mean if colours == 3 else np.repeat(mean[..., 1:2], 3, axis=2)
        words, decoded = lossless.encode_pixels(tiny_model, coded, means, trunk, 2, colours=colours)
        bits = lossless.pixel_bits(tiny_model, words, decoded, means, trunk, 2, colours=colours)
        assert bits.shape == (40, 56)
        assert abs(bits.sum() - 32 * len(words)) < 64


@pytest.mark.parametrize("max_error", [1, 4, 9])
def test_clipped_samples_are_seen_clipped(tiny_model, max_error: int) -> None:
    """On a coarse grid a sample can pass black or white; contexts hold what is left of it."""
    rng = np.random.default_rng(max_error)
    pixels, mean, trunk = sample(tiny_model, 72, 64)
    pixels = np.where(rng.random((72, 64, 3)) < 0.5, pixels, 255 * rng.integers(0, 2, 3))
    pixels = pixels.astype(np.uint8)
    words, _ = lossless.encode_pixels(tiny_model, pixels, mean, trunk, max_error)
    decoded = lossless.decode_pixels(tiny_model, words, mean, trunk, max_error)
    assert np.abs(decoded.astype(int) - pixels).max() <= max_error


def test_corrections_are_coded_and_undone(tiny_model, monkeypatch) -> None:
    """Of two sub-grids, at random: the decoder's kernel adds what the encoder takes as added."""
    chosen = {}

    def fit(_model, _values, runner, predicted, _grid):
        for number in corrected_grids(len(runner.grids)):
            count = runner.linear_inputs(number)
            rows = np.random.default_rng(number).integers(-30, 31, (CLASSES, 3 * (count + 4)))
            chosen[number] = None if number == 8 else Correction.from_rows(rows.astype(np.int32))
        corrected = [outputs.copy() for outputs in predicted]
        apply_all(chosen, runner, corrected)
        for number, correction in chosen.items():
            runner.correct(number, correction.for_kernel() if correction else None)
        for ours, decoders in zip(corrected, lossless.predict_all(runner, 3), strict=True):
            assert np.array_equal(ours, decoders)
        assert not np.array_equal(corrected[-1], predicted[-1])
        return chosen

    monkeypatch.setattr(lossless, "fit_all", fit)
    pixels, mean, trunk = sample(tiny_model, 24, 32)
    words, decoded = lossless.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    assert np.array_equal(decoded, pixels)
    assert np.array_equal(lossless.decode_pixels(tiny_model, words, mean, trunk, 0), pixels)
    bits = lossless.pixel_bits(tiny_model, words, pixels, mean, trunk, 0)
    assert 0 < bits.sum() < 32 * len(words)


def test_a_correction_pays_where_photos_are_unlike_those_of_training(tiny_model) -> None:
    """Interlaced, as no photo: the untrained network is far off, and least squares are not."""
    pixels, mean, trunk = sample(tiny_model, 160, 160)
    words, _ = lossless.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    assert np.array_equal(lossless.decode_pixels(tiny_model, words, mean, trunk, 0), pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "MIN_PIXELS", 10**9)
        plain, _ = lossless.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    assert len(words) < len(plain)


def test_the_order_in_which_threads_finish_changes_no_correction(tiny_model, monkeypatch) -> None:
    pixels, mean, trunk = sample(tiny_model, 160, 160)
    expected, _ = lossless.encode_pixels(tiny_model, pixels, mean, trunk, 0)

    def do_last_first(work, jobs) -> None:
        for job in reversed(jobs):
            work(job)

    for module in (fitting, lossless, passes):
        monkeypatch.setattr(module, "do_all", do_last_first)
    words, _ = lossless.encode_pixels(tiny_model, pixels, mean, trunk, 0)
    assert np.array_equal(words, expected)


@pytest.mark.parametrize("columns", [1, 1000, 1024, 4096])
def test_rows_of_a_workspace_do_not_share_lines_of_the_cache(columns) -> None:
    """Rows whole pages apart would: products of such blocks take a fifth longer."""
    space = Workspace()
    for rows in (3, 9, 2):
        block = space.take("block", rows, columns)
        assert block.shape == (rows, columns)
        assert block.strides[1] == 4
        assert block.strides[0] >= 4 * columns
        assert block.strides[0] % 128 == 64
