"""Targets: found, never overstepped, and refused when out of reach."""

import math

import numpy as np
import pytest

import vlaecodec
from tests.conftest import photo
from vlaecodec.codec.rate_control import TRIES, Target, _capped, encode_to_target, find_quality
from vlaecodec.errors import ParameterError
from vlaecodec.metrics.distortion import psnr_db

PIXELS = photo(128, 192)


def size_at(quality: float) -> int:
    return len(vlaecodec.encode(PIXELS, quality, texture=0))


@pytest.mark.parametrize("quality", [12.0, 47.0, 88.0])
def test_a_target_size_is_met_and_never_exceeded(quality: float) -> None:
    target = size_at(quality) + 5
    found = len(encode_to_target(PIXELS, target_size=target))
    assert 0.97 * target <= found <= target


def test_bits_per_pixel_are_the_same_target() -> None:
    data = encode_to_target(PIXELS, target_bpp=1.0, texture=0)
    assert 0.95 < 8 * len(data) / PIXELS[..., 0].size <= 1.0


def test_a_target_psnr_is_reached() -> None:
    wanted = psnr_db(PIXELS, np.asarray(vlaecodec.decode(vlaecodec.encode(PIXELS, 60), texture=0)))
    data = encode_to_target(PIXELS, target_psnr=wanted - 1)
    found = psnr_db(PIXELS, np.asarray(vlaecodec.decode(data, texture=0)))
    assert wanted - 1 <= found < wanted - 0.6


def test_targets_out_of_reach_are_refused() -> None:
    with pytest.raises(ParameterError, match="no file as small"):
        encode_to_target(PIXELS, target_size=60)
    with pytest.raises(ParameterError, match="PSNR"):
        encode_to_target(PIXELS, target_psnr=90.0)
    with pytest.raises(ParameterError, match="one target"):
        encode_to_target(PIXELS, target_size=4000, target_psnr=30.0)
    with pytest.raises(ParameterError, match="one target"):
        encode_to_target(PIXELS)


@pytest.mark.parametrize("wanted", [1500, 4000, 9000, 30000, 200000])
@pytest.mark.parametrize("steepness", [0.025, 0.035, 0.05])
def test_few_encodes_are_needed_whatever_the_curve(wanted: int, steepness: float) -> None:
    sizes: list[int] = []

    def code(quality: float) -> bytes:
        curve = steepness * quality + 0.3 * math.sin(quality / 20)
        sizes.append(round(1200 * math.exp(curve)))
        return bytes(sizes[-1])

    target = Target("size", math.log(wanted), 0.035, 0.015, True, lambda data: math.log(len(data)))
    largest = 1200 * math.exp(steepness * 100 + 0.3 * math.sin(5))
    quality = find_quality(code, target)
    assert len(sizes) <= TRIES
    size = len(code(quality))
    assert size <= wanted
    assert size >= 0.97 * wanted or size >= 0.97 * largest


def test_a_size_above_the_largest_file_gives_the_best_quality() -> None:
    assert len(encode_to_target(PIXELS, target_size=10**7, texture=0)) == size_at(100)


@pytest.mark.parametrize("wanted", [math.nan, math.inf])
@pytest.mark.parametrize("target", ["target_psnr", "target_ssimulacra2", "target_bpp"])
def test_targets_must_be_finite(target: str, wanted: float) -> None:
    with pytest.raises(ParameterError, match="number"):
        encode_to_target(PIXELS, **{target: wanted})


def test_a_picture_that_comes_out_exactly_meets_any_target() -> None:
    def code(quality: float) -> bytes:
        return bytes(round(quality))

    target = Target("PSNR", 40.0, 0.14, 0.03, False, lambda data: _capped(math.inf if data else 0))
    assert find_quality(code, target) >= 1


@pytest.mark.parametrize("options", [{}, {"texture": 0.5}, {"effort": 2}])
def test_progress_never_runs_backwards(options: dict[str, float]) -> None:
    done: list[float] = []
    encode_to_target(photo(48, 64), target_bpp=1.0, progress=done.append, **options)
    assert done == sorted(done)
    assert done[-1] == 1
