"""Sub-grids computed at once are pixels decoded one by one in the same order."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.conftest import TINY, as_trained, freeze
from vlaecodec.frozen.local import LocalDecoder
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo import local_decoder
from vlaecodec.networks.photo.distribution import GREY, STEP_CONDITIONS
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.networks.photo.subgrids import SubGrid, subgrids
from vlaecodec.pixels import passes
from vlaecodec.pixels.kernel import Ints
from vlaecodec.pixels.passes import Conditioning, Passes, rows_of

SIZES = [(1, 1), (1, 11), (11, 1), (2, 2), (9, 2), (8, 8), (17, 24), (21, 13)]


def random_conditioning(depth: int, lanes: int, height: int, width: int) -> Conditioning:
    """What is given, over all that its formats hold."""
    rng = np.random.default_rng(height * 100 + width)
    mean = rng.integers(0, 256, (3, lanes, height, width)).astype(np.int16)
    features = rng.integers(GREY.low, GREY.high + 1, (depth, lanes, height, width))
    return Conditioning(mean, features.astype(np.int16))


def chosen(
    colour: int, rows: NDArray[np.intp], columns: NDArray[np.intp], lane: int, *outputs: Ints
) -> Ints:
    """Residuals that depend on everything a sample is told, on its place, and on nothing else."""
    mean, scale, tail = (x.astype(np.int64) for x in outputs)
    mixed = 3 * mean + 5 * scale + 7 * tail + 7919 * rows + 104729 * columns + 31 * colour + lane
    return ((mixed * 2654435761 >> 7) % 511 - 255).astype(np.int32)


def run_passes(
    local: LocalDecoder, conditioning: Conditioning, condition: int | None, *, whole: bool
) -> Ints:
    """All residuals: [3, lanes, H, W]."""
    _, lanes, height, width = conditioning.mean.shape
    lane, row, column = (
        np.broadcast_to(index, (lanes, height, width))
        for index in np.ix_(range(lanes), range(height), range(width))
    )

    def choose(colour: int, grid: SubGrid, rows: slice, *outputs: Ints) -> Ints:
        places = (rows_of(x, grid, rows).ravel() for x in (row, column, lane))
        return chosen(colour, *places, *outputs)

    runner = Passes(local, conditioning, condition)
    runner.run(choose, whole=whole)
    return runner.residual.astype(np.int32)


def run_pixels(
    local: local_decoder.LocalDecoder, conditioning: Conditioning, condition: int | None
) -> Ints:
    """The same, one lane, one pixel after another, from the torch module alone."""
    _, _, height, width = conditioning.mean.shape
    mean = torch.from_numpy(conditioning.mean[:, 0].transpose(1, 2, 0)).float()
    features = torch.from_numpy(conditioning.features[:, 0].transpose(1, 2, 0)).float()
    residual = torch.zeros(height, width, 3)
    order = [
        (number, row, column)
        for number, grid in enumerate(local.subgrids)
        for row in range(grid.row, height, grid.step)
        for column in range(grid.column, width, grid.step)
    ]
    assert sorted(place[1:] for place in order) == sorted(np.ndindex(height, width))
    for number, row, column in order:
        seen, contrasts = [], []
        for dy, dx in local.subgrids[number].neighbours:
            y, x = row + dy, column + dx
            inside = 0 <= y < height and 0 <= x < width
            seen.append(residual[y, x] if inside else torch.zeros(3))
            nearest = mean[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
            contrasts.append(nearest - mean[row, column])
        parts = seen if local.drawing else seen + contrasts
        linear = torch.cat([*parts, mean[row, column] - 128])[None]
        others = features[row, column][None]
        if condition is not None:
            others = torch.cat([others, torch.tensor([[float(condition)]])], dim=1)
        own = torch.zeros(1, 3)
        entrance = local.entrances[number]
        with torch.inference_mode():
            hidden = entrance.enter(linear, others)
            for layer in local.hidden:
                hidden = layer(hidden)
            for colour, head in enumerate(local.heads):
                predictions = entrance.predictions(linear, own[:, :2])[:, colour]
                outputs = head(hidden, predictions, own[:, :colour])[0].numpy().astype(np.int32)
                place = (np.array([row]), np.array([column]), 0)
                own[0, colour] = float(chosen(colour, *place, *outputs[:, None])[0])
        residual[row, column] = own[0]
    return residual.numpy().transpose(2, 0, 1).astype(np.int32)[:, None]


@pytest.mark.parametrize("name", ["local", "texture"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_passes_are_pixels_one_after_another(
    tiny_model: PhotoModel, size: tuple[int, int], name: str
) -> None:
    local, trained = getattr(tiny_model, name), getattr(as_trained(tiny_model), name)
    conditioning = random_conditioning(TINY.local_features, 1, *size)
    condition = None if local.drawing else STEP_CONDITIONS[3]
    expected = run_pixels(trained, conditioning, condition)
    for whole in (False, True):
        found = run_passes(local, conditioning, condition, whole=whole)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("neighbours", [0, 4, 12, 24])
def test_other_fields_of_view(neighbours: int) -> None:
    arch = replace(TINY, local_neighbours=neighbours)
    torch.manual_seed(3)
    model = freeze(PhotoVLAE(arch))
    conditioning = random_conditioning(TINY.local_features, 1, 13, 10)
    expected = run_pixels(as_trained(model).local, conditioning, 0)
    np.testing.assert_array_equal(run_passes(model.local, conditioning, 0, whole=True), expected)


@pytest.mark.parametrize("whole", [False, True])
def test_blocks_and_lanes_make_no_difference(
    tiny_model: PhotoModel, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    local = tiny_model.local
    lanes = 1 if whole else 3
    conditioning = random_conditioning(TINY.local_features, lanes, 26, 19)
    found = run_passes(local, conditioning, 0, whole=whole)
    monkeypatch.setattr(passes, "BLOCK_PX", 20)
    np.testing.assert_array_equal(run_passes(local, conditioning, 0, whole=whole), found)
    alone = Conditioning(conditioning.mean[:, :1], conditioning.features[:, :1])
    np.testing.assert_array_equal(run_passes(local, alone, 0, whole=whole), found[:, :1])


def test_known_residuals_predict_what_decoding_did(tiny_model: PhotoModel) -> None:
    local = tiny_model.local
    conditioning = random_conditioning(TINY.local_features, 1, 20, 30)
    told: dict[tuple[int, SubGrid], Ints] = {}
    compared = []
    first, second = Passes(local, conditioning, 0), Passes(local, conditioning, 0)

    def choose(colour: int, grid: SubGrid, _: slice, *outputs: Ints) -> Ints:
        told[colour, grid] = np.stack(outputs)
        return (outputs[0] + 3 * outputs[1]) % 100 - 50

    def compare(number: int, rows: slice, outputs: Ints) -> None:
        grid = subgrids(TINY.local_neighbours)[number]
        columns = grid.size(20, 30)[1]
        place = slice(columns * rows.start, columns * rows.stop)
        for colour in range(3):
            np.testing.assert_array_equal(outputs[:, colour], told[colour, grid][:, place])
        compared.append(outputs.shape[2])

    first.run(choose, whole=True)
    second.fill(first.residual)
    second.predict(compare)
    assert sum(compared) == 20 * 30


@pytest.mark.parametrize("neighbours", [4, 12, 20, 24])
def test_every_pixel_is_once_in_a_sub_grid_and_sees_only_what_came_before(neighbours: int) -> None:
    height, width = 64, 56
    reached = np.full((height, width), -1)
    for number, grid in enumerate(subgrids(neighbours)):
        assert (reached[grid.places] == -1).all()
        reached[grid.places] = number
        assert reached[grid.places].shape == grid.size(height, width)
    assert (reached >= 0).all()
    for grid in subgrids(neighbours):
        assert len(set(grid.neighbours)) == len(grid.neighbours) <= neighbours
        row, column = 24 + grid.row, 24 + grid.column
        for dy, dx in grid.neighbours:
            assert reached[row + dy, column + dx] < reached[row, column]
