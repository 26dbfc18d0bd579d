"""Pictures that are stored as one lossless WebP, and the choice between that and the networks."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlaecodec
import vlaecodec.pillow_plugin
from benchmarks.photo.drawn_pictures import PICTURES
from tests.conftest import photo
from tests.forge import forge_header, forge_pixel_crc, forge_tiles
from tests.golden import reference_decoder
from vlaecodec.analysis.codecs import largest_within, list_rivals
from vlaecodec.bitstream.container import Tile
from vlaecodec.bitstream.header import read_header
from vlaecodec.bitstream.vp8l_head import Shape, read_shape
from vlaecodec.codec.choice import round_residual
from vlaecodec.codec.decode import decode_pixels, verify
from vlaecodec.codec.thumbnail import decode_thumbnail
from vlaecodec.errors import (
    DamagedError,
    ModelError,
    ReproductionError,
    UnsupportedError,
)
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.picture.content import looks_drawn
from vlaecodec.picture.vp8l import decode_vp8l, encode_vp8l


def screen(height: int = 60, width: int = 90) -> np.ndarray:
    """Flat boxes with lines across."""
    pixels = np.full((height, width, 3), (240, 241, 250), np.uint8)
    pixels[10:30, 20:60] = (20, 90, 200)
    pixels[::7, 5:-5] = (30, 30, 30)
    return pixels


def with_alpha() -> Image.Image:
    alpha = np.zeros((60, 90), np.uint8)
    alpha[5:50, 10:80] = 255
    alpha[20:30] = 128
    return Image.fromarray(np.dstack([screen(), alpha]))


def webp_size(pixels: np.ndarray) -> int:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True)
    return buffer.tell()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 5},
        {"quality": 100},
        {"lossless": True},
        {"max_error": 4},
        {"target_size": 900},
        {"target_psnr": 70.0},
    ],
)
def test_drawings_are_exact_and_no_larger_than_webp(options) -> None:
    data = vlaecodec.encode(screen(), **options)
    info = vlaecodec.read_info(data)
    assert (info.coding, info.max_error, info.model, info.complete) == ("webp", 0, None, True)
    assert np.array_equal(decode_pixels(data), screen())
    assert len(data) <= webp_size(screen()) + 64


@pytest.mark.parametrize("size", [(150, 200), (8, 8), (33, 17)])
@pytest.mark.parametrize("grey", [False, True])
def test_flat_colour_is_exact_to_its_edge(grey, size) -> None:
    colour = (77, 77, 77) if grey else (12, 140, 60)
    flat = np.full((*size, 3), colour, np.uint8)
    data = vlaecodec.encode(flat)
    assert len(data) < 100
    image = vlaecodec.decode(data)
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), flat)


def test_a_grey_drawing_is_one_channel() -> None:
    grey = screen()[..., 0]
    data = vlaecodec.encode(grey)
    image = vlaecodec.decode(data)
    assert (image.mode, vlaecodec.read_info(data).mode) == ("L", "L")
    assert np.array_equal(np.asarray(image), grey)


def test_alpha_is_within_the_webp() -> None:
    image = with_alpha()
    data = vlaecodec.encode(image, lossless=True)
    info = vlaecodec.read_info(data)
    assert (info.coding, info.mode, info.sections) == ("webp", "RGBA", {})
    back = vlaecodec.decode(data)
    assert back.tobytes() == image.tobytes()
    part = vlaecodec.decode(data, region=(15, 10, 30, 25))
    assert part.tobytes() == image.crop((15, 10, 45, 35)).tobytes()
    assert decode_thumbnail(data, 45).mode == "RGBA"
    assert decode_thumbnail(data, 45).getpixel((0, 0))[3] == 0
    verify(data)


def test_every_way_to_decode_shows_the_same() -> None:
    data = vlaecodec.encode(screen())
    for options in ({"texture": 1.0}, {"seed": 4}, {"preview": True}, {"keep_going": True}):
        assert np.array_equal(decode_pixels(data, **options), screen())
    assert np.array_equal(decode_pixels(data, region=(5, 6, 7, 8)), screen()[6:14, 5:12])
    assert decode_thumbnail(data, 30).size == (30, 20)
    with Image.open(io.BytesIO(data)) as opened:
        assert np.array_equal(np.asarray(opened), screen())


def test_the_reference_decoder_agrees() -> None:
    data = vlaecodec.encode(screen())
    assert np.array_equal(reference_decoder.decode_webp(data), screen())
    data = vlaecodec.encode(with_alpha(), lossless=True)
    assert reference_decoder.decode_webp(data).tobytes() == with_alpha().tobytes()


@pytest.fixture(scope="module")
def cartoon() -> np.ndarray:
    """Shaded areas: more than twice as many bytes exactly as in 64 colours."""
    return np.asarray(PICTURES["cartoon"]())


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_shaded_drawing_is_stored_in_fewer_colours(cartoon, mode) -> None:
    image = Image.fromarray(cartoon).convert(mode)
    alpha = np.full(cartoon.shape[:2], 255, np.uint8)
    alpha[:30] = 90
    if mode == "RGBA":
        image.putalpha(Image.fromarray(alpha))
    data = vlaecodec.encode(image, 40)
    info = vlaecodec.read_info(data)
    assert (info.coding, info.max_error, info.mode, info.quality) == ("webp", None, mode, 40)
    assert len(data) < 0.5 * len(vlaecodec.encode(image, lossless=True))
    decoded = vlaecodec.decode(data)
    if mode == "RGBA":
        np.testing.assert_array_equal(np.asarray(decoded)[..., 3], alpha)
    assert psnr_db(np.asarray(image.convert("RGB")), np.asarray(decoded.convert("RGB"))) > 46
    verify(data)


def test_a_file_of_fewer_colours_says_how_many_and_every_decoder_reads_it(cartoon) -> None:
    data = vlaecodec.encode(cartoon, 40, verify=True)
    decoded = decode_pixels(data)
    assert vlaecodec.read_info(data).colours == len(np.unique(decoded.reshape(-1, 3), axis=0)) == 64
    assert np.array_equal(reference_decoder.decode_webp(data), decoded)
    for options in ({"texture": 1.0}, {"preview": True}, {"keep_going": True}):
        assert np.array_equal(decode_pixels(data, **options), decoded)


def test_a_cartoon_is_nearer_than_avif_at_its_bytes(cartoon) -> None:
    data = vlaecodec.encode(cartoon, 30)
    image = Image.fromarray(cartoon)
    _, theirs = largest_within(list_rivals()["avif"], image, len(data))
    with Image.open(io.BytesIO(theirs)) as opened:
        avif_db = psnr_db(cartoon, np.asarray(opened.convert("RGB")))
    assert psnr_db(cartoon, decode_pixels(data)) > avif_db


def test_targets_take_fewer_colours_too(cartoon) -> None:
    small = vlaecodec.encode(cartoon, target_size=5000)
    networks = vlaecodec.encode(cartoon, target_size=5000, only_nets=True)
    assert len(small) <= 5000
    assert psnr_db(cartoon, decode_pixels(small)) > psnr_db(cartoon, decode_pixels(networks)) + 5
    near = vlaecodec.encode(cartoon, target_psnr=47.0)
    assert psnr_db(cartoon, decode_pixels(near)) >= 47.0
    assert len(near) < len(vlaecodec.encode(cartoon, lossless=True)) / 2


@pytest.mark.parametrize("quality", [10, 60])
def test_an_icon_of_one_block_on_disk_is_exact(quality) -> None:
    icon = np.asarray(PICTURES["icon"]())
    data = vlaecodec.encode(icon, quality)
    assert len(data) <= 4096
    assert np.array_equal(decode_pixels(data), icon)


def test_damage_is_told() -> None:
    data = vlaecodec.encode(screen())
    start = read_header(data)[1].latents_start
    for broken in (data[:-1], data[: start + 30], data + b"\0"):
        with pytest.raises(DamagedError):
            vlaecodec.decode(broken)
    flipped = bytearray(data)
    flipped[start + 40] ^= 4
    for keep_going in (False, True):
        with pytest.raises(DamagedError, match="the picture is damaged"):
            vlaecodec.decode(bytes(flipped), keep_going=keep_going)
    with pytest.raises(ReproductionError):
        vlaecodec.decode(forge_pixel_crc(data))


@pytest.mark.parametrize("flags", [0x2B | 0x80, 0x09 | 0x80, 0x01 | 0x40, 0x20])
def test_flags_that_go_without_their_other_are_refused(flags) -> None:
    """Bit 5 is for grey pictures, bit 6 for a WebP; 7 is reserved."""
    data = vlaecodec.encode(screen()) if flags & 8 else vlaecodec.encode(photo(16, 16), 20)
    with pytest.raises((UnsupportedError, DamagedError)):
        vlaecodec.decode(forge_header(data, 5, bytes([flags])))


def huge_in(place: str) -> bytes:
    """A WebP that names 60 x 90 pixels where that is first read, and another size elsewhere."""
    small, large = encode_vp8l(screen()), encode_vp8l(np.zeros((4000, 4000, 3), np.uint8))
    if place == "second chunk":
        body = small[12:] + large[12:]
    elif place == "before":
        body = b"VP8X\x0a\0\0\0\0\0\0\0" + (3999).to_bytes(3, "little") * 2 + small[12:]
    else:
        body = small[12:20] + large[20:]
    return b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body


@pytest.mark.parametrize("place", ["second chunk", "before", "in place"])
def test_no_other_size_can_hide_in_the_webp(place) -> None:
    data = vlaecodec.encode(screen())
    forged = forge_tiles(data, lambda tile: Tile(huge_in(place), tile.pixel_crc))
    with pytest.raises(DamagedError, match="not of the picture's size"):
        vlaecodec.decode(forged)


def test_a_webp_says_its_shape() -> None:
    assert read_shape(encode_vp8l(screen())) == Shape(90, 60, alpha=False)
    assert read_shape(encode_vp8l(np.asarray(with_alpha()))) == Shape(90, 60, alpha=True)
    for data in (b"", b"RIFF", encode_vp8l(screen()) + b"\0\0", encode_vp8l(screen())[:-2]):
        assert read_shape(data) is None
    with pytest.raises(DamagedError):
        decode_vp8l(encode_vp8l(screen()), Shape(90, 61, alpha=False))


def test_photos_are_coded_with_the_networks() -> None:
    picture = photo(64, 96)
    assert not looks_drawn(picture)
    assert vlaecodec.read_info(vlaecodec.encode(picture, 30)).coding == "networks"
    assert vlaecodec.encode(picture, 30) == vlaecodec.encode(picture, 30, only_nets=True)


def test_only_nets_means_so() -> None:
    data = vlaecodec.encode(screen(), 20, only_nets=True)
    assert vlaecodec.read_info(data).coding == "networks"


def test_noise_is_never_larger_than_webp() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert len(vlaecodec.encode(noise, lossless=True)) <= webp_size(noise) + 64


def test_what_has_no_latents_says_so() -> None:
    from vlaecodec.analysis.inspection import inspect_file

    with pytest.raises(ModelError, match="stored as a lossless WebP"):
        inspect_file(vlaecodec.encode(screen()))


@pytest.mark.parametrize("noisy", [False, True])
def test_quality_and_size_rise_to_the_top(noisy) -> None:
    picture = photo(48, 64)
    if noisy:
        grain = np.random.default_rng(2).normal(0, 25, picture.shape)
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    sizes, psnrs = [], []
    for quality in (60, 85, 92, 96, 98, 100):
        data = vlaecodec.encode(picture, quality)
        sizes.append(len(data))
        psnrs.append(
            psnr_db(
                picture,
                decode_pixels(data, texture=0 if not read_header(data)[0].max_error else None),
            )
        )
    assert psnrs == sorted(psnrs)
    assert sizes == sorted(sizes)
    assert psnrs[-1] >= 45


def test_targets_use_the_whole_range() -> None:
    picture = photo(48, 64)
    near = vlaecodec.encode(picture, target_psnr=49.0)
    assert psnr_db(picture, decode_pixels(near)) >= 49
    exact = vlaecodec.encode(picture, target_psnr=90.0)
    assert np.array_equal(decode_pixels(exact), picture)
    fits = vlaecodec.encode(picture, target_size=len(exact) + 10)
    assert np.array_equal(decode_pixels(fits), picture)
    less = vlaecodec.encode(picture, target_size=len(exact) // 2)
    assert len(less) <= len(exact) // 2


def test_residuals_are_rounded_to_within_the_error() -> None:
    rng = np.random.default_rng(3)
    pixels, mean = rng.integers(0, 256, (2, 30, 40, 3)).astype(np.uint8)
    for error in (0, 1, 7, 15):
        off = np.abs(round_residual(pixels, mean, error).astype(int) - pixels)
        assert off.max() <= error


def test_colours_stay_neutral() -> None:
    grey = np.repeat(photo(40, 56)[..., :1], 3, axis=2)
    data = vlaecodec.encode(grey, 30)
    image = vlaecodec.decode(data)
    assert image.mode == "RGB"
    samples = np.asarray(image)
    assert (samples == samples[..., :1]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vlaecodec.decode(vlaecodec.encode(grey, lossless=True)).tobytes() == grey.tobytes()


def test_a_grey_photo_does_not_look_drawn() -> None:
    """It has 256 colours at most; a busy one was stored exactly, in ten times its bytes."""
    name = Path(__file__).parents[2] / "benchmarks" / "data" / "regression" / "kodim01-crop.webp"
    with Image.open(name) as photo:
        grey = np.asarray(photo.convert("L").convert("RGB"))
    assert not looks_drawn(grey)
    levels = grey // 64 * 64
    assert looks_drawn(levels)
