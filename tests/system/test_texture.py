"""Drawn texture: a function of latent and seed alone, stable, and blended as asked."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import vlaecodec
from tests.conftest import TINY, photo
from tests.unit.test_pixel_coder import sample
from vlaecodec.bitstream.header import read_header
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import ParameterError
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.pixels import texture
from vlaecodec.pixels.noise import noise_at

PHOTO = photo(96, 112, seed=4)


@pytest.fixture(scope="module")
def encoded() -> bytes:
    return vlaecodec.encode(PHOTO, 20)


def test_the_same_seed_draws_the_same_picture(encoded) -> None:
    seed = read_header(encoded)[0].seed
    first = decode_pixels(encoded, texture=1)
    assert np.array_equal(first, decode_pixels(encoded, texture=1, seed=seed))
    assert not np.array_equal(first, decode_pixels(encoded, texture=1, seed=seed ^ 1))


def test_strength_zero_is_the_mean_image_and_more_is_further_from_it(encoded) -> None:
    mean = decode_pixels(encoded, texture=0)
    distances = [psnr_db(mean, decode_pixels(encoded, texture=s)) for s in (0.25, 0.5, 1)]
    assert distances == sorted(distances, reverse=True)
    assert psnr_db(PHOTO, mean) - psnr_db(PHOTO, decode_pixels(encoded, texture=1)) < 4


@pytest.mark.parametrize("band_rows", [8, 24, 64])
def test_the_draw_does_not_depend_on_how_it_is_cut_up(tiny_model, band_rows) -> None:
    _, mean, trunk = sample(tiny_model, 201, 37)
    whole = texture.draw_residual(tiny_model, mean, trunk, seed=3, band_rows=4096)
    banded = texture.draw_residual(tiny_model, mean, trunk, seed=3, band_rows=band_rows)
    assert np.array_equal(whole, banded)


def test_a_part_is_drawn_as_in_the_whole(tiny_model) -> None:
    _, mean, trunk = sample(tiny_model, 200, 240)
    whole = texture.draw_residual(tiny_model, mean, trunk, seed=3)
    margin, corner = texture.margin_px(tiny_model), (24, 40)
    part = texture.draw_residual(tiny_model, mean[24:], trunk[:, 3:], seed=3, corner=(24, 0))
    assert np.array_equal(part[margin:], whole[24 + margin :])
    assert not np.array_equal(part, whole[24:])
    part = texture.draw_residual(
        tiny_model, mean[24:, 40:], trunk[:, 3:, 5:], seed=3, corner=corner
    )
    assert np.array_equal(part[margin:, margin:], whole[24 + margin :, 40 + margin :])


def test_blending_is_exact_at_both_ends() -> None:
    rng = np.random.default_rng(0)
    mean = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    draw = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    residual = draw.astype(np.int16) - mean
    assert np.array_equal(texture.blend(mean, residual, 0), mean)
    assert np.array_equal(texture.blend(mean, residual, texture.TEXTURE_UNIT), draw)


def test_draws_are_amplified_in_sixty_fourths_rounded_half_up() -> None:
    fine = np.array([-3, -1, 0, 1, 2, 255], np.int16)
    assert texture.amplify(fine, 64).tolist() == fine.tolist()
    assert texture.amplify(fine, 96).tolist() == [-4, -1, 0, 2, 3, 383]
    with pytest.raises(ValueError, match="texture_gain"):
        replace(TINY, texture_gain=256)


def test_a_flat_picture_stays_flat() -> None:
    flat = np.full((96, 96, 3), (90, 140, 200), np.uint8)
    data = vlaecodec.encode(flat, 30)
    mean = decode_pixels(data, texture=0)
    assert read_header(data)[0].texture <= 0.1
    assert psnr_db(mean, decode_pixels(data)) > 50
    assert psnr_db(mean, decode_pixels(data, texture=1)) > 38


def test_the_encoder_stores_what_is_asked_for() -> None:
    header, _ = read_header(vlaecodec.encode(PHOTO, 20, texture=0.25, seed=77))
    assert (header.texture, header.seed) == (0.25, 77)
    for wrong in ({"texture": 1.5}, {"texture": float("nan")}, {"seed": -1}, {"seed": 65536}):
        with pytest.raises(ParameterError):
            vlaecodec.encode(PHOTO, 20, **wrong)


def test_noise_is_uniform() -> None:
    noise = noise_at(5, 0, 0, 200, 200) / 2**32
    assert abs(noise.mean() - 0.5) < 0.005
    assert abs(noise.var() - 1 / 12) < 0.002
    following = noise_at(6, 0, 0, 200, 200)
    for a, b in itertools.product(range(3), repeat=2):
        assert (following[a] != noise[b] * 2**32).any()
    for axis in (1, 2):
        shifted = np.roll(noise, 1, axis)
        assert abs(np.corrcoef(noise.ravel(), shifted.ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("size", [(1, 1), (3, 90), (65, 8), (70, 140)])
def test_any_size_gets_a_recommendation(tiny_model, size) -> None:
    pixels, mean, trunk = sample(tiny_model, *size)
    code = texture.recommend_strength(tiny_model, pixels, mean, trunk, seed=1)
    assert 0 <= code <= texture.TEXTURE_UNIT


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (7, 3), (40, 23)])
def test_texture_has_no_mean_around_any_pixel(shape: tuple[int, int]) -> None:
    drawn = np.random.default_rng(0).integers(-255, 256, (3, 2, *shape)).astype(np.int16)
    fine = texture.take_means_off(drawn)
    for y, x in np.ndindex(shape):
        part = drawn[..., max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].astype(int)
        count = part.shape[2] * part.shape[3]
        mean = np.floor(part.mean((2, 3)) + (count // 2) / count + 1e-9)
        assert np.array_equal(fine[..., y, x], drawn[..., y, x] - mean)
    extreme = np.full((3, 1, *shape), 255, np.int16)
    assert not texture.take_means_off(extreme).any()
