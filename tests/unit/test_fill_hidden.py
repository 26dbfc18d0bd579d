"""Colours under transparent places: continued from what shows, band by band."""

import tracemalloc

import numpy as np
import pytest

from vlaecodec.picture import alpha as module
from vlaecodec.picture.alpha import fill_hidden


@pytest.mark.parametrize("shape", [(9, 7), (64, 50), (101, 33)])
def test_bands_give_what_one_band_gives(shape, monkeypatch) -> None:
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (*shape, 3), np.uint8)
    alpha = (random.random(shape) < 0.02).astype(np.uint8) * 200
    whole = fill_hidden(pixels, alpha)
    monkeypatch.setattr(module, "_BAND_ROWS", 16)
    np.testing.assert_array_equal(fill_hidden(pixels, alpha), whole)
    shown = alpha > 0
    np.testing.assert_array_equal(whole[shown], pixels[shown])


def test_one_colour_that_shows_is_continued_everywhere() -> None:
    pixels = np.zeros((37, 21, 3), np.uint8)
    alpha = np.zeros((37, 21), np.uint8)
    pixels[30, 3], alpha[30, 3] = (10, 200, 90), 1
    np.testing.assert_array_equal(fill_hidden(pixels, alpha), np.full_like(pixels, (10, 200, 90)))


def test_memory_is_a_few_times_that_of_the_pixels() -> None:
    pixels = np.full((6000, 800, 3), 77, np.uint8)
    alpha = np.zeros((6000, 800), np.uint8)
    alpha[::50] = 255
    tracemalloc.start()
    try:
        fill_hidden(pixels, alpha)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * pixels.nbytes
