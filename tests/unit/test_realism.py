import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tests.conftest import photo
from vlaecodec.metrics.texture import MIN_SIDE_PX, sliced_wasserstein, spectrum_distance

Picture = NDArray[np.uint8]


def blurred(picture: Picture, radius_px: float) -> Picture:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius_px)))


def with_grain(picture: Picture, deviation: float, seed: int) -> Picture:
    noise = np.random.default_rng(seed).normal(0, deviation, picture.shape)
    return np.clip(np.round(picture + noise), 0, 255).astype(np.uint8)


def swd(first: Picture, second: Picture) -> float:
    return sliced_wasserstein(first, second).mean


MEASURES = pytest.mark.parametrize("measure", [swd, spectrum_distance])


@MEASURES
def test_a_picture_is_like_itself(measure) -> None:
    picture = photo(100, 140)
    assert measure(picture, picture.copy()) == 0


@MEASURES
def test_the_distance_grows_with_blur(measure) -> None:
    picture = with_grain(photo(128, 160), 8, seed=1)
    distances = [measure(picture, blurred(picture, radius)) for radius in (0.4, 0.8, 1.6, 3.2)]
    assert distances[0] > 0
    assert distances == sorted(distances)


@MEASURES
def test_new_grain_of_the_right_strength_is_nearer_than_none(measure) -> None:
    smooth = blurred(photo(128, 160), 2)
    original = with_grain(smooth, 8, seed=1)
    right = measure(original, with_grain(smooth, 8, seed=2))
    assert right < measure(original, with_grain(smooth, 4, seed=2))
    assert right < measure(original, with_grain(smooth, 16, seed=2))
    assert right < 0.3 * measure(original, smooth)
    assert right < 0.3 * measure(original, blurred(original, 1))


@MEASURES
def test_distances_come_out_the_same_twice(measure) -> None:
    picture = with_grain(photo(192, 128), 8, seed=1)
    assert measure(picture, blurred(picture, 1)) == measure(picture, blurred(picture, 1))


def test_spectra_are_compared_without_favour() -> None:
    first, second = photo(64, 96, seed=1), photo(64, 96, seed=2)
    assert spectrum_distance(first, second) == pytest.approx(spectrum_distance(second, first))


def test_patches_are_compared_without_favour_where_their_spread_is_the_same() -> None:
    # Transposed, a picture has the same patches on their sides.
    first = photo(64, 64)
    second = np.ascontiguousarray(first.transpose(1, 0, 2))
    assert swd(first, second) > 1
    assert swd(first, second) == pytest.approx(swd(second, first), rel=1e-4)


def test_a_missing_amplitude_shows() -> None:
    # Each normalised by its own deviation, these two would be the same.
    original = with_grain(np.full((64, 64, 3), 128, np.uint8), 24, seed=1)
    weak = (128 + (original.astype(int) - 128) // 2).astype(np.uint8)
    assert sliced_wasserstein(original, weak).levels[0] > 200


def test_white_noise_differs_by_its_power() -> None:
    flat = np.full((128, 128, 3), 128, np.uint8)
    weak, strong = with_grain(flat, 5, seed=1), with_grain(flat, 20, seed=1)
    assert spectrum_distance(weak, strong) == pytest.approx(np.log(16), rel=0.05)


def test_what_lies_below_rounding_does_not_count() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    assert spectrum_distance(flat, flat + np.uint8(1)) == pytest.approx(0, abs=1e-6)
    assert spectrum_distance(flat, with_grain(flat, 0.1, seed=1)) < 0.1
    assert swd(flat, flat) == 0


@MEASURES
@pytest.mark.parametrize("shape", [(16, 16), (17, 31), (16, 200), (33, 65), (127, 45)])
def test_small_and_odd_sizes(measure, shape) -> None:
    picture = with_grain(photo(*shape), 8, seed=1)
    assert measure(picture, picture) == 0
    distance = measure(picture, blurred(picture, 1))
    assert np.isfinite(distance)
    assert distance > 0


def test_levels_halve_down_to_the_smallest_side() -> None:
    picture = photo(62, 130)
    assert len(sliced_wasserstein(picture, picture).levels) == 2
    picture = photo(64, 130)
    assert len(sliced_wasserstein(picture, picture).levels) == 3


@MEASURES
def test_what_cannot_be_compared_is_refused(measure) -> None:
    picture = photo(32, 32)
    with pytest.raises(ValueError, match="two sizes"):
        measure(picture, photo(32, 33))
    with pytest.raises(ValueError, match="too few"):
        measure(photo(MIN_SIDE_PX - 1, 64), photo(MIN_SIDE_PX - 1, 64))
    with pytest.raises(ValueError, match="expected uint8"):
        measure(picture[..., 0], picture[..., 0])
    with pytest.raises(ValueError, match="expected uint8"):
        measure(picture, picture.astype(np.float64))


def test_what_is_kept_of_an_original_is_not_used_for_another() -> None:
    first, second, third = (photo(64, 96, seed=seed) for seed in range(3))
    assert swd(first, first) == swd(second, second) == 0
    distances = [swd(first, third), swd(second, third)]
    assert distances[0] != distances[1]
    assert [swd(first, third), swd(second, third)] == distances
