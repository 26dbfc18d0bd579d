"""The correction of the local decoder's distributions that exact pixels bring along."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vlaecodec
from tests.conftest import photo
from vlaecodec.networks.photo.distribution import CLASS_BOUNDS, CLASSES, RESIDUAL_UNITS
from vlaecodec.pixels import coder as pixel_coder
from vlaecodec.pixels.correction import COEFFICIENT_LIMIT, Correction, correct, fit_means

INPUTS = 75


def made_up(seed: int, limit: int = COEFFICIENT_LIMIT) -> Correction:
    shape = (CLASSES, 3 * (INPUTS + 4))
    rows = np.random.default_rng(seed).integers(-limit, limit, shape)
    return Correction.from_rows(rows.astype(np.int32))


def as_inputs(residual: np.ndarray) -> np.ndarray:
    return (residual * RESIDUAL_UNITS).astype(np.float32)


@given(st.integers(0, 2**32 - 1))
def test_rows_come_back(seed: int) -> None:
    correction = made_up(seed)
    rows = correction.to_rows()
    again = Correction.from_rows(rows)
    for name in ("seen", "known", "bias", "shift"):
        assert np.array_equal(getattr(again, name), getattr(correction, name))
    assert rows.shape == (CLASSES, 3 * (INPUTS + 4))
    clipped = Correction.from_rows(rows * 1000).to_rows()
    assert np.array_equal(clipped, np.clip(rows * 1000, -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT - 1))


@given(st.integers(0, 2**32 - 1))
def test_sums_are_exact_in_whole_numbers(seed: int) -> None:
    """The largest numbers there are, in float32 and in Python's own integers."""
    correction = made_up(seed)
    rng = np.random.default_rng(seed)
    window, own = (rng.choice([-255, 255, 3], (50, n)) for n in (INPUTS, 3))
    scale = rng.integers(-2047, 2048, (50, 3)).astype(np.int32)
    zeros = np.zeros((50, 3), np.int32)
    means, scales = correct(correction, as_inputs(window), as_inputs(own), zeros, scale)
    for pixel in range(50):
        for colour in range(3):
            of_class = sum(scale[pixel, colour] >= bound for bound in CLASS_BOUNDS)
            total = int(window[pixel] @ correction.seen[of_class, :, colour])
            total += int(own[pixel, :colour] @ correction.known[of_class, :colour, colour])
            total += int(correction.bias[of_class, colour])
            assert means[pixel, colour] == (total + 8) >> 4
            shifted = scale[pixel, colour] + correction.shift[of_class, colour]
            assert scales[pixel, colour] == min(max(shifted, -2047), 2047)


def test_a_fit_finds_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    count = 60_000
    window = rng.integers(-40, 41, (count, INPUTS))
    residual = rng.integers(-60, 61, (count, 3)).astype(np.int32)
    scale = rng.choice([100, 150, 200, 250, 320, 500], (count, 3)).astype(np.int32)
    truth = made_up(1, limit=12)
    truth = replace(truth, shift=np.zeros_like(truth.shift))
    zeros = np.zeros((count, 3), np.int32)
    inputs = as_inputs(window), as_inputs(residual)
    missed, _ = correct(truth, *inputs, zeros, scale)
    found = fit_means(*inputs, residual * 8 - missed, scale)
    assert np.abs(found.seen - truth.seen).max() <= 1
    assert np.abs(found.bias - truth.bias).max() <= 8
    assert np.abs(found.known[:, 0, 1] - truth.known[:, 0, 1]).max() <= 1


def test_a_class_with_few_samples_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    window, residual = (rng.integers(-9, 10, (3000, n)).astype(np.int32) for n in (INPUTS, 3))
    scale = np.full((3000, 3), 100, np.int32)
    scale[:500] = 500
    found = fit_means(as_inputs(window), as_inputs(residual), 0 * residual, scale)
    assert found.seen[0].any()
    assert not found.seen[1:].any()


@pytest.mark.parametrize("options", [{"lossless": True}, {"max_error": 2}])
def test_corrections_pay_and_files_keep_their_promise(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Interlaced, as no photo that the network was trained on.
    pixels = photo(160, 160)
    pixels[::2] = np.roll(pixels[::2], 3, axis=1)
    corrected = vlaecodec.encode(pixels, only_nets=True, **options)
    error = np.abs(np.asarray(vlaecodec.decode(corrected)).astype(int) - pixels).max()
    assert error <= options.get("max_error", 0)
    monkeypatch.setattr(pixel_coder, "MIN_PIXELS", 10**9)
    assert len(corrected) < len(vlaecodec.encode(pixels, only_nets=True, **options))


def test_each_class_takes_what_pays_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here linear terms pay for class 0 alone, a shift for class 1 alone, nothing for the rest."""
    unmoved, moved = np.full((2, len(pixel_coder.SHIFTS), CLASSES, 3), 1e6)
    moved[0, 0] = unmoved[3, 1] = 0
    bits = iter((unmoved, moved))
    fitted = replace(made_up(1, limit=12), shift=np.zeros((CLASSES, 3), np.int32))
    taken: list[Correction] = []
    push_correction = pixel_coder.push_correction

    def push(stack: Any, correction: Correction, model: Any) -> None:
        taken.append(correction)
        push_correction(stack, correction, model)

    monkeypatch.setattr(pixel_coder, "_bits_by_class", lambda *_: next(bits))
    monkeypatch.setattr(pixel_coder, "fit_means", lambda *_: fitted)
    monkeypatch.setattr(pixel_coder, "push_correction", push)
    pixels = photo(144, 128)
    data = vlaecodec.encode(pixels, lossless=True)
    assert np.array_equal(np.asarray(vlaecodec.decode(data)), pixels)
    rows = taken[0].to_rows()
    assert np.array_equal(rows[0], fitted.to_rows()[0])
    assert not rows[1, :-3].any()
    assert np.all(taken[0].shift[1] == pixel_coder.SHIFTS[3])
    assert not rows[2:].any()


@pytest.mark.parametrize("max_error", [1, 4, 9])
def test_clipped_samples_are_seen_clipped(max_error: int) -> None:
    """On a coarse grid a sample can pass black or white; contexts hold what is left of it."""
    rng = np.random.default_rng(max_error)
    pixels = np.where(rng.random((144, 128, 3)) < 0.5, photo(144, 128), 255 * rng.integers(0, 2, 3))
    pixels = pixels.astype(np.uint8)
    decoded = np.asarray(vlaecodec.decode(vlaecodec.encode(pixels, max_error=max_error)))
    assert np.abs(decoded.astype(int) - pixels).max() <= max_error
