"""Palettes for drawings."""

import numpy as np
from PIL import Image

from benchmarks.photo.drawn_pictures import PICTURES
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.picture.fewer_colours import ColourTable, coarsen


def count_colours(pixels: np.ndarray) -> int:
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


def test_a_palette_is_nearer_than_the_one_of_pillow() -> None:
    cartoon = PICTURES["cartoon"]()
    pixels = np.asarray(cartoon)
    for count in (16, 64):
        reduced = ColourTable(pixels).reduce_to(count)
        assert count_colours(reduced) == count
        theirs = max(
            psnr_db(pixels, np.asarray(cartoon.quantize(count, method).convert("RGB")))
            for method in (Image.Quantize.MEDIANCUT, Image.Quantize.FASTOCTREE)
        )
        assert psnr_db(pixels, reduced) > theirs + 3


def test_few_colours_stay_as_they_are() -> None:
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (5, 3)).astype(np.uint8)
    pixels = palette[rng.integers(0, 5, (20, 30))]
    assert len(ColourTable(pixels)) == 5
    np.testing.assert_array_equal(ColourTable(pixels).reduce_to(16), pixels)


def test_grey_stays_grey() -> None:
    ramp = np.arange(256, dtype=np.uint8).repeat(4).reshape(16, 64, 1).repeat(3, 2)
    reduced = ColourTable(ramp).reduce_to(32)
    assert count_colours(reduced) == 32
    assert np.all(reduced == reduced[..., :1])
    assert np.abs(reduced.astype(int) - ramp).max() <= 4


def test_a_grid_holds_black_and_white() -> None:
    samples = np.arange(256, dtype=np.uint8)
    for step in (3, 5):
        coarse = coarsen(samples, step)
        assert (coarse[0], coarse[-1]) == (0, 255)
        assert set(np.diff(np.unique(coarse)).tolist()) == {step}
        assert np.abs(coarse.astype(int) - samples).max() == step // 2
