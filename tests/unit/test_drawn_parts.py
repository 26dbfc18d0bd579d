"""Which parts of a picture are drawn, and the overlay that they become."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.photo.drawn_pictures import PICTURES
from tests.conftest import photo
from vlaecodec.errors import DamagedError
from vlaecodec.picture.drawn_parts import BLOCK_PX, find_drawn_parts
from vlaecodec.picture.overlay import decode_overlay, encode_overlay, lay_over, lay_over_thumbnail
from vlaecodec.picture.vp8l import encode_vp8l

TOP, LEFT, HEIGHT, WIDTH = 85, 37, 90, 131


def busy_photo(height: int, width: int) -> np.ndarray:
    """A photo with the noise of a sensor: no two neighbours are equal for long."""
    noise = np.random.default_rng(3).normal(0, 4, (height, width, 3))
    return np.clip(photo(height, width) + noise, 0, 255).round().astype(np.uint8)


def page(ground: int = 250) -> np.ndarray:
    """Text around a photo at no round place."""
    image = Image.new("RGB", (240, 200), (ground,) * 3)
    draw = ImageDraw.Draw(image)
    for line in range(5):
        draw.text((8, 6 + 14 * line), "what is drawn here stays as it is", fill=255 - ground)
    pixels = np.asarray(image).copy()
    pixels[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = busy_photo(HEIGHT, WIDTH)
    return pixels


@pytest.mark.parametrize("ground", [250, 12])
def test_a_photo_on_a_page_is_found_to_the_pixel_but_for_its_corners(ground) -> None:
    drawn = find_drawn_parts(page(ground))
    assert drawn is not None
    truth = np.ones(drawn.shape, bool)
    truth[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = False
    rows, columns = np.nonzero(drawn != truth)
    corners = [
        (abs(rows - y) < BLOCK_PX) & (abs(columns - x) < BLOCK_PX)
        for y in (TOP, TOP + HEIGHT)
        for x in (LEFT, LEFT + WIDTH)
    ]
    assert np.all(np.logical_or.reduce(corners))
    assert len(rows) < 0.02 * drawn.size


def test_photos_and_drawings_are_not_mixed() -> None:
    assert find_drawn_parts(busy_photo(200, 240)) is None
    for name in ("text page", "chart", "pixel art", "slide"):
        assert find_drawn_parts(np.asarray(PICTURES[name]().convert("RGB"))) is None
    for shape in ((1, 1), (7, 300), (300, 7), (31, 32)):
        assert find_drawn_parts(page()[: shape[0], : shape[1]]) is None


def test_a_clipped_sky_is_the_photos() -> None:
    pixels = np.asarray(busy_photo(200, 240)).copy()
    ramp = np.linspace(0, 1, 30)[:, None, None]
    pixels[:60] = 255
    pixels[60:90] = np.round(255 * (1 - ramp) + pixels[60:90] * ramp)
    assert find_drawn_parts(pixels) is None


def test_an_overlay_comes_back_and_lies_over_what_it_covers() -> None:
    pixels = page()
    drawn = np.zeros(pixels.shape[:2], bool)
    drawn[:60, 10:100] = True
    overlay = decode_overlay(encode_overlay(pixels, drawn), 240, 200)
    other = np.full_like(pixels, 7)
    np.testing.assert_array_equal(
        lay_over(other, overlay), np.where(drawn[..., None], pixels, other)
    )
    small = lay_over_thumbnail(Image.new("RGB", (24, 20), (7, 7, 7)), overlay)
    assert np.asarray(small)[3, 4].min() > 200
    assert np.asarray(small)[10, 4].tolist() == [7, 7, 7]


def test_an_overlay_of_another_kind_is_refused() -> None:
    samples = np.zeros((20, 24, 4), np.uint8)
    samples[0, 0] = (1, 2, 3, 128)
    with pytest.raises(DamagedError, match="neither opaque nor transparent"):
        decode_overlay(encode_vp8l(samples), 24, 20)
    opaque = encode_vp8l(samples[..., :3])
    for data in (opaque, encode_overlay(page(), np.ones((200, 240), bool)), b"", b"RIFF"):
        with pytest.raises(DamagedError, match="the overlay cannot be read"):
            decode_overlay(data, 24, 20)
