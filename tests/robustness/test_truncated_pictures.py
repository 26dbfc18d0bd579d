"""Pictures that break off, taken on request: as Pillow shows them, but no other thread sees it."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile

from vlaecodec.errors import LossWarning
from vlaecodec.picture.image import read_image


def broken_off(format_name: str, mode: str) -> bytes:
    noise = np.random.default_rng(3).integers(0, 256, (200, 300, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(buffer, format_name)
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("format_name", ["PNG", "BMP", "GIF", "PPM", "TGA"])
def test_what_is_there_is_shown_without_a_switch_that_others_see(
    format_name, mode, monkeypatch
) -> None:
    data = broken_off(format_name, mode)
    with monkeypatch.context() as patch:
        patch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(image.convert("RGB"))

    class Watched(type(ImageFile)):
        def __setattr__(self, name: str, value: object) -> None:
            assert name != "LOAD_TRUNCATED_IMAGES"
            super().__setattr__(name, value)

    before = ImageFile.__class__
    ImageFile.__class__ = Watched
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            image = read_image(data, accept_truncated=True)
    finally:
        ImageFile.__class__ = before
    assert [w.category for w in caught] == [LossWarning]
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), expected)
