"""Photos that local decoders are trained on, made smaller first."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import photo
from vlaecodec.training.photo import build_cache
from vlaecodec.training.photo.build_cache import REDUCTION, SHORTEST_REDUCED_PX, reduce_photo


@pytest.fixture(autouse=True)
def plain(monkeypatch) -> None:
    monkeypatch.setattr(build_cache, "NOISY_PART", 0.0)
    monkeypatch.setattr(build_cache, "COARSE_COLOURS_PART", 0.0)


def reduced(pixels: np.ndarray, seed: int = 0) -> np.ndarray:
    return reduce_photo(pixels, np.random.default_rng(seed))


def test_they_keep_their_shape_and_a_shortest_side() -> None:
    for height, width in ((256, 474), (608, 512), (150, 150)):
        for seed in range(5):
            found = reduced(photo(height, width), seed)
            factor = height / found.shape[0]
            assert width / found.shape[1] == pytest.approx(factor, rel=0.02)
            assert factor <= REDUCTION[1] + 0.02
            assert min(found.shape[:2]) >= SHORTEST_REDUCED_PX


def test_some_get_noise(monkeypatch) -> None:
    flat = np.full((300, 400, 3), 128, np.uint8)
    assert reduced(flat).std() == 0
    monkeypatch.setattr(build_cache, "NOISY_PART", 1.0)
    found = reduced(flat).astype(float)
    assert 0 < found.std() < 3
    assert abs(found.mean() - 128) < 0.1
    assert not np.array_equal(found[..., 0], found[..., 1]), "each colour has noise of its own"


def test_some_get_coarse_colours(monkeypatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)

    def fine_colour(found: np.ndarray) -> float:
        difference = found[..., 0].astype(float) - found[..., 1]
        return float(np.abs(np.diff(difference, axis=1)).mean())

    before = fine_colour(reduced(pixels))
    monkeypatch.setattr(build_cache, "COARSE_COLOURS_PART", 1.0)
    assert fine_colour(reduced(pixels)) < 0.6 * before
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    found = reduced(grey).astype(int)
    assert np.ptp(found, axis=2).max() <= 1, "grey stays grey, but for rounding"
