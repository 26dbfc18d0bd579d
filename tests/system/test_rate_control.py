"""Targets: found, never overstepped, and refused when out of reach."""

import importlib
import math
from collections import Counter

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.conftest import photo
from tests.small import black_and_white
from vlaecodec.codec.rate_control import TRIES, Target, _capped, find_quality
from vlaecodec.errors import ParameterError
from vlaecodec.metrics.distortion import psnr_db

PIXELS = photo(128, 192)


def size_at(quality: float) -> int:
    return len(vlaecodec.encode(PIXELS, quality, texture=0))


@pytest.mark.parametrize("quality", [12.0, 47.0, 88.0])
def test_a_target_size_is_met_and_never_exceeded(quality: float) -> None:
    target = size_at(quality) + 5
    found = len(vlaecodec.encode(PIXELS, target_size=target))
    assert 0.94 * target <= found <= target


def test_bits_per_pixel_are_the_same_target() -> None:
    data = vlaecodec.encode(PIXELS, target_bpp=1.0, texture=0)
    assert 0.95 < 8 * len(data) / PIXELS[..., 0].size <= 1.0


def test_a_target_psnr_is_reached() -> None:
    wanted = psnr_db(PIXELS, np.asarray(vlaecodec.decode(vlaecodec.encode(PIXELS, 60), texture=0)))
    data = vlaecodec.encode(PIXELS, target_psnr=wanted - 1)
    found = psnr_db(PIXELS, np.asarray(vlaecodec.decode(data, texture=0)))
    assert wanted - 1 <= found < wanted - 0.6


def test_targets_out_of_reach_are_refused() -> None:
    with pytest.raises(ParameterError, match="no file as small"):
        vlaecodec.encode(PIXELS, target_size=60)
    with pytest.raises(ParameterError, match="target_psnr"):
        vlaecodec.encode(PIXELS, target_psnr=90.0, only_nets=True)
    with pytest.raises(ParameterError, match="one target"):
        vlaecodec.encode(PIXELS, target_size=4000, target_psnr=30.0)
    for other in ({"quality": 30}, {"lossless": True}, {"max_error": 2}):
        with pytest.raises(ParameterError, match="target_size"):
            vlaecodec.encode(PIXELS, target_size=4000, **other)


@pytest.mark.parametrize("wanted", [1500, 4000, 9000, 30000, 200000])
@pytest.mark.parametrize("steepness", [0.025, 0.035, 0.05])
def test_few_encodes_are_needed_whatever_the_curve(wanted: int, steepness: float) -> None:
    sizes: list[int] = []

    def code(quality: float) -> bytes:
        curve = steepness * quality + 0.3 * math.sin(quality / 20)
        sizes.append(round(1200 * math.exp(curve)))
        return bytes(sizes[-1])

    target = Target(
        place=math.log(wanted),
        slope=0.035,
        margin=0.015,
        at_most=True,
        measure=lambda data: math.log(len(data)),
        unmet=lambda data: f"{len(data)} bytes",
    )
    largest = 1200 * math.exp(steepness * 100 + 0.3 * math.sin(5))
    quality = find_quality(code, target)
    assert len(sizes) <= TRIES
    size = len(code(quality))
    assert size <= wanted
    assert size >= 0.97 * wanted or size >= 0.97 * largest


def test_a_bend_near_the_target_does_not_hold_the_search_up() -> None:
    """Sizes of a smooth validation photo, bits a pixel: they rise three times as fast below 13."""
    qualities = (1, 2, 3, 5, 7, 10, 12, 13, 14, 15, 17, 20, 25, 30, 40, 50, 70, 100)
    sizes = (34, 37, 44, 59, 77, 118, 162, 195, 212, 221, 242, 275, 342, 413, 612, 883, 1621, 2956)
    target = Target(
        place=math.log(200),
        slope=0.035,
        margin=0.015,
        at_most=True,
        measure=math.log,
        unmet=str,
    )

    def code(quality: float) -> float:
        return float(np.exp(np.interp(quality, qualities, np.log(sizes))))

    assert 0.97 * 200 < code(find_quality(code, target)) <= 200


def test_a_size_above_the_largest_file_gives_the_best_quality() -> None:
    best = vlaecodec.encode(PIXELS, target_size=10**7, only_nets=True)
    assert len(best) == len(vlaecodec.encode(PIXELS, 100, only_nets=True))
    assert np.array_equal(vlaecodec.decode(vlaecodec.encode(PIXELS, target_size=10**7)), PIXELS)


@pytest.mark.parametrize("wanted", [math.nan, math.inf])
@pytest.mark.parametrize("target", ["target_psnr", "target_ssimulacra2", "target_bpp"])
def test_targets_must_be_finite(target: str, wanted: float) -> None:
    with pytest.raises(ParameterError, match="number"):
        vlaecodec.encode(PIXELS, **{target: wanted})


def test_a_picture_that_comes_out_exactly_meets_any_target() -> None:
    def code(quality: float) -> bytes:
        return bytes(round(quality))

    target = Target(
        place=40.0,
        slope=0.14,
        margin=0.03,
        at_most=False,
        measure=lambda data: _capped(math.inf if data else 0),
        unmet=lambda _: "out of reach",
    )
    assert find_quality(code, target) >= 1


@pytest.mark.parametrize("options", [{}, {"texture": 0.5}, {"effort": 2}])
def test_progress_never_runs_backwards(options: dict[str, float]) -> None:
    done: list[float] = []
    vlaecodec.encode(photo(48, 64), target_bpp=1.0, progress=done.append, **options)
    assert done == sorted(done)
    assert done[-1] == 1


def test_only_the_latents_are_coded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alpha and metadata are compressed once, and the texture is measured once."""
    calls: list[str] = []
    for module, name in (
        ("vlaecodec.picture.sections", "encode_alpha"),
        ("vlaecodec.picture.sections", "write_metadata"),
        ("vlaecodec.codec.textured", "recommend_map"),
        ("vlaecodec.codec.tiles", "code_latents"),
    ):
        original = getattr(importlib.import_module(module), name)

        def counted(*args: object, name: str = name, original=original, **kwargs: object):
            calls.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(f"{module}.{name}", counted)
    image = Image.fromarray(PIXELS)
    image.putalpha(Image.fromarray(np.tile(np.arange(192, dtype=np.uint8), (128, 1))))
    data = vlaecodec.encode(image, target_size=5000, texture="auto")
    assert 0.95 * 5000 < len(data) <= 5000
    counts = Counter(calls)
    assert counts.pop("code_latents") > 1
    assert counts == {"encode_alpha": 1, "write_metadata": 1, "recommend_map": 1}


def test_a_model_of_small_images_meets_a_target() -> None:
    image = (black_and_white(1)[0, 0] * 255).numpy()
    full = len(vlaecodec.encode(image, 100, model="mnist-dynamic"))
    data = vlaecodec.encode(image, model="mnist-dynamic", target_size=full - 1)
    assert len(data) < full
