"""What texture is trained on: draws that have gradients, and how they are judged."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.conftest import TINY, photo
from vlaecodec.entropy.scales import (
    FRACTIONS,
    MEAN_UNITS,
    RESIDUAL_ROWS,
    SCALE_UNITS,
    TAIL_LEVELS,
    TAIL_UNITS,
    residual_scale,
)
from vlaecodec.entropy.tables import residual_tables
from vlaecodec.networks.photo.distribution import DRAW_BITS, DRAWS
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.pixels.grain import shape_fine, take_means_off
from vlaecodec.training.photo import draw
from vlaecodec.training.photo.latent_cache import Crops
from vlaecodec.training.photo.objectives import DrawnLooks, phase_difference
from vlaecodec.training.photo.squeezenet import SqueezeNet
from vlaecodec.training.photo.wasserstein import WassersteinDistortion, texture_share


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """Weights of the right shapes."""
    rng = np.random.default_rng(0)
    shapes = {"conv1": (96, 3, 7, 7)}
    inputs = {2: 96, 3: 128, 4: 128, 5: 256}
    for number, squeezed in ((2, 16), (3, 16), (4, 32), (5, 32)):
        shapes[f"fire{number}/conv1x1_1"] = (squeezed, inputs[number], 1, 1)
        shapes[f"fire{number}/conv1x1_2"] = (4 * squeezed, squeezed, 1, 1)
        shapes[f"fire{number}/conv3x3_2"] = (4 * squeezed, squeezed, 3, 3)
    arrays = {}
    for name, shape in shapes.items():
        deviation = 1 / np.sqrt(np.prod(shape[1:]))
        arrays[f"{name}/w"] = rng.normal(0, deviation, shape).astype(np.float32)
        arrays[f"{name}/b"] = np.zeros(shape[0], np.float32)
    path = tmp_path_factory.mktemp("net") / "squeezenet.npz"
    np.savez(path, **arrays)
    return path


def some_crops(local: LocalDecoder, size: int = 32) -> Crops:
    side = size + 2 * local.reach
    pixels = torch.tensor(np.stack([photo(side, side, seed) for seed in (1, 2)])).float()
    planes = F.avg_pool2d(pixels.permute(0, 3, 1, 2), 5, 1, 2, count_include_pad=False)
    torch.manual_seed(0)
    trunk = torch.randn(2, TINY.eighth_channels, size // 8, size // 8) * 100
    inside = torch.ones(2, side, side, 1)
    return Crops(pixels, planes.round().permute(0, 2, 3, 1), inside, trunk)


def test_samples_are_the_quantiles_that_files_are_drawn_at() -> None:
    """To a level: tables know a mean to an eighth, and the training's samples are not rounded."""
    tables = residual_tables()
    row, level = 12, 3
    outputs = torch.tensor([16.0 * MEAN_UNITS, row * SCALE_UNITS, level * TAIL_UNITS])
    table = (level * RESIDUAL_ROWS + row) * FRACTIONS
    ends = np.cumsum(tables.frequencies.reshape(len(tables), -1)[table])
    trim = round(draw.TRIM * ends[-1])
    wanted = trim + (np.arange(DRAWS) * (ends[-1] - 2 * trim) >> DRAW_BITS)
    files = np.searchsorted(ends, wanted, side="right") + tables.lows[table]
    place = draw._quantiles(torch.device("cpu"))[level].numpy() * residual_scale(row)
    assert np.abs(files - place).max() < 1
    torch.manual_seed(0)
    drawn = draw._sample(outputs.expand(4000, 3), torch.full((4000,), 128.0))
    assert abs(float(drawn.mean()) - 16) < 0.5
    assert abs(float(drawn.std()) / files.std() - 1) < 0.1
    assert drawn.max() <= 16 + files.max() + 1


def test_tails_grow_with_their_level() -> None:
    assert (
        draw._quantiles(torch.device("cpu"))[1:, -1] > draw._quantiles(torch.device("cpu"))[:-1, -1]
    ).all()
    assert draw._quantiles(torch.device("cpu")).shape == (TAIL_LEVELS, DRAWS)


def test_every_weight_feels_how_draws_look(squeezenet) -> None:
    torch.manual_seed(0)
    local = LocalDecoder(TINY, drawing=True)
    DrawnLooks(squeezenet, torch.device("cpu")).loss(local, some_crops(local)).backward()
    missing = [n for n, p in local.named_parameters() if p.grad is None or not p.grad.any()]
    # The first sub-grid's features and biases reach the others by what these see of it.
    assert all("predict" in name and name.endswith("weight") for name in missing), missing


def test_draws_are_shown_as_in_files() -> None:
    fine = torch.randint(-40, 41, (2, 12, 9, 3))
    ours = draw._show_grain(fine.float(), TINY.grain)
    planes = np.ascontiguousarray(fine.permute(3, 0, 1, 2).numpy()).astype(np.int16)
    files = torch.tensor(shape_fine(planes, TINY.grain)).permute(1, 2, 3, 0)
    # Files round twice: to an eighth of a grey level, which the curve enlarges, and to a whole one.
    assert (ours - files).abs().max() < 0.5 + 0.15
    assert ours.std() > 10


def test_local_means_come_off_as_in_files() -> None:
    rng = np.random.default_rng(3)
    drawn = rng.integers(-40, 40, (1, 24, 31, 3)).astype(np.float32)
    ours = draw._without_means(torch.tensor(drawn)).numpy()
    files = take_means_off(np.ascontiguousarray(drawn.transpose(3, 0, 1, 2)).astype(np.int16))
    # Halves are rounded one way or the other.
    assert np.abs(ours - files.transpose(1, 2, 3, 0)).max() <= 1
    assert (ours == files.transpose(1, 2, 3, 0)).mean() > 0.95


def planes(pixels: np.ndarray) -> Tensor:
    return torch.tensor(pixels).float().permute(2, 0, 1)[None]


def test_grain_of_the_right_kind_is_nearer_than_none(squeezenet) -> None:
    rng = np.random.default_rng(0)
    mean = np.full((64, 64, 3), 120.0)
    photo_grain, other_grain = (rng.normal(0, 10, mean.shape) for _ in range(2))
    distortion = WassersteinDistortion(SqueezeNet(squeezenet))
    original, still, grain, double = (
        planes(mean + x) for x in (photo_grain, 0 * mean, other_grain, 2 * other_grain)
    )
    assert float(distortion(original, original, still)) < 1e-6
    near, none, rough = (float(distortion(x, original, still)) for x in (grain, still, double))
    assert near < none / 3
    assert near < rough / 2


def test_texture_is_what_the_mean_image_misses() -> None:
    rng = np.random.default_rng(0)
    pixels = np.full((48, 96, 3), 100.0)
    pixels[:, 20:24] = 200
    pixels[:, 60:] += rng.normal(0, 12, (48, 36, 3))
    mean = pixels.copy()
    mean[:, 60:] = 100
    share = texture_share(planes(pixels), planes(mean))[0, 0]
    assert float(share[:, 10:40].max()) < 0.01
    assert float(share[:, 70:].mean()) > 0.8


def test_a_pattern_of_one_phase_is_noticed_where_the_photo_is_smooth() -> None:
    rng = np.random.default_rng(0)
    smooth, rough = np.full((64, 64, 3), 90.0), rng.normal(90, 40, (64, 64, 3))
    grain = planes(rng.normal(0, 2, (64, 64, 3)))
    dots = grain.clone()
    dots[:, :, 4::8, 4::8] += 6
    on_smooth = [float(phase_difference(x, planes(smooth))) for x in (grain, dots)]
    assert on_smooth[1] > 2 * on_smooth[0]
    assert float(phase_difference(dots, planes(rough))) < 0.1 * on_smooth[1]


def test_other_weights_are_refused(tmp_path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, nothing=np.zeros(3))
    with pytest.raises(ValueError, match="SqueezeNet"):
        SqueezeNet(path)
