from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.raster import raster_steps, run_raster
from tests.conftest import TINY, as_trained, freeze
from vlaecodec.frozen.local import LocalDecoder
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.common.gather import gather_windows
from vlaecodec.networks.photo import local_decoder
from vlaecodec.networks.photo.distribution import CLASSES, RESIDUAL_UNITS, local_conditions
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.pixels.correction import Correction
from vlaecodec.pixels.kernel import Floats, Ints
from vlaecodec.pixels.wavefront import ChooseSamples, Residuals, run_wavefronts, wavefronts

SIZES = [(1, 1), (1, 11), (11, 1), (2, 2), (9, 2), (9, 3), (7, 9), (8, 4), (3, 24)]
CONDITIONS = [local_conditions(drawing=True), local_conditions(drawing=False, max_error=3)]


def random_inputs(
    local: LocalDecoder, lanes: int, height: int, width: int
) -> tuple[NDArray[np.int16], Residuals]:
    """What is given, of eight significant bits, and residuals of the rows above."""
    rng = np.random.default_rng(height * 100 + width)
    shape = (lanes, height, width, _contrasts(local) + TINY.local_features)
    given = (4 * rng.integers(-255, 256, shape)).astype(np.int16)
    above = rng.integers(-255, 256, (lanes, local.window.height, width, 3)).astype(np.int16)
    return given, above


def _contrasts(local: LocalDecoder | local_decoder.LocalDecoder) -> int:
    return 0 if local.drawing else 3 * (local.window.size + 1)


class Chooser:
    """Residuals that depend on everything a sample is told, and on nothing else.

    What was told is kept: [lanes, pixels, colours, outputs].
    """

    def __init__(self, lanes: int, count: int) -> None:
        self.told = np.full((lanes, count, 3, 3), np.iinfo(np.int32).min, np.int32)

    def __call__(self, number: int, pixels: slice, mean: Ints, scale: Ints, tail: Ints) -> Ints:
        lanes = len(self.told)
        outputs = np.stack([mean, scale, tail], axis=1).reshape(lanes, -1, 3)
        assert (self.told[:, pixels, number] == np.iinfo(np.int32).min).all(), "asked twice"
        self.told[:, pixels, number] = outputs
        places = np.arange(self.told.shape[1])[pixels]
        lane = np.arange(lanes)[:, None]
        mixed = (outputs * (3, 5, 7)).sum(-1) + 7919 * places + 104729 * number + 1299709 * lane
        return ((mixed * 2654435761 >> 7) % 511 - 255).ravel().astype(np.int32)


def teacher_forced(
    local: local_decoder.LocalDecoder,
    given: NDArray[np.int16],
    conditions: Floats,
    residuals: Residuals,
    above: Residuals,
) -> Tensor:
    """All distributions at once from the torch module: [lanes, H, W, 3 colours, 3 outputs]."""
    whole = torch.from_numpy(np.concatenate([above, residuals], axis=1)).float() * RESIDUAL_UNITS
    rows = local.window.height
    constant = torch.from_numpy(conditions).expand(*residuals.shape[:3], -1)
    with torch.inference_mode():
        window = gather_windows(local.window, whole)[:, rows:]
        contrasts, features = torch.from_numpy(given).float().tensor_split([_contrasts(local)], 3)
        return local(window, contrasts, features, constant, whole[:, rows:, :, :2])


@pytest.mark.parametrize("beyond", [False, True], ids=["top", "above"])
@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_wavefronts_are_raster_order_made_parallel(
    tiny_model: PhotoModel, size: tuple[int, int], lanes: int, beyond: bool
) -> None:
    local, (height, width) = tiny_model.local, size
    given, rows = random_inputs(local, lanes, height, width)
    above = rows if beyond else None
    for conditions in CONDITIONS:
        parallel, serial = (Chooser(lanes, height * width) for _ in range(2))
        result = run_wavefronts(local, given, conditions, parallel, above)
        expected = run_raster(local, given, conditions, serial, above)
        assert result.dtype == expected.dtype == np.int16
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(parallel.told, serial.told)


@pytest.mark.parametrize(("colours", "corrected"), [(1, False), (3, True)])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_grey_and_corrected_pixels_too(
    tiny_model: PhotoModel, size: tuple[int, int], colours: int, corrected: bool
) -> None:
    local = tiny_model.local
    given, _ = random_inputs(local, 2, *size)
    shape = (CLASSES, 3 * (local.linear_inputs + 4))
    rows = np.random.default_rng(4).integers(-128, 128, shape, dtype=np.int32)
    correction = Correction.from_rows(rows) if corrected else None
    parallel, serial = (Chooser(2, size[0] * size[1]) for _ in range(2))
    options = {"colours": colours, "correction": correction}
    result = run_wavefronts(local, given, CONDITIONS[0], parallel, **options)
    expected = run_raster(local, given, CONDITIONS[0], serial, **options)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(parallel.told, serial.told)


@pytest.mark.parametrize("name", ["local", "texture"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_both_are_the_module_that_was_trained(
    tiny_model: PhotoModel, size: tuple[int, int], name: str
) -> None:
    local, lanes = getattr(tiny_model, name), 2
    given, above = random_inputs(local, lanes, *size)
    chooser = Chooser(lanes, size[0] * size[1])
    residuals = run_wavefronts(local, given, CONDITIONS[1], chooser, above)
    trained = getattr(as_trained(tiny_model), name)
    forced = teacher_forced(trained, given, CONDITIONS[1], residuals, above)
    np.testing.assert_array_equal(chooser.told.reshape(forced.shape), forced.numpy())


@pytest.mark.parametrize("window", [(1, 1), (3, 1), (7, 3)], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (6, 1), (1, 6), (9, 4), (6, 13)], ids=str)
def test_other_windows(window: tuple[int, int], size: tuple[int, int]) -> None:
    arch = replace(TINY, window_width=window[0], window_height=window[1])
    torch.manual_seed(3)
    model = freeze(PhotoVLAE(arch))
    local = model.local
    given, above = random_inputs(local, 2, *size)
    parallel, serial = (Chooser(2, size[0] * size[1]) for _ in range(2))
    result = run_wavefronts(local, given, CONDITIONS[0], parallel, above)
    np.testing.assert_array_equal(result, run_raster(local, given, CONDITIONS[0], serial, above))
    forced = teacher_forced(as_trained(model).local, given, CONDITIONS[0], result, above)
    np.testing.assert_array_equal(parallel.told.reshape(forced.shape), forced.numpy())


def test_rows_in_two_goes_are_rows_in_one(tiny_model: PhotoModel) -> None:
    local, width = tiny_model.local, 10
    given, _ = random_inputs(local, 1, 12, width)

    def choose_from(top: int) -> ChooseSamples:
        def choose(number: int, pixels: slice, mean: Ints, scale: Ints, tail: Ints) -> Ints:
            places = np.arange(top * width, 12 * width)[pixels]
            return (mean // 8 + scale + tail + 31 * places + number) % 511 - 255

        return choose

    whole = run_wavefronts(local, given, CONDITIONS[0], choose_from(0))
    first = run_wavefronts(local, given[:, :7], CONDITIONS[0], choose_from(0))
    context = first[:, -local.window.height :]
    second = run_wavefronts(local, given[:, 7:], CONDITIONS[0], choose_from(7), context)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), whole)


def visits(steps: list[slice], count: int) -> NDArray[np.intp]:
    """At which step each pixel is reached; every pixel once."""
    reached = np.full(count, -1)
    for number, pixels in enumerate(steps):
        assert len(reached[pixels]) > 0
        assert (reached[pixels] == -1).all()
        reached[pixels] = number
    assert (reached >= 0).all()
    return reached


@pytest.mark.parametrize("slope", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [*SIZES, (16, 16), (5, 40), (40, 5)], ids=str)
def test_all_that_a_pixel_sees_came_before_it(size: tuple[int, int], slope: int) -> None:
    height, width = size
    steps = list(wavefronts(height, width, slope))
    assert len(steps) <= width + slope * (height - 1)
    reached = visits(steps, height * width).reshape(size)
    for row, column in np.ndindex(height, width):
        reach = slope - 1
        # As high as the picture: a window sees the lowest of these rows.
        seen = reached[:row, max(0, column - reach) : column + reach + 1]
        assert (seen < reached[row, column]).all()
        assert (reached[row, :column] < reached[row, column]).all()


def test_the_reference_takes_one_pixel_a_step() -> None:
    np.testing.assert_array_equal(visits(list(raster_steps(3, 5, 4)), 15), np.arange(15))
