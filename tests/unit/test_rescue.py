"""Broken tiles show the colours around them."""

import numpy as np
import pytest

from vlaecodec.bitstream.tiles import TileBox
from vlaecodec.codec.rescue import FAR_PX, GREY, NEAR_PX, continue_colours

BOX = TileBox(256, 256, 512, 512)


def ramp(side: int = 768) -> np.ndarray:
    """Red rises to the right, green downwards; blue is constant."""
    rise = np.linspace(0, 255, side).astype(np.uint8)
    return np.dstack(
        [
            np.tile(rise, (side, 1)),
            np.tile(rise[:, None], (1, side)),
            np.full((side, side), 40, np.uint8),
        ]
    )


def test_a_box_takes_the_colours_around_it_and_the_rest_stays() -> None:
    whole = ramp()
    picture = whole.copy()
    picture[256 - NEAR_PX : 512 + NEAR_PX, 256 - NEAR_PX : 512 + NEAR_PX] = 255
    near = picture.copy()
    continue_colours(picture, [BOX])
    inside = np.zeros(picture.shape[:2], bool)
    inside[256:512, 256:512] = True
    np.testing.assert_array_equal(picture[~inside], near[~inside])
    off = np.abs(picture[inside].astype(int) - whole[inside])
    assert off[:, 2].max() == 0
    as_grey = np.abs(GREY - whole[inside].astype(int))
    assert off.mean() < as_grey.mean() / 2
    assert picture[300, 260, 0] < picture[300, 508, 0]


def test_what_is_too_near_a_broken_box_is_not_trusted() -> None:
    picture = np.full((768, 768, 3), 90, np.uint8)
    picture[256 - NEAR_PX : 512 + NEAR_PX, 256 - NEAR_PX : 512 + NEAR_PX] = 255
    continue_colours(picture, [BOX])
    assert (picture[256:512, 256:512] == 90).all()


def test_grey_where_nothing_is_left_around() -> None:
    picture = np.full((600, 600, 3), 7, np.uint8)
    continue_colours(picture, [TileBox(0, 0, 600, 600)])
    assert (picture == GREY).all()


def test_no_box_changes_nothing() -> None:
    picture = ramp(64)
    continue_colours(picture, [])
    np.testing.assert_array_equal(picture, ramp(64))


@pytest.mark.parametrize("factor", [2, 8, 16])
def test_reduced_pictures_are_filled_at_the_same_place(factor: int) -> None:
    side = 4 * FAR_PX + 16
    small = np.full((side // factor, side // factor, 3), 90, np.uint8)
    box = TileBox(2 * FAR_PX, 2 * FAR_PX, side, side)
    first = 2 * FAR_PX // factor
    small[first:, first:] = 0
    continue_colours(small, [box], factor)
    assert (small == 90).all()


def test_two_boxes_side_by_side_do_not_take_each_other_for_shown() -> None:
    picture = np.full((600, 1200, 3), 90, np.uint8)
    picture[256:512, 256:768] = 0
    continue_colours(picture, [BOX, TileBox(512, 256, 768, 512)])
    assert (picture == 90).all()
