"""Regions of interest: weights, the rounding that follows them, and what becomes of a file."""

import numpy as np
import pytest
import torch
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.bitstream.header import QUALITY_UNIT
from vlaecodec.bitstream.tiles import TileBox
from vlaecodec.errors import ParameterError
from vlaecodec.latents.coder import encode_latent
from vlaecodec.latents.importance import scale_to_peak, weigh_latents
from vlaecodec.latents.rdo_quantisation import rdo_quantise
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.model.analyser import analyse_tile
from vlaecodec.model.frozen import load_model
from vlaecodec.model.registry import find_model
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.networks.photo.rate_distortion import rate_weight
from vlaecodec.picture.roi import Roi, weigh_pixels

GREY = np.full((64, 96, 3), 128, np.uint8)
BOX = (16, 16, 48, 32)
ROWS, COLUMNS = slice(16, 48), slice(16, 64)


def weigh(area: object, gain: float) -> np.ndarray:
    return weigh_pixels(GREY.shape, [Roi(area, gain)])


def test_a_rectangle_weighs_its_gain_and_the_rest_one() -> None:
    weights = weigh(BOX, 8.0)
    assert np.all(weights[ROWS, COLUMNS] == 8)
    assert weights.sum() == 64 * 96 + 7 * 32 * 48


def test_a_mask_is_geometric_between_black_and_white() -> None:
    mask = np.zeros((64, 96), np.uint8)
    mask[:, 32:64], mask[:, 64:] = 51, 255
    for given in (mask, Image.fromarray(mask), Image.fromarray(mask).convert("RGB")):
        weights = weigh(given, 32.0)
        assert np.allclose(weights[0, [0, 40, 80]], [1, 2, 32], rtol=1e-5)


def test_where_regions_overlap_the_strongest_counts() -> None:
    weights = weigh_pixels(
        GREY.shape, [Roi(BOX, 8.0), Roi((0, 0, 96, 64), 0.5), Roi((20, 20, 4, 4), 2.0)]
    )
    assert np.all(weights[ROWS, COLUMNS] == 8)
    assert weights[0, 0] == 0.5


@pytest.mark.parametrize(
    ("roi", "words"),
    [
        ((0, 0, 97, 10), "region of interest 0,0,97,10 is not within the picture of 96 x 64"),
        ((-1, 0, 5, 5), "not within"),
        ([BOX, 0.0], "gain"),
        ([BOX, float("nan")], "gain"),
        ([BOX, 1000.0], "gain"),
        ((1, 2, 3), "left, top"),
        ("photo", "left, top"),
        (np.zeros((10, 10), np.uint8), "the mask has 10 x 10 pixels, but the picture 96 x 64"),
        (np.arange(64 * 96 * 3, dtype=np.uint8).reshape(64, 96, 3), "grey"),
    ],
)
def test_regions_that_mean_nothing_are_refused(roi: object, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        weigh_pixels(GREY.shape, [Roi(*roi) if isinstance(roi, list) else Roi(roi)])


def test_the_files_quality_is_what_the_heaviest_place_deserves() -> None:
    code = 40 * QUALITY_UNIT
    raised, relative = scale_to_peak(weigh(BOX, 4.0), code)
    ratio = [float(rate_weight(torch.tensor((c / QUALITY_UNIT - 1) / 99))) for c in (raised, code)]
    assert ratio[0] / ratio[1] == pytest.approx(4, rel=0.001)
    assert weigh_latents(relative).max() == pytest.approx(1, rel=0.001)
    assert relative.min() == pytest.approx(0.25, rel=0.001)
    # At the end of the scale the rest still gets what was asked for.
    raised, relative = scale_to_peak(weigh(BOX, 4.0), 95 * QUALITY_UNIT)
    assert raised == 100 * QUALITY_UNIT
    assert relative.min() == pytest.approx(500 ** (-5 / 99), rel=0.001)


def test_weights_of_latents_are_means_also_at_ragged_edges() -> None:
    weights = np.ones((20, 33), np.float32)
    weights[:16, :8] = 3
    assert np.allclose(weigh_latents(weights), [[2, 1, 1], [1, 1, 1]])


def test_rounding_by_weight_saves_bits_where_the_weight_is_small() -> None:
    """And what it returns is on the grid: coding it gives it back."""
    model, code = load_model(find_model()), 60 * QUALITY_UNIT
    y = analyse_tile(model, photo(64, 96), TileBox(0, 0, 96, 64), code)
    bits, known = {}, {}
    for name, weight in (("full", 1.0), ("half", 0.5), ("tenth", 0.1)):
        weights = np.full(y.shape[1:], weight, np.float32)
        rounded = rdo_quantise(model, y, code, weights)
        words, latent = encode_latent(model, rounded, code)
        assert np.array_equal(latent, (rounded * LATENT.scale).round().astype(np.int16))
        bits[name], known[name] = 32 * len(words), latent
    plain_words, plain = encode_latent(model, y, code)
    assert np.mean(known["full"] != plain) < 0.05
    assert bits["tenth"] < bits["half"] < 32 * len(plain_words)


def inside_and_outside(data: bytes, pixels: np.ndarray) -> tuple[float, float]:
    decoded = np.asarray(vlaecodec.decode(data, texture=0))
    inside = np.zeros(pixels.shape[:2], bool)
    inside[ROWS, COLUMNS] = True
    return psnr_db(pixels[inside], decoded[inside]), psnr_db(pixels[~inside], decoded[~inside])


@pytest.mark.parametrize("effort", [1, 2])
def test_a_region_of_interest_is_better_and_the_rest_about_as_good(effort: int) -> None:
    pixels = photo(64, 96)
    plain = vlaecodec.encode(pixels, 40, tune="psnr")
    data = vlaecodec.encode(pixels, 40, texture=0, roi=Roi(BOX), effort=effort, tune="psnr")
    before, after = inside_and_outside(plain, pixels), inside_and_outside(data, pixels)
    assert after[0] > before[0] + 1.5
    assert after[1] > before[1] - 0.6
    raised = vlaecodec.encode(pixels, vlaecodec.read_info(data).quality, tune="psnr")
    assert len(plain) < len(data) < 0.85 * len(raised)


def test_exact_files_and_small_models_have_no_detail_to_choose() -> None:
    for options in ({"lossless": True}, {"max_error": 2}):
        with pytest.raises(ParameterError, match="lossy"):
            vlaecodec.encode(GREY, roi=BOX, **options)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="photos"):
        vlaecodec.encode(GREY, roi=BOX, model="mnist-dynamic")
