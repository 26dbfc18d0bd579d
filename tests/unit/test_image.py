import io

import numpy as np
import pytest
from PIL import Image

from tests.conftest import photo
from vlaecodec.errors import ImageError, LossWarning
from vlaecodec.picture.image import read_image, to_grey, to_image, to_picture
from vlaecodec.picture.sample_depth import is_cut


def test_rgb_is_taken_as_it_is() -> None:
    pixels = photo(20, 30)
    assert np.array_equal(to_picture(Image.fromarray(pixels)).pixels, pixels)
    assert np.array_equal(to_picture(pixels).pixels, pixels)


@pytest.mark.parametrize("as_array", [True, False])
def test_grey_is_kept_as_such(as_array) -> None:
    grey = photo(9, 8)[..., 0]
    picture = to_picture(grey if as_array else Image.fromarray(grey))
    assert picture.grey
    assert np.array_equal(picture.pixels, np.stack([grey] * 3, axis=2))
    assert np.array_equal(np.asarray(to_image(picture)), grey)
    assert np.array_equal(to_grey(picture.pixels), picture.pixels)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "L", "RGB", "1"])
def test_what_a_file_holds_comes_back_exactly(mode) -> None:
    """Also transparency that a PNG tells by one colour, or by a palette entry."""
    image = Image.fromarray(photo(6, 5)).convert("RGB").convert("P" if mode == "PA" else mode)
    if mode == "PA":
        image.putalpha(Image.fromarray(photo(6, 5)[..., 1]))
    elif mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(photo(6, 5, seed=2)[..., 0]))
    else:
        image.info["transparency"] = image.getpixel((2, 2))
    picture = to_picture(image, exact=True)
    back = to_image(picture)
    assert back.mode == ("LA" if mode in ("L", "LA", "1") else "RGBA")
    assert back.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


def test_colours_that_do_not_show_are_filled_smoothly() -> None:
    pixels = np.zeros((64, 48, 3), np.uint8)
    alpha = np.zeros((64, 48), np.uint8)
    pixels[20:40, 10:30], alpha[20:40, 10:30] = (200, 100, 50), 255
    image = Image.fromarray(np.dstack([pixels, alpha]))
    filled = to_picture(image).pixels
    assert (filled == (200, 100, 50)).all()
    assert np.array_equal(to_picture(image, exact=True).pixels, pixels)


def test_nothing_shows_of_a_picture_that_is_all_transparent() -> None:
    picture = to_picture(Image.new("RGBA", (4, 4), (255, 0, 0, 0)))
    assert picture.alpha is not None
    assert not picture.alpha.any()
    assert not picture.pixels.any()


def test_sixteen_bits_are_refused_or_rounded() -> None:
    image = Image.fromarray(np.array([[0, 128, 257, 65535]], np.uint16))
    with pytest.raises(ImageError, match="to_8_bit"):
        to_picture(image)
    picture = to_picture(image, to_8_bit=True)
    assert picture.grey
    assert picture.pixels[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "LAB"])
def test_other_modes_are_converted(mode: str) -> None:
    image = Image.fromarray(photo(6, 5)).convert("RGB")
    image = Image.new("LAB", (5, 6), (128, 0, 0)) if mode == "LAB" else image.convert(mode)
    assert to_picture(image).pixels.shape == (6, 5, 3)


def test_a_cmyk_profile_is_applied_and_not_kept() -> None:
    image = Image.fromarray(photo(6, 5)).convert("RGB").convert("CMYK")
    image.info["icc_profile"] = b"no profile at all"
    with pytest.warns(LossWarning, match="profile cannot be used"):
        assert to_picture(image).metadata.icc_profile is None


def test_orientation_is_applied_to_images_too() -> None:
    image = Image.fromarray(photo(4, 6))
    image.getexif()[0x0112] = 6
    assert to_picture(image).pixels.shape == (6, 4, 3)


def test_opaque_transparency_is_no_loss() -> None:
    pixels = photo(5, 7)
    image = Image.fromarray(pixels).convert("RGBA")
    picture = to_picture(image)
    assert picture.alpha is None
    assert np.array_equal(picture.pixels, pixels)


def _save(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_deep_samples_that_pillow_cuts_are_found() -> None:
    ppm = b"P6 2 1 1023\n" + bytes(range(12))
    plain = b"P3 2 1 1023\n1 2 3 4 5 6 "
    shallow = _save(Image.fromarray(photo(8, 8)), "JPEG2000")
    siz = shallow.index(b"\xff\x4f\xff\x51")
    # The depth of each of its components, less one, follows their number.
    deep = shallow[: siz + 42] + bytes([11, 1, 1] * 3) + shallow[siz + 51 :]
    avif = _save(Image.fromarray(photo(8, 8)), "AVIF")
    box = avif.index(b"av1C")
    deep_avif = avif[: box + 6] + bytes([avif[box + 6] | 0x40]) + avif[box + 7 :]
    # Pillow would not open what contradicts itself; it can write no deep AVIF.
    opened = Image.open(io.BytesIO(avif))
    assert is_cut(opened, deep_avif)
    assert not is_cut(opened, avif)
    for data in (ppm, plain, deep):
        image = Image.open(io.BytesIO(data))
        assert image.mode == "RGB"
        with pytest.raises(ImageError, match="to_8_bit"):
            read_image(data)
    packed = bytearray(_save(Image.new("RGB", (4, 4)), "BMP"))
    packed[28:30] = (16).to_bytes(2, "little")  # a pixel in 16 bits, not a sample
    for data in (shallow, b"P6 2 1 255\n" + bytes(6), bytes(packed)):
        assert read_image(data).mode == "RGB"
    for bitmap in (b"P1 2 1\n0 1\n", b"P4 2 1\n\x40"):
        assert list(read_image(bitmap).convert("L").tobytes()) == [255, 0]


def test_the_limit_is_ours_where_pillows_is_lower(monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data = _save(Image.new("L", (30, 20)), "PNG")
    assert read_image(data).size == (30, 20)
    with pytest.raises(ImageError, match="more than the limit of 599"):
        read_image(data, max_pixels=599)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), np.int32),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 70_000, 3), np.uint8),
        "photo.png",
        Image.new("F", (2, 2)),
    ],
)
def test_what_cannot_be_encoded_is_refused(bad) -> None:
    with pytest.raises(ImageError):
        to_picture(bad)


def test_files_that_are_no_images_are_refused() -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo(40, 40)).save(buffer, "PNG")
    for data in (b"", b"hello", buffer.getvalue()[:60]):
        with pytest.raises(ImageError):
            read_image(data)
