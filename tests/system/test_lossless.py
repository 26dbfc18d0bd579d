"""Files that hold exact pixels, through the public functions."""

import warnings

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.bitstream.header import read_header
from vlaecodec.bitstream.tiles import TILE_PX
from vlaecodec.codec.decode import decode_pixels, verify
from vlaecodec.errors import DamagedError, ImageError, LossWarning, ParameterError

PHOTO = photo(64, 80, seed=2)


@pytest.fixture(scope="module")
def lossless() -> bytes:
    return vlaecodec.encode(PHOTO, lossless=True, only_nets=True)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (33, 47)])
def test_every_sample_comes_back(size) -> None:
    pixels = photo(*size)
    for quality in (1, None, 90):
        data = vlaecodec.encode(pixels, quality, lossless=True)
        assert np.array_equal(decode_pixels(data), pixels)


@pytest.mark.parametrize("max_error", [1, 2, 5, 15])
def test_no_sample_is_off_by_more_than_the_bound(lossless, max_error) -> None:
    data = vlaecodec.encode(PHOTO, max_error=max_error)
    assert np.abs(decode_pixels(data).astype(int) - PHOTO).max() == max_error
    assert len(data) < len(lossless)
    assert vlaecodec.read_info(data).max_error == max_error


def test_a_file_cut_after_its_latents_is_a_lossy_picture(lossless) -> None:
    preview = decode_pixels(lossless, preview=True)
    lossy = vlaecodec.encode(PHOTO, read_header(lossless)[0].quality, tune="psnr")
    assert np.array_equal(preview, decode_pixels(lossy))
    cut = read_header(lossless)[1].latents_end
    for size in (cut, cut + 9, len(lossless) - 1):
        with pytest.warns(LossWarning, match="exact pixels of 1 of 1"):
            assert np.array_equal(decode_pixels(lossless[:size], keep_going=True), preview)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.array_equal(decode_pixels(lossless[:size], preview=True), preview)
        with pytest.raises(DamagedError):
            verify(lossless[:size])
    with pytest.raises(DamagedError):
        decode_pixels(lossless[: cut - 1])


def test_damage_to_one_tile_leaves_the_others_exact() -> None:
    pixels = photo(20, TILE_PX + 30, seed=6)
    data = bytearray(vlaecodec.encode(pixels, lossless=True, only_nets=True))
    data[-20] ^= 1
    with pytest.warns(LossWarning, match="1 of 2 tiles"):
        decoded = decode_pixels(bytes(data), keep_going=True)
    assert np.array_equal(decoded[:, :TILE_PX], pixels[:, :TILE_PX])
    assert not np.array_equal(decoded, pixels)


def test_tiles_side_by_side_are_tiles_one_after_another() -> None:
    pixels = photo(24, 2 * TILE_PX + 30, seed=7)
    done: list[float] = []
    exact = {"lossless": True, "only_nets": True}
    data = vlaecodec.encode(pixels, threads=2, progress=done.append, **exact)
    assert data == vlaecodec.encode(pixels, threads=1, **exact)
    assert done == sorted(done)
    assert done[-1] == 1
    for threads in (1, 2, 8):
        assert np.array_equal(decode_pixels(data, threads=threads), pixels)
    broken = bytearray(data)
    broken[-20] ^= 1
    with pytest.warns(LossWarning, match="1 of 3 tiles"):
        decoded = decode_pixels(bytes(broken), threads=2, keep_going=True)
    assert np.array_equal(decoded[:, : 2 * TILE_PX], pixels[:, : 2 * TILE_PX])


@pytest.mark.parametrize("mode", ["I;16", "CMYK", "F"])
def test_what_a_file_cannot_hold_is_refused(mode) -> None:
    grey = PHOTO[..., 0]
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(grey.astype(np.float32))
    else:
        image = Image.fromarray(grey).convert("RGB").convert(mode)
    with pytest.raises(ImageError):
        vlaecodec.encode(image, lossless=True)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("options", [{"lossless": True}, {"max_error": 2}])
def test_transparency_is_kept(mode, options) -> None:
    """Colours too where nothing shows of them."""
    image = Image.fromarray(PHOTO).convert(mode[:-1])
    image.putalpha(Image.fromarray((PHOTO[..., 0] > 128).astype(np.uint8) * 255))
    decoded = vlaecodec.decode(vlaecodec.encode(image, **options))
    assert decoded.mode == mode
    assert decoded.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    difference = np.asarray(decoded).astype(int) - np.asarray(image)
    assert np.abs(difference).max() <= options.get("max_error", 0)


def test_grey_costs_less_than_colour() -> None:
    grey = PHOTO[..., 1]
    data = vlaecodec.encode(grey, lossless=True)
    assert np.array_equal(np.asarray(vlaecodec.decode(data)), grey)
    coloured = np.stack([grey] * 3, 2)
    coloured[0, 0, 0] ^= 1  # else it is coded as the grey picture that it is
    assert len(data) < len(vlaecodec.encode(coloured, lossless=True))
    near = vlaecodec.encode(grey, max_error=2)
    decoded = decode_pixels(near)
    assert (decoded[..., 0] == decoded[..., 1]).all()
    assert np.abs(decoded[..., 0].astype(int) - grey).max() == 2


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_what_rgb_bytes_hold_is_kept(mode) -> None:
    image = Image.fromarray(PHOTO).convert(mode)
    data = vlaecodec.encode(image, lossless=True)
    assert np.array_equal(decode_pixels(data), np.asarray(image.convert("RGB")))


def test_contradictory_wishes_are_refused(lossless) -> None:
    for wrong in ({"lossless": True, "max_error": 2}, {"max_error": 16}, {"max_error": -1}):
        with pytest.raises(ParameterError):
            vlaecodec.encode(PHOTO, **wrong)
    with pytest.raises(ParameterError, match="preview"):
        vlaecodec.decode(lossless, texture=1)
    decode_pixels(lossless, texture=1, preview=True)
