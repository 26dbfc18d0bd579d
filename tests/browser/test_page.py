"""`vlaecodec page`: a browser decodes the same pictures as we do."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.commands import run
from tests.conftest import photo
from tests.unit.test_drawn_parts import page

PATIENCE_MS = 60_000


def status(tab) -> str:
    """What the page says when it is done."""
    done = tab.locator("#status").filter(has_not_text="Loading").filter(has_not_text="Decoding")
    done.wait_for(timeout=PATIENCE_MS)
    return done.inner_text()


def picture(tab) -> np.ndarray:
    """RGBA, as the page saves it."""
    with tab.expect_download() as download:
        tab.get_by_text("Save as PNG").click()
    return np.asarray(Image.open(download.value.path()))


def expected(data: bytes) -> np.ndarray:
    decoded = vlaecodec.decode(data, texture=0, preview=True)
    return np.asarray(decoded.convert("RGBA"))


def open_file(tab, name: str, data: bytes) -> str:
    tab.locator("#chooser").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )
    return status(tab)


@pytest.fixture(scope="module")
def decoder_page(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "decoder.html"
    result = run("page", "-o", path)
    assert result.exit_code == 0, result.output
    return path


def test_a_page_shows_the_file_that_it_was_made_of(tab, tmp_path) -> None:
    pixels = photo(100, 150)
    data = vlaecodec.encode(pixels, 30, tune="psnr")
    (tmp_path / "a <b>.vlae").write_bytes(data)
    result = run("page", tmp_path / "a <b>.vlae")
    assert result.exit_code == 0, result.output
    tab.goto((tmp_path / "a <b>.html").as_uri())
    assert status(tab).startswith(f"a <b>: 150 x 100, {len(data)} bytes")
    assert tab.title() == "a <b>"
    np.testing.assert_array_equal(picture(tab), expected(data))
    # A screen of another density scales the canvas; its own pixels are the picture's.
    uri = tab.locator("#picture").evaluate("canvas => canvas.toDataURL()")
    canvas = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGBA")
    np.testing.assert_array_equal(np.asarray(canvas), expected(data))


def files() -> dict[str, bytes]:
    """A file of each kind that a page decodes, by a name for the test."""
    large = Image.fromarray(photo(16, 16)).resize((1100, 72), Image.Resampling.BICUBIC)
    noisy = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    alpha = np.dstack([photo(50, 70), np.tile(np.linspace(0, 255, 70).astype(np.uint8), (50, 1))])
    nets: dict[str, Any] = {"only_nets": True}
    return {
        "two-tiles": vlaecodec.encode(large, 50, **nets),
        "three-strips": vlaecodec.encode(photo(1000, 24), 20, **nets),
        "escapes": vlaecodec.encode(noisy, 100, **nets),
        "low": vlaecodec.encode(photo(64, 64), 1, **nets),
        "grey": vlaecodec.encode(photo(60, 90)[..., 1], 60, **nets),
        "alpha": vlaecodec.encode(Image.fromarray(alpha), 40, **nets),
        "pixel": vlaecodec.encode(photo(1, 1), 40, **nets),
        "mixed": vlaecodec.encode(page(), 30),
        "webp": vlaecodec.encode(np.kron(np.eye(40), np.ones((3, 3))).astype(np.uint8) * 255, 50),
    }


@pytest.mark.parametrize("tab", [{"width": 1280, "height": 900}], indirect=True, ids=["desktop"])
def test_every_kind_of_file_comes_out_as_from_our_decoder(tab, decoder_page) -> None:
    tab.goto(decoder_page.as_uri())
    assert status(tab).startswith("Waiting for a .vlae file")
    for name, data in files().items():
        info = vlaecodec.read_info(data)
        said = open_file(tab, f"{name}.vlae", data)
        assert said.startswith(f"{name}: {info.width} x {info.height}, {len(data)} bytes"), said
        np.testing.assert_array_equal(picture(tab), expected(data), err_msg=name)


@pytest.mark.parametrize("tab", [{"width": 1280, "height": 900}], indirect=True, ids=["desktop"])
def test_what_a_page_cannot_show_is_said_in_a_sentence(tab, decoder_page) -> None:
    tab.goto(decoder_page.as_uri())
    data = vlaecodec.encode(photo(40, 60), 40, only_nets=True)
    broken = bytearray(data)
    broken[len(data) // 2] ^= 1
    newer = bytearray(data)
    newer[4] = 99
    cases = {
        "not a .vlae file": b"\x89PNG" + data[4:],
        "is damaged": bytes(broken),
        "is cut off": data[:-9],
        "format version 99": bytes(newer),
        "needs model": vlaecodec.encode(photo(40, 60), 40, tune="psnr", only_nets=True),
    }
    for sentence, content in cases.items():
        assert sentence in open_file(tab, "file.vlae", content)
        assert not tab.locator("#picture").is_visible()
    exact = vlaecodec.encode(photo(40, 60), 40, model="photo", lossless=True, only_nets=True)
    assert "decodes the exact pixels too" in open_file(tab, "file.vlae", exact)


def test_a_page_is_refused_before_it_is_written(tmp_path) -> None:
    assert run("page").exit_code == 2
    (tmp_path / "a.vlae").write_bytes(b"no file")
    result = run("page", tmp_path / "a.vlae")
    assert result.exit_code == 4
    assert not (tmp_path / "a.html").exists()
    digit = Image.fromarray(np.zeros((28, 28), np.uint8))
    (tmp_path / "digit.vlae").write_bytes(vlaecodec.encode(digit, model="mnist-static"))
    result = run("page", tmp_path / "digit.vlae")
    assert result.exit_code == 5
    assert "pages show photos" in result.output
