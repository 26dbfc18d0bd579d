"""Drawn texture: a function of latent and seed alone, stable, and blended as asked."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.conftest import TINY, photo
from tests.forge import forge_section
from tests.unit.test_pixel_coder import sample
from vlaecodec.bitstream.header import Section, read_header
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import DamagedError, LossWarning, ParameterError
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.networks.photo.architecture import Grain
from vlaecodec.pixels import grain, texture
from vlaecodec.pixels.noise import noise_at
from vlaecodec.pixels.recommendation import most_in_flat_places, recommend_map
from vlaecodec.pixels.texture_map import LEVELS, TextureMap

PHOTO = photo(96, 112, seed=4)
GOLDEN = Path(__file__).parents[1] / "golden"


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
    assert shown_of([-3, -1, 0, 1, 2, 510], Grain(64, 64, 0)) == [-3, -1, 0, 1, 2, 510]
    assert shown_of([-3, -1, 0, 1, 2, 255], Grain(96, 64, 0)) == [-4, -1, 0, 2, 3, 383]


def test_faint_draws_are_not_shown_and_one_of_the_floor_s_size_by_half() -> None:
    grain = Grain(128, 64, 8 * 4)
    assert shown_of([-1, 1, 4, -4, 255], grain) == [0, 0, 4, -4, 510]
    many = shown_of(list(range(-510, 511)), grain)
    assert many == sorted(many)


def test_luma_stays_where_colour_is_taken_off() -> None:
    fine = np.zeros((3, 1, 40, 40), np.int16)
    fine[:, 0, 20, 20] = drawn = (50, -30, 10)  # green, red, blue
    green, red, blue = grain.shape_fine(fine, Grain(64, 0, 0))[:, 0, 20, 20]
    assert green == red == blue == pytest.approx(np.dot(drawn, (2, 1, 1)) / 4, abs=1)
    green, red, _ = grain.shape_fine(fine, Grain(64, 32, 0))[:, 0, 20, 20]
    assert green - red == pytest.approx((drawn[0] - drawn[1]) / 2, abs=2)


def shown_of(fine: list[int], sizes: Grain) -> list[int]:
    """Of draws of one colour without local means, grey."""
    return grain.shape_fine(np.tile(np.array(fine, np.int16), (3, 1, 1, 1)), sizes)[
        0, 0, 0
    ].tolist()


@pytest.mark.parametrize(
    "size", [{"texture_gain": 256}, {"texture_chroma": 65}, {"texture_floor": -1}]
)
def test_how_draws_are_shown_has_limits(size: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(size))):
        replace(TINY, **size)


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
    found = recommend_map(tiny_model, pixels, mean, trunk, seed=1, most_error=1.3)
    assert found is None or found.levels.max() < len(LEVELS)


def test_a_map_asks_for_grain_where_the_photo_has_it(tiny_model) -> None:
    _, mean, trunk = sample(tiny_model, 128, 256)
    noise = np.random.default_rng(0).normal(0, 30, (128, 256, 1))
    pixels = mean.copy()
    pixels[:, 128:] = np.clip(mean + noise, 0, 255)[:, 128:]
    found = recommend_map(tiny_model, pixels, mean, trunk, seed=1, most_error=1.3)
    assert found is not None
    assert found.levels[:, :2].max() == 0
    assert found.levels[:, 2:].min() > 0


def test_flat_places_limit_a_block_by_what_is_drawn_in_them() -> None:
    rng = np.random.default_rng(0)
    flat = np.full((3, 1, 64, 64), 90, np.int16)
    busy = rng.integers(0, 256, flat.shape).astype(np.int16)
    grain_size = rng.integers(-6, 7, flat.shape).astype(np.int16)
    strongest = len(LEVELS) - 1
    assert most_in_flat_places(flat, grain_size, TINY.grain) == 0
    assert most_in_flat_places(busy, grain_size, TINY.grain) == strongest
    assert most_in_flat_places(flat, np.zeros_like(flat), TINY.grain) == strongest
    assert 0 < most_in_flat_places(flat, grain_size // 6, Grain(64, 64, 16)) < strongest


def test_a_draw_follows_its_map(tiny_model) -> None:
    _, mean, trunk = sample(tiny_model, 128, 200)
    levels = np.zeros((2, 4), np.uint8)
    levels[:, 2:] = LEVELS.index(16)
    strengths = TextureMap(levels, 128, 200)
    plain = texture.draw_residual(tiny_model, mean, trunk, seed=3)
    drawn = texture.draw_residual(tiny_model, mean, trunk, seed=3, strengths=strengths)
    assert not drawn[:, :96].any()
    assert np.array_equal(drawn[:, 160:], plain[:, 160:])
    between = np.abs(drawn[:, 96:160]).sum()
    assert 0 < between < np.abs(plain[:, 96:160]).sum()
    part = texture.draw_residual(
        tiny_model, mean[:, 64:], trunk[:, :, 8:], seed=3, strengths=strengths, corner=(0, 64)
    )
    margin = texture.margin_px(tiny_model)
    assert np.array_equal(part[:, margin:], drawn[:, 64 + margin :])


@pytest.mark.parametrize("size", [(1, 1), (64, 65), (200, 300), (2048, 2049)])
def test_maps_come_back_from_bytes_of_their_size_alone(size: tuple[int, int]) -> None:
    empty = TextureMap.filled(0, *size)
    levels = np.random.default_rng(0).integers(0, 8, empty.levels.shape).astype(np.uint8)
    data = TextureMap(levels, *size).to_bytes()
    assert len(data) == -(-3 * levels.size // 8)
    assert np.array_equal(TextureMap.from_bytes(data, *size).levels, levels)
    for wrong in (data + b"\0", data[:-1]):
        with pytest.raises(DamagedError, match="size"):
            TextureMap.from_bytes(wrong, *size)
    if levels.size % 8:
        with pytest.raises(DamagedError, match="end"):
            TextureMap.from_bytes(data[:-1] + bytes([data[-1] | 0x80]), *size)


def test_a_file_with_a_damaged_map_draws_without_it() -> None:
    data = vlaecodec.encode(PHOTO, 20, texture="auto")
    header, layout = read_header(data)
    assert layout.section_sizes == {Section.TEXTURE_MAP: 2}
    assert header.texture == 1
    damaged = bytearray(data)
    damaged[layout.start] ^= 1
    with pytest.raises(DamagedError, match="texture map"):
        vlaecodec.decode(bytes(damaged))
    with pytest.warns(LossWarning, match="texture map"):
        shown = vlaecodec.decode(bytes(damaged), keep_going=True)
    without = vlaecodec.encode(PHOTO, 20, texture=1.0)
    assert np.array_equal(shown, vlaecodec.decode(without))
    forged = forge_section(data, Section.TEXTURE_MAP, b"\0" * 3)
    for read in (vlaecodec.decode, vlaecodec.verify):
        with pytest.raises(DamagedError, match="not of the picture's size"):
            read(forged)


@pytest.mark.parametrize(("quality", "most_db"), [(20, 1.4), (85, 0.5)])
def test_recommended_texture_costs_little_and_less_at_high_quality(quality, most_db) -> None:
    crop = np.asarray(Image.open(GOLDEN / "photo.png"))
    data = vlaecodec.encode(crop, quality, texture="auto", only_nets=True)
    mean, shown = decode_pixels(data, texture=0), decode_pixels(data)
    assert 0 < psnr_db(crop, mean) - psnr_db(crop, shown) < most_db


def test_a_target_size_counts_the_map() -> None:
    data = vlaecodec.encode(PHOTO, target_size=700, texture="auto")
    assert len(data) <= 700
    assert Section.TEXTURE_MAP in read_header(data)[1].section_sizes


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (7, 3), (40, 23)])
def test_texture_has_no_mean_around_any_pixel(shape: tuple[int, int]) -> None:
    drawn = np.random.default_rng(0).integers(-255, 256, (3, 2, *shape)).astype(np.int16)
    fine = grain.take_means_off(drawn)
    for y, x in np.ndindex(shape):
        part = drawn[..., max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].astype(int)
        count = part.shape[2] * part.shape[3]
        mean = np.floor(part.mean((2, 3)) + (count // 2) / count + 1e-9)
        assert np.array_equal(fine[..., y, x], drawn[..., y, x] - mean)
    extreme = np.full((3, 1, *shape), 255, np.int16)
    assert not grain.take_means_off(extreme).any()


def test_grain_is_the_same_in_any_bands(monkeypatch) -> None:
    rng = np.random.default_rng(3)
    drawn = rng.integers(-255, 256, (3, 1, 37, 21)).astype(np.int16)
    weights = rng.integers(0, 65, (37, 21)).astype(np.int32)

    def shape() -> list[np.ndarray]:
        fine = grain.take_means_off(drawn)
        return [fine, grain.shape_fine(fine, Grain(100, 40, 9), weights)]

    whole = shape()
    for rows in (1, 2, 5, 36):
        monkeypatch.setattr(grain, "BAND", rows * 3 * 21)
        for found, expected in zip(shape(), whole, strict=True):
            assert np.array_equal(found, expected)
