"""The real decoder of small colour images agrees with the one written from FORMAT.md."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vlaecodec
from tests.golden import colour_reference
from tests.golden.regenerate import COLOUR_MODEL
from tests.small import TINY_COLOUR, colour_images, export_untrained
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.model.registry import find_model

DECODE = Path(__file__).parent / "decode"
KINDS = {
    "colour": {},
    "grey-context": {"grey_context": True},
    "no-context": {"window_width": 0, "window_height": 0},
    "odd-flow": {"flow_steps": 3, "local_layers": 1},
    "gaussian": {"prior": "gaussian"},
}
IMAGE = colour_images(1)[0].permute(1, 2, 0).contiguous().numpy()


@pytest.fixture(params=list(KINDS))
def weights(request, tmp_path, monkeypatch) -> Path:
    export_untrained(tmp_path / "tiny", replace(TINY_COLOUR, **KINDS[request.param]))
    monkeypatch.setenv("VLAECODEC_MODELS", str(tmp_path))
    return tmp_path / "tiny" / WEIGHTS_NAME


@pytest.mark.parametrize("quality", [1, 62])
def test_both_decoders_find_every_sample(weights, quality) -> None:
    data = vlaecodec.encode(IMAGE, quality, model="tiny", lossless=True)
    assert np.array_equal(colour_reference.decode(data, weights), IMAGE)
    assert np.array_equal(np.asarray(vlaecodec.decode(data)), IMAGE)


@pytest.mark.parametrize("texture", [0.25, 1])
def test_both_decoders_draw_the_same(weights, texture) -> None:
    lossy = vlaecodec.encode(IMAGE, 75, model="tiny", texture=texture, seed=40_000)
    drawn = colour_reference.decode(lossy, weights)
    assert np.array_equal(drawn, np.asarray(vlaecodec.decode(lossy)))
    assert drawn.std() > 1
    exact = vlaecodec.encode(IMAGE, 25, model="tiny", lossless=True)
    shown = colour_reference.decode(exact, weights, round(128 * texture), preview=True)
    other = vlaecodec.decode(exact, preview=True, texture=texture)
    assert np.array_equal(shown, np.asarray(other))


def test_both_decoders_show_the_same_mean(tmp_path, monkeypatch) -> None:
    export_untrained(tmp_path / "tiny", TINY_COLOUR)
    monkeypatch.setenv("VLAECODEC_MODELS", str(tmp_path))
    lossy = vlaecodec.encode(IMAGE, 75, model="tiny")
    shown = colour_reference.decode(lossy, tmp_path / "tiny" / WEIGHTS_NAME)
    assert np.array_equal(shown, np.asarray(vlaecodec.decode(lossy)))


@pytest.mark.parametrize("path", sorted(DECODE.glob("colour*.vlae")), ids=lambda p: p.stem)
def test_both_decoders_agree_on_golden_files(path) -> None:
    data = path.read_bytes()
    shown = colour_reference.decode(data, find_model(COLOUR_MODEL).folder / WEIGHTS_NAME)
    assert np.array_equal(shown, np.asarray(vlaecodec.decode(data)))
