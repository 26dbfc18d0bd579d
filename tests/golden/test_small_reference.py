"""The real decoder of small images agrees with the one written from FORMAT.md, pixel for pixel."""

from pathlib import Path

import numpy as np
import pytest

import vlaecodec
from tests.golden import small_reference
from tests.golden.regenerate import SMALL_MODEL
from tests.small import black_and_white
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.model.registry import find_model

DECODE = Path(__file__).parent / "decode"
MODELS = ("tiny", "odd", "plain")
IMAGE = black_and_white(1)[0, 0].numpy() * 255


@pytest.fixture(params=MODELS)
def name(request, small_models, monkeypatch) -> str:
    monkeypatch.setenv("VLAECODEC_MODELS", str(small_models))
    return request.param


@pytest.mark.parametrize("quality", [None, 1, 62, 100])
def test_both_decoders_find_every_pixel(name, small_models, quality) -> None:
    data = vlaecodec.encode(IMAGE, quality, model=name, lossless=True)
    white = small_reference.decode(data, small_models / name / WEIGHTS_NAME)
    assert np.array_equal(white * 255, IMAGE)
    assert np.array_equal(np.asarray(vlaecodec.decode(data)), IMAGE)


@pytest.mark.parametrize("texture", [0, 1 / 128, 0.5, 1])
def test_both_decoders_draw_the_same(name, small_models, texture) -> None:
    weights, code = small_models / name / WEIGHTS_NAME, round(128 * texture)
    lossy = vlaecodec.encode(IMAGE, 75, model=name, texture=texture, seed=40_000)
    white = small_reference.decode(lossy, weights)
    assert np.array_equal(white * 255, np.asarray(vlaecodec.decode(lossy)))
    assert 0 < white.sum() < white.size
    exact = vlaecodec.encode(IMAGE, 25, model=name, lossless=True)
    white = small_reference.decode(exact, weights, code, preview=True)
    drawn = vlaecodec.decode(exact, preview=True, texture=texture)
    assert np.array_equal(white * 255, np.asarray(drawn))


@pytest.mark.parametrize("path", sorted(DECODE.glob("digit*.vlae")), ids=lambda p: p.stem)
def test_both_decoders_agree_on_golden_files(path) -> None:
    data = path.read_bytes()
    white = small_reference.decode(data, find_model(SMALL_MODEL).folder / WEIGHTS_NAME)
    assert np.array_equal(white * 255, np.asarray(vlaecodec.decode(data)))
