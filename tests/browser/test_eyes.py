"""The page of `benchmarks.photo.eyes`, as a person judges with it."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.photo import eyes
from tests.conftest import photo

SIDE_PX = 64
ORIGINAL = 40
LEVELS = {eyes.MEAN: 100, eyes.AVIF: 200}
TRIALS = 12


def flat(level: int) -> np.ndarray:
    return np.full((SIDE_PX, SIDE_PX, 3), level, np.uint8)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Trials whose versions can be told by their grey."""
    path = tmp_path_factory.mktemp("eyes") / "eyes.html"
    versions = {name: flat(level) for name, level in LEVELS.items()}
    rates = {eyes.MEAN: 0.201, eyes.AVIF: 0.199}
    trials = [eyes.Trial(f"</script>{n}", flat(ORIGINAL), versions, rates) for n in range(TRIALS)]
    path.write_text(eyes.render_page(trials, 0.2))
    return path


def level_at(tab, side: str) -> int:
    picture = Image.open(io.BytesIO(tab.locator(f"#{side}").screenshot())).convert("L")
    return picture.getpixel((SIDE_PX // 2, SIDE_PX // 2))


def tally(tab) -> list[str]:
    return tab.locator("tbody tr").first.locator("th, td").all_inner_texts()


def test_choices_become_a_tally_of_versions(tab, page) -> None:
    tab.goto(page.as_uri())
    sides = []
    for number in range(TRIALS):
        assert "AVIF" not in tab.locator("body").inner_text()
        left = level_at(tab, "left")
        assert {left, level_at(tab, "right")} == set(LEVELS.values())
        sides.append(left)
        # Nine times ours, twice the other, once neither.
        better = LEVELS[eyes.AVIF if number in (3, 7) else eyes.MEAN]
        key = "ArrowLeft" if left == better else "ArrowRight"
        tab.keyboard.press("ArrowDown" if number == 5 else key)
    assert set(sides) == set(LEVELS.values())  # sides change
    # Wilson: (0.7917 + 0.1601 -+ 0.2800) / 1.3201.
    assert tally(tab) == ["vlaecodec / AVIF", "9", "2", "1", "79 %", "51 % to 93 %"]
    record = json.loads(tab.locator("#record").input_value())
    assert record["bpp"] == 0.2
    assert [choice["better"] for choice in record["choices"]].count(0) == 9
    assert record["choices"][0]["bpp"] == [0.201, 0.199]


def test_the_photo_is_shown_while_the_key_is_held(tab, page) -> None:
    tab.goto(page.as_uri())
    tab.keyboard.down("o")
    assert level_at(tab, "left") == level_at(tab, "right") == ORIGINAL
    tab.keyboard.up("o")
    assert level_at(tab, "left") in LEVELS.values()


def test_a_choice_is_taken_back_and_a_part_can_be_counted(tab, page) -> None:
    tab.goto(page.as_uri())
    tab.get_by_text("Left (").click()
    tab.get_by_text("Right (").click()
    tab.keyboard.press("Backspace")
    assert "2 of 12" in tab.locator("#place").inner_text()
    tab.get_by_text("End here").click()
    assert sum(map(int, tally(tab)[1:4])) == 1
    tab.get_by_text("Go on").click()
    assert "2 of 12" in tab.locator("#place").inner_text()


def test_versions_are_of_equal_bytes_and_one_place(tmp_path) -> None:
    Image.fromarray(photo(128, 192)).save(tmp_path / "a.png")
    output = tmp_path / "eyes.html"
    arguments = [str(tmp_path / "a.png"), "--output", str(output), "--crop", "64", "--rate", "1"]
    result = CliRunner().invoke(eyes.main, [*arguments, "--version", eyes.MEAN])
    assert result.exit_code == 2
    result = CliRunner().invoke(
        eyes.main, [*arguments, "--version", eyes.MEAN, "--version", eyes.AVIF]
    )
    assert result.exit_code == 0, result.output
    text = output.read_text().split("const data = ")[1].split(";\nconst find")[0]
    (trial,) = json.loads(text)["trials"]
    ours, theirs = trial["versions"]
    assert (ours["name"], theirs["name"]) == (eyes.MEAN, eyes.AVIF)
    assert 0.5 * ours["bpp"] < theirs["bpp"] <= ours["bpp"]
