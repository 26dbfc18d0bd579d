"""The comparer of `vlaecodec compare --html`, as a person uses it."""

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.cli.main import main

WIDTH, HEIGHT = 320, 200


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    pixels = photo(HEIGHT, WIDTH)
    Image.fromarray(pixels).save(folder / "photo.png")
    (folder / "photo.vlae").write_bytes(vlaecodec.encode(pixels, 40, texture=0.5))
    arguments = ["compare", str(folder / "photo.png"), "--against", "webp,jpeg"]
    arguments += ["--at-bytes-of", str(folder / "photo.vlae"), "--html", str(folder / "page.html")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return folder / "page.html"


def divided_at(tab) -> float:
    """Where the divider stands, part of the picture's width."""
    stage, divider = (tab.locator(name).bounding_box() for name in (".stage", ".divider"))
    return (divider["x"] + divider["width"] / 2 - stage["x"]) / stage["width"]


def shown(tab) -> np.ndarray:
    image = Image.open(io.BytesIO(tab.locator(".stage").screenshot())).convert("RGB")
    return np.asarray(image).astype(int)


def test_the_divider_is_dragged(tab, page) -> None:
    tab.goto(page.as_uri())
    stage = tab.locator(".stage").bounding_box()
    middle = stage["y"] + stage["height"] / 2
    assert divided_at(tab) == pytest.approx(0.5, abs=0.01)
    tab.mouse.move(stage["x"] + stage["width"] / 2, middle)
    tab.mouse.down()
    tab.mouse.move(stage["x"] + stage["width"] * 0.8, middle, steps=5)
    tab.mouse.up()
    assert divided_at(tab) == pytest.approx(0.8, abs=0.01)
    compared = shown(tab)
    tab.locator("select.right").select_option("0")
    off = np.abs(shown(tab) - compared).mean((0, 2))
    # Left of the divider is the original, but for rounding when it is scaled; right of it is not.
    place = round(0.8 * len(off))
    assert off[: place - 28].max() < 0.1
    assert off[place + 28 :].min() > 0.5


def test_the_keyboard_moves_the_divider_and_chooses(tab, page) -> None:
    tab.goto(page.as_uri())
    tab.locator("select.left").focus()
    assert tab.locator("select.left").input_value() == "0"
    tab.keyboard.press("ArrowDown")
    assert tab.locator("select.left").input_value() == "1"
    for _ in range(3):
        tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "divider"
    tab.keyboard.press("ArrowRight")
    assert divided_at(tab) == pytest.approx(0.51, abs=0.005)
    tab.keyboard.press("Shift+ArrowLeft")
    assert tab.locator(".divider").get_attribute("aria-valuenow") == "41"
    tab.keyboard.press("End")
    assert divided_at(tab) == pytest.approx(1, abs=0.005)


def test_the_page_fits_and_says_what_was_measured(tab, page) -> None:
    tab.goto(page.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    size = page.with_name("photo.vlae").stat().st_size
    options = tab.locator("select.right option").all_inner_texts()
    assert options[0] == "original"
    assert sum(f"{size} bytes" in option for option in options) == 3
    assert any("texture 0.5, recommended" in option for option in options)
    header = tab.locator("thead th").all_inner_texts()
    assert header[:4] == ["file", "bytes", "bpp", "PSNR, RGB, dB"]
    assert tab.locator("tbody tr").count() == 5
    tab.locator("select.zoom").select_option("2")
    assert tab.locator(".stage").bounding_box()["width"] == 2 * WIDTH
