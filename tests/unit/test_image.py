import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.conftest import photo
from vlaecodec.errors import ImageError, LossWarning
from vlaecodec.image import read_image, to_pixels


def test_rgb_is_taken_as_it_is() -> None:
    pixels = photo(20, 30)
    assert np.array_equal(to_pixels(Image.fromarray(pixels)), pixels)
    assert np.array_equal(to_pixels(pixels), pixels)


def test_grey_is_repeated() -> None:
    grey = photo(9, 8)[..., 0]
    assert np.array_equal(to_pixels(grey), np.stack([grey] * 3, axis=2))
    assert np.array_equal(to_pixels(Image.fromarray(grey)), to_pixels(grey))


def test_transparency_is_flattened_on_white_with_a_warning() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    with pytest.warns(LossWarning, match="white"):
        assert (to_pixels(image) == 255).all()


def test_sixteen_bits_are_rounded_with_a_warning() -> None:
    image = Image.fromarray(np.array([[0, 128, 257, 65535]], np.uint16))
    with pytest.warns(LossWarning, match="16-bit"):
        assert to_pixels(image)[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV"])
def test_other_modes_are_converted(mode: str) -> None:
    image = Image.fromarray(photo(6, 5)).convert("RGB")
    image = image.convert(mode)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LossWarning)
        assert to_pixels(image).shape == (6, 5, 3)


def test_orientation_is_applied() -> None:
    image = Image.fromarray(photo(4, 6))
    exif = image.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    assert read_image(buffer.getvalue()).size == (4, 6)


def test_orientation_is_applied_to_images_too() -> None:
    image = Image.fromarray(photo(4, 6))
    image.getexif()[0x0112] = 6
    assert to_pixels(image).shape == (6, 4, 3)


def test_opaque_transparency_is_no_loss() -> None:
    pixels = photo(5, 7)
    image = Image.fromarray(pixels).convert("RGBA")
    assert np.array_equal(to_pixels(image), pixels)


def test_sixteen_bit_colour_is_reduced_with_a_warning() -> None:
    # A 1 x 1 PNG of 16-bit RGB; Pillow itself cannot write one.
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    samples = zlib.compress(b"\0" + struct.pack(">HHH", 65535, 0, 32768))
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", samples)
        + chunk(b"IEND", b"")
    )
    with pytest.warns(LossWarning, match="16-bit"):
        assert read_image(data).size == (1, 1)


def test_only_the_first_frame_of_an_animation_is_kept() -> None:
    buffer = io.BytesIO()
    frames = [Image.fromarray(photo(8, 9, seed)) for seed in (1, 2)]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    with pytest.warns(LossWarning, match="first frame"):
        assert read_image(buffer.getvalue()).size == (9, 8)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 70_000, 3), np.uint8),
        "photo.png",
        Image.new("F", (2, 2)),
    ],
)
def test_what_cannot_be_encoded_is_refused(bad) -> None:
    with pytest.raises(ImageError):
        to_pixels(bad)


def test_files_that_are_no_images_are_refused() -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo(40, 40)).save(buffer, "PNG")
    for data in (b"", b"hello", buffer.getvalue()[:60]):
        with pytest.raises(ImageError):
            read_image(data)
