"""`encode --target-...` and `--effort` from the command line."""

from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.conftest import photo
from vlaecodec.cli.commands.encode import encode
from vlaecodec.cli.main import main
from vlaecodec.latents.effort import DEFAULT_EFFORT, EFFORT_STEPS, OTHER_TUNE_EFFORT


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(96, 128)).save(path)
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    return result.exit_code, result.output


def test_target_size_is_not_exceeded(picture: Path) -> None:
    code, _ = run("encode", picture, "--target-size", "3k", "--quiet")
    size = picture.with_suffix(".vlae").stat().st_size
    assert code == 0
    assert 2800 <= size <= 3000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target-size", "3k", "--target-psnr", "30"], "give one target"),
        (["--target-size", "3k", "-q", "30"], "leave out quality"),
        (["--target-psnr", "30", "--lossless"], "for lossy files"),
        (["--target-size", "lots"], "not a number of bytes"),
        (["--target-size", "-3"], "not a number of bytes"),
        (["--target-size", "20"], "no file as small"),
        (["--effort", "10"], "effort"),
        (["--tune", "looks", "--lossless"], "tune is for lossy"),
        (["--tune", "looks", "--roi", "0,0,9,9", "--effort", "2"], "roi cannot be combined"),
        (["--tune", "looks", "-m", "photo-psnr", "--effort", "1"], "takes effort 2"),
    ],
)
def test_what_cannot_be_met_is_said(picture: Path, arguments: list[str], words: str) -> None:
    code, output = run("encode", picture, *arguments)
    assert code == 2
    assert words in output
    assert not picture.with_suffix(".vlae").exists()


def test_effort_makes_a_file_that_decodes(picture: Path) -> None:
    code, output = run("encode", picture, "-e", "2", "--texture", "0", "--quiet")
    assert code == 0, output
    code, output = run("decode", picture.with_suffix(".vlae"), picture.with_name("out.png"))
    assert code == 0, output
    with Image.open(picture.with_name("out.png")) as image:
        assert np.asarray(image).shape == (96, 128, 3)


def test_the_efforts_of_the_command_are_the_encoders() -> None:
    """The command does not import torch to know them."""
    option = next(p for p in encode.params if p.name == "effort")
    words = f"[default: {DEFAULT_EFFORT}, no search; {OTHER_TUNE_EFFORT} where --tune"
    assert words in (option.help or "")
    assert isinstance(option.type, click.IntRange)
    assert list(range(option.type.min or 0, (option.type.max or 0) + 1)) == list(EFFORT_STEPS)
