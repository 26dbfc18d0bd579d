"""`encode --roi` from the command line."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.cli.main import main
from vlaecodec.picture.roi import Roi

PIXELS = photo(64, 96)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(PIXELS).save(path)
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    return result.exit_code, result.output


def save_mask(path: Path) -> np.ndarray:
    mask = np.zeros((64, 96), np.uint8)
    mask[16:48, 16:64] = 255
    Image.fromarray(mask).save(path)
    return mask


def test_a_rectangle_and_a_mask_of_it_make_the_same_file(picture: Path) -> None:
    """And it is the one that the Python function makes."""
    mask = picture.with_name("mask:1.png")
    save_mask(mask)
    expected = vlaecodec.encode(PIXELS, 40, texture=0, roi=Roi((16, 16, 48, 32), 8.0))
    for index, roi in enumerate(("16,16,48,32:8", f"{mask}:8")):
        output = picture.with_name(f"{index}.vlae")
        code, text = run("encode", "-q", "40", "--texture", "0", "--roi", roi, picture, output)
        assert code == 0, text
        assert output.read_bytes() == expected


def test_a_region_and_a_target_size_go_together(picture: Path) -> None:
    plain = len(vlaecodec.encode(PIXELS, 40, texture=0))
    output = picture.with_suffix(".vlae")
    code, text = run(
        "encode", picture, "--roi", "0,0,32,32", "--target-size", plain, "--texture", "0"
    )
    assert code == 0, text
    assert 0.9 * plain < output.stat().st_size <= plain
    # The steps are finer than those of the plain file of that size, the symbols fewer.
    assert vlaecodec.read_info(output.read_bytes()).quality > 40


def test_many_files_take_a_rectangle(picture: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Image.fromarray(PIXELS[:40, :40]).save(small)
    folder = tmp_path / "out"
    code, text = run(
        "encode", picture, small, "--output-dir", folder, "-j", "1", "--roi", "32,32,16,16",
        "--texture", "0",
    )  # fmt: skip
    assert code == 1
    assert "small.png: region of interest 32,32,16,16 is not within the picture of 40 x 40" in text
    assert [p.name for p in folder.iterdir()] == ["photo.vlae"]


def test_a_mask_is_not_overwritten(picture: Path) -> None:
    mask = picture.with_name("mask.vlae")  # a PNG all the same
    save_mask(mask.with_suffix(".png"))
    mask.with_suffix(".png").rename(mask)
    before = mask.read_bytes()
    code, text = run("encode", "-f", "--roi", mask, picture, "-o", mask)
    assert code == 6, text
    assert "mask.vlae: is the mask" in text
    assert mask.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--roi", "80,0,20,20"], 2, "photo.png: region of interest 80,0,20,20 is not within"),
        (["--roi", "1,2,3"], 2, "is not like"),
        (["--roi", "1,2,3,4:much"], 2, "is not a gain"),
        (["--roi", "1,2,3,4:0"], 2, "the gain of a region of interest is from 1/64"),
        (["--roi", "nowhere.png"], 2, "nowhere.png: No such file"),
        (["--roi", "MASK"], 2, "the mask has 10 x 10 pixels, but the picture 96 x 64"),
        (["--roi", "TEXT"], 3, "notes.txt: not an image"),
        (["--roi", "0,0,9,9", "--lossless"], 2, "lossy"),
    ],
)
def test_what_means_nothing_is_said(
    picture: Path, arguments: list[str], code: int, words: str
) -> None:
    mask, text = picture.with_name("mask.png"), picture.with_name("notes.txt")
    Image.fromarray(np.zeros((10, 10), np.uint8)).save(mask)
    text.write_text("no picture")
    named = {"MASK": str(mask), "TEXT": str(text)}
    found, output = run("encode", picture, *(named.get(a, a) for a in arguments))
    assert found == code, output
    assert words in " ".join(output.split())
    assert not picture.with_suffix(".vlae").exists()
