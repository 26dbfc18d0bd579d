"""Arrays of every shape and type that `encode` takes."""

import numpy as np
import pytest
from PIL import Image

from tests.conftest import photo
from vlaecodec.errors import ImageError
from vlaecodec.picture.image import to_picture


def test_shapes_are_what_pillow_would_make_of_them() -> None:
    pixels = photo(20, 30)
    alpha = np.arange(600, dtype=np.uint8).reshape(20, 30)
    for array in (pixels, pixels[..., 0], np.dstack([pixels, alpha])):
        one, other = to_picture(array), to_picture(Image.fromarray(array))
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.grey == other.grey
        assert (one.alpha is None) == (other.alpha is None)
    np.testing.assert_array_equal(to_picture(np.dstack([pixels, alpha])).alpha, alpha)
    grey = to_picture(pixels[..., :1])
    assert grey.grey
    np.testing.assert_array_equal(grey.pixels[..., 2], pixels[..., 0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_from_0_to_1_are_rounded(dtype) -> None:
    array = np.linspace(0, 1, 300).reshape(10, 10, 3).astype(dtype)
    expected = np.rint(255 * array.astype(np.float64))
    np.testing.assert_allclose(
        to_picture(array).pixels, expected, atol=1 if dtype == np.float16 else 0
    )
    with pytest.raises(ImageError, match="cannot be kept exactly"):
        to_picture(array, exact=True)


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan, np.inf])
def test_other_floats_are_refused(value) -> None:
    array = np.full((4, 4, 3), 0.5)
    array[1, 2, 0] = value
    with pytest.raises(ImageError, match="from 0 to 1"):
        to_picture(array)


def test_other_types_and_shapes_are_refused() -> None:
    for array in (np.zeros((4, 4), np.int32), np.zeros((4, 4), np.uint16), np.zeros((4, 4), bool)):
        with pytest.raises(ImageError, match="must be uint8"):
            to_picture(array)
    for shape in ((4,), (4, 4, 2), (4, 4, 5), (1, 4, 4, 3), (0, 4), (4, 0, 3)):
        with pytest.raises(ImageError):
            to_picture(np.zeros(shape, np.uint8))
