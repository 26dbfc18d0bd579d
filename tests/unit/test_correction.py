"""The correction of the local decoder's means that exact pixels bring along."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vlaecodec
from tests.conftest import photo
from vlaecodec import pixel_coder
from vlaecodec.correction import COEFFICIENT_LIMIT, Correction, fit_correction
from vlaecodec.networks.local_decoder import RESIDUAL_UNITS

INPUTS = 36


def made_up(seed: int, limit: int = COEFFICIENT_LIMIT) -> Correction:
    symbols = np.random.default_rng(seed).integers(
        COEFFICIENT_LIMIT - limit, COEFFICIENT_LIMIT + limit, Correction.count(INPUTS)
    )
    return Correction.from_symbols(symbols.astype(np.int32))


@given(st.integers(0, 2**32 - 1))
def test_symbols_come_back(seed: int) -> None:
    correction = made_up(seed)
    symbols = correction.to_symbols()
    again = Correction.from_symbols(symbols)
    assert np.array_equal(again.window, correction.window)
    assert np.array_equal(again.known, correction.known)
    assert np.array_equal(again.bias, correction.bias)
    assert symbols.min() >= 0
    assert symbols.max() < 2 * COEFFICIENT_LIMIT


@given(st.integers(0, 2**32 - 1))
def test_sums_are_exact_in_whole_numbers(seed: int) -> None:
    """The largest numbers there are, in float32 and in Python's own integers."""
    correction = made_up(seed)
    rng = np.random.default_rng(seed)
    window, known = (rng.choice([-255, 255, 3], (50, n)) for n in (INPUTS, 2))
    found = correction.apply(*((x * RESIDUAL_UNITS).astype(np.float32) for x in (window, known)))
    total = window @ correction.window + known @ correction.known + correction.bias
    assert np.array_equal(found, (total + 8) >> 4)


def test_a_fit_finds_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    window = rng.integers(-40, 41, (4000, INPUTS))
    residual = rng.integers(-60, 61, (4000, 3))
    truth = made_up(1, limit=12)
    known = np.where(np.arange(2)[:, None] < np.arange(3), truth.known, 0)
    missed = (window @ truth.window + residual[:, :2] @ known + truth.bias) / 128
    mean = np.round((residual - missed) * 8).astype(np.int32)
    found = fit_correction(
        *((x * RESIDUAL_UNITS).astype(np.float32) for x in (window, residual[:, :2])),
        residual.astype(np.int32),
        mean,
        np.full((4000, 3), 80, np.int32),
    )
    assert np.abs(found.window - truth.window).max() <= 1
    assert np.abs(found.known - known).max() <= 1


@pytest.mark.parametrize("options", [{"lossless": True}, {"max_error": 2}])
def test_corrected_files_keep_their_promise(
    options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = photo(160, 128)
    corrected = vlaecodec.encode(pixels, **options)  # type: ignore[arg-type]
    error = np.abs(np.asarray(vlaecodec.decode(corrected)).astype(int) - pixels).max()
    assert error <= int(options.get("max_error", 0))  # type: ignore[call-overload]
    monkeypatch.setattr(pixel_coder, "MIN_PIXELS", 10**9)
    plain = vlaecodec.encode(pixels, **options)  # type: ignore[arg-type]
    assert len(corrected) < len(plain)


@pytest.mark.parametrize("max_error", [1, 4, 9])
def test_clipped_samples_are_seen_clipped(max_error: int) -> None:
    """On a coarse grid a sample can pass black or white; contexts hold what is left of it."""
    rng = np.random.default_rng(max_error)
    pixels = np.where(rng.random((144, 128, 3)) < 0.5, photo(144, 128), 255 * rng.integers(0, 2, 3))
    pixels = pixels.astype(np.uint8)
    decoded = np.asarray(vlaecodec.decode(vlaecodec.encode(pixels, max_error=max_error)))
    assert np.abs(decoded.astype(int) - pixels).max() <= max_error
