"""Drawn training pictures."""

import numpy as np

from vlaecodec.training.photo.data import Crops
from vlaecodec.training.photo.synthetic import draw_pictures


def test_drawings_are_repeatable_and_differ() -> None:
    first, again, other = draw_pictures(4, 7), draw_pictures(4, 7), draw_pictures(4, 8)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_drawings_are_mostly_flat_or_smooth() -> None:
    for picture in draw_pictures(20, 1):
        steps = np.abs(np.diff(picture.astype(int), axis=1)).max(axis=2)
        assert (steps <= 1).mean() > 0.7


def test_part_of_the_crops_are_drawings() -> None:
    black, white = (np.full((40, 40, 3), value, np.uint8) for value in (0, 255))
    crops = Crops([black, black], 16, 400, 0, extra=[white] * 5, part=0.25)
    white_part = float((crops.draw()[:, 0, 0, 0] == 255).float().mean())
    assert 0.15 < white_part < 0.35


def test_without_a_part_there_are_no_drawings() -> None:
    black = np.zeros((40, 40, 3), np.uint8)
    assert Crops([black], 16, 50, 0).draw().max() == 0
