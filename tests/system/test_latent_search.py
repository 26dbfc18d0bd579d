"""`encode --effort`: search changes what is sent, never how it is read."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import vlaecodec
from tests.conftest import photo
from vlaecodec.bitstream.tiles import TileBox, latent_window
from vlaecodec.errors import ParameterError
from vlaecodec.latents.effort import EFFORT_STEPS, plan_search
from vlaecodec.latents.search import _Canvas, anneal
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.model.float_weights import load_float_model
from vlaecodec.model.frozen import load_model
from vlaecodec.model.registry import LOOKS, PSNR, find_model
from vlaecodec.networks.common.formats import PIXEL_UNITS
from vlaecodec.networks.common.looks import looks_distortion
from vlaecodec.networks.photo.architecture import LAMBDA_MAX, LAMBDA_MIN
from vlaecodec.networks.photo.rate_distortion import rate_weight


def test_annealing_ends_at_whole_steps_and_stays_between_neighbours() -> None:
    x = torch.linspace(-3, 3, 1001)
    for progress, near in ((0.0, 0.5), (1.0, 0.02)):
        drawn, measured = anneal(progress)(x)
        assert torch.equal(drawn, measured)
        assert bool((drawn >= x.floor() - 1e-5).all())
        assert bool((drawn <= x.floor() + 1 + 1e-5).all())
        assert float((drawn - drawn.round()).abs().mean()) < near


def test_a_cold_draw_is_the_nearest_step() -> None:
    x = torch.tensor([0.1, 0.9, -0.2, 2.75]).repeat(200)
    drawn = anneal(1.0)(x)[0]
    assert torch.equal(drawn.round(), x.round())


def test_rate_weight_spans_its_range() -> None:
    ends = rate_weight(torch.tensor([0.0, 1.0]))
    assert torch.allclose(ends, torch.tensor([LAMBDA_MIN, LAMBDA_MAX]))


@pytest.mark.parametrize("effort", [0, 10, 2.5, "9"])
def test_bad_efforts_are_refused(effort: object) -> None:
    with pytest.raises(ParameterError, match="effort"):
        vlaecodec.encode(np.zeros((16, 16, 3), np.uint8), effort=effort)  # type: ignore[arg-type]


def cost(data: bytes, pixels: np.ndarray, quality: float) -> float:
    """bpp + 1.4 lambda * squared error: what search minimises."""
    decoded = np.asarray(vlaecodec.decode(data, texture=0)).astype(float)
    weight = 1.4 * float(rate_weight(torch.tensor((quality - 1) / 99)))
    rate_bpp = 8 * len(data) / pixels[..., 0].size
    return rate_bpp + weight * float(np.mean((decoded - pixels) ** 2))


def test_effort_lowers_the_cost_and_the_file_decodes() -> None:
    pixels = photo(96, 128)
    costs = [
        cost(vlaecodec.encode(pixels, 40, effort=effort, tune="psnr"), pixels, 40)
        for effort in (1, 5)
    ]
    assert costs[1] < costs[0]


@pytest.mark.parametrize("shape", [(176, 192), (24, 200)])
def test_tuning_for_ms_ssim_descends_on_it(shape: tuple[int, int]) -> None:
    """Also where the tile is too small for all scales; then its edges go on."""
    pixels = photo(*shape)

    def loss(**options: object) -> float:
        data = vlaecodec.encode(pixels, 40, texture=0, **options)  # type: ignore[arg-type]
        decoded = np.asarray(vlaecodec.decode(data, texture=0))
        first, second = (torch.tensor(p).permute(2, 0, 1)[None].float() for p in (decoded, pixels))
        weight = 1.4 * float(rate_weight(torch.tensor(39 / 99)))
        error = float(looks_distortion(first, second))
        return 8 * len(data) / pixels[..., 0].size + weight * error

    model = find_model(tune=PSNR).name
    assert loss(model=model, tune="looks", effort=3) < loss(model=model, effort=3)


@pytest.mark.parametrize(
    "options",
    [
        {"tune": "ssim"},
        {"tune": "looks", "model": "photo-psnr", "effort": 1},
        {"tune": "looks", "lossless": True},
        {"tune": "looks", "roi": (0, 0, 8, 8), "effort": 2},
        {"tune": "looks", "model": "mnist-dynamic"},
    ],
)
def test_tuning_that_means_nothing_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match="tun"):
        vlaecodec.encode(np.zeros((16, 16, 3), np.uint8), **options)  # type: ignore[arg-type]


def test_a_model_tuned_for_another_metric_searches_by_default() -> None:
    entry = replace(find_model(), tuned_for=PSNR)
    assert plan_search(None, PSNR, entry).steps == EFFORT_STEPS[1] == 0
    assert plan_search(None, LOOKS, entry).steps == EFFORT_STEPS[5]
    tuned = replace(entry, tuned_for=LOOKS)
    assert plan_search(None, LOOKS, tuned).steps == 0
    assert plan_search(9, PSNR, tuned).steps == EFFORT_STEPS[9]
    near, far = plan_search(9, LOOKS, tuned), plan_search(9, LOOKS, entry)
    assert near.learning_rate < far.learning_rate


def test_search_is_repeatable_and_leaves_random_numbers_alone() -> None:
    pixels = photo(48, 64)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = vlaecodec.encode(pixels, 40, effort=2)
    assert torch.equal(torch.rand(1), expected)
    assert vlaecodec.encode(pixels, 40, effort=2) == first


def test_exact_files_are_not_searched() -> None:
    pixels = photo(32, 48)
    plain = vlaecodec.encode(pixels, lossless=True)
    assert vlaecodec.encode(pixels, lossless=True, effort=9) == plain


def test_search_across_tiles() -> None:
    """A tile of one row of latents beside a whole one: the search sees the neighbour."""
    pixels = photo(32, 1040)
    done: list[float] = []
    data = vlaecodec.encode(pixels, 30, effort=2, texture=0, progress=done.append)
    assert done == sorted(done)
    assert done[-1] == 1
    assert len(done) > 2 * EFFORT_STEPS[2]
    plain = vlaecodec.encode(pixels, 30, texture=0)
    decoded, before = (np.asarray(vlaecodec.decode(d, texture=0)) for d in (data, plain))
    assert psnr_db(pixels, decoded) > psnr_db(pixels, before) - 0.3


@pytest.mark.parametrize(
    "box", [TileBox(0, 0, 64, 48), TileBox(96, 80, 160, 112), TileBox(160, 144, 217, 157)]
)
def test_a_tile_on_the_canvas_looks_as_in_the_whole_picture(box: TileBox) -> None:
    """Wherever it lies: at a corner, inside, at an edge that is no whole latent."""
    entry = find_model()
    network = load_float_model(entry, load_model(entry))
    y = torch.randn((1, network.arch.latent_channels, 10, 14), generator=torch.manual_seed(0))
    quality = torch.tensor([0.5])
    canvas = _Canvas(network, (157, 217, 3))
    canvas.put(TileBox(0, 0, 217, 157), y)
    whole = network.decoder(canvas.latent, quality) / PIXEL_UNITS
    known = canvas.latent[:, *latent_window(box)].clone()
    canvas.put(box, torch.zeros_like(known))  # it counts as given, not as the canvas has it
    found = canvas.mean_image(box, known, quality)
    expected = whole[..., box.top : box.bottom, box.left : box.right]
    assert float((found - expected).abs().max()) < 0.01
