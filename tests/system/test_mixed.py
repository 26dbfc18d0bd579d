"""Pictures that are photos in one place and drawn in another."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import vlaecodec
import vlaecodec.pillow_plugin
from tests.forge import forge_section
from tests.unit.test_drawn_parts import HEIGHT, LEFT, TOP, WIDTH, page
from vlaecodec.bitstream.header import Section
from vlaecodec.codec.check import check_file
from vlaecodec.errors import DamagedError, LossWarning, ReproductionError
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.picture.drawn_parts import find_drawn_parts
from vlaecodec.picture.image import to_picture
from vlaecodec.picture.overlay import encode_overlay

PHOTO = np.s_[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return page()


@pytest.fixture(scope="module")
def data(pixels) -> bytes:
    return vlaecodec.encode(pixels, 30)


def test_what_is_drawn_is_exact_and_the_photo_is_small(pixels, data) -> None:
    decoded = np.asarray(vlaecodec.decode(data))
    drawn = find_drawn_parts(pixels)
    np.testing.assert_array_equal(decoded[drawn], pixels[drawn])
    assert psnr_db(pixels[PHOTO], decoded[PHOTO]) > 25
    assert vlaecodec.read_info(data).coding == "networks and webp"
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "WEBP", lossless=True, method=6)
    assert len(data) < 0.3 * len(stored.getvalue())
    networks = vlaecodec.encode(pixels, 30, only_nets=True)
    text = np.s_[:TOP]
    assert psnr_db(pixels[text], np.asarray(vlaecodec.decode(networks))[text]) < 40
    vlaecodec.verify(data)


def test_regions_thumbnails_previews_and_plugins_show_it_too(data) -> None:
    whole = np.asarray(vlaecodec.decode(data))
    region = np.asarray(vlaecodec.decode(data, region=(20, 40, 100, 70)))
    np.testing.assert_array_equal(region, whole[40:110, 20:120])
    np.testing.assert_array_equal(np.asarray(vlaecodec.decode(data, preview=True)), whole)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), whole)
    small = vlaecodec.decode_thumbnail(data, 120)
    expected = Image.fromarray(whole).resize(small.size, Image.Resampling.BOX)
    assert psnr_db(np.asarray(expected), np.asarray(small)) > 28
    drawn = vlaecodec.decode(data, texture=1.0)
    np.testing.assert_array_equal(np.asarray(drawn)[:60], whole[:60])
    assert np.any(np.asarray(drawn) != whole)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_grey_pages_and_transparent_ones(pixels, mode) -> None:
    image = Image.fromarray(pixels).convert(mode)
    if mode.endswith("A"):
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
        alpha[:, :12] = 90
        image.putalpha(Image.fromarray(alpha))
    data = vlaecodec.encode(image, 30)
    assert vlaecodec.read_info(data).coding == "networks and webp"
    decoded = vlaecodec.decode(data)
    assert decoded.mode == mode
    np.testing.assert_array_equal(np.asarray(decoded)[:60], np.asarray(image)[:60])


def test_a_damaged_overlay_is_an_error_or_left_out(data) -> None:
    broken = bytearray(data)
    broken[data.index(b"RIFF") + 40] ^= 1
    with pytest.raises(DamagedError, match="overlay is damaged; keep_going does without"):
        vlaecodec.decode(bytes(broken))
    with pytest.raises(DamagedError):
        vlaecodec.verify(bytes(broken))
    with pytest.warns(LossWarning, match="overlay is damaged, and left out"):
        rest = np.asarray(vlaecodec.decode(bytes(broken), keep_going=True))
    np.testing.assert_array_equal(
        rest[PHOTO][20:60, 20:100], np.asarray(vlaecodec.decode(data))[PHOTO][20:60, 20:100]
    )
    other = forge_section(data, Section.OVERLAY, b"RIFF" + bytes(40))
    with pytest.raises(DamagedError, match="overlay cannot be read"):
        vlaecodec.decode(other)


def test_a_new_file_is_checked_with_its_overlay(pixels, data) -> None:
    picture = to_picture(pixels)
    check_file(data, picture, None, 1)
    drawn = find_drawn_parts(pixels)
    other = forge_section(data, Section.OVERLAY, encode_overlay(pixels ^ 1, drawn))
    with pytest.raises(ReproductionError, match="another picture"):
        check_file(other, picture, None, 1)
    broken = forge_section(data, Section.OVERLAY, b"RIFF" + bytes(40))
    with pytest.raises(ReproductionError, match="does not decode here"):
        check_file(broken, picture, None, 1)
