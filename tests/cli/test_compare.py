import json

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.commands import run
from tests.conftest import photo
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.metrics.measures import MEASURES


@pytest.fixture
def folder(tmp_path):
    pixels = photo(72, 96)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    (tmp_path / "photo.vlae").write_bytes(vlaecodec.encode(pixels, 60, texture=1))
    return tmp_path


def test_a_picture_and_its_file(folder) -> None:
    result = run("compare", folder / "photo.png", folder / "photo.vlae", "--texture", 0, "--json")
    assert result.exit_code == 0, result.output
    measures = json.loads(result.stdout)
    assert list(measures) == list(MEASURES)
    decoded = vlaecodec.decode((folder / "photo.vlae").read_bytes(), texture=0)
    assert measures["psnr_db"] == psnr_db(photo(72, 96), np.asarray(decoded))
    assert measures["ms_ssim"] is None
    textured = json.loads(
        run("compare", folder / "photo.png", folder / "photo.vlae", "--json").stdout
    )
    assert textured["psnr_db"] < measures["psnr_db"]
    text = run("compare", folder / "photo.png", folder / "photo.vlae", "--texture", 0).stdout
    assert f"PSNR, RGB             {measures['psnr_db']:.2f} dB" in text
    assert "MS-SSIM               not measured" in text


def test_equal_pictures(folder) -> None:
    assert "inf dB" in run("compare", folder / "photo.png", folder / "photo.png").stdout
    same = json.loads(run("compare", folder / "photo.png", folder / "photo.png", "--json").stdout)
    assert same["psnr_db"] is None
    assert same["sliced_wasserstein"] == 0


def test_rivals_get_no_more_bytes(folder) -> None:
    file = folder / "photo.vlae"
    arguments = [folder / "photo.png", "--against", "webp, jpeg2000", "--at-bytes-of", file]
    rows = json.loads(run("compare", *arguments, "--json").stdout)
    names = [row["name"] for row in rows]
    assert names == [
        "vlaecodec, texture 0",
        "vlaecodec, texture 1, recommended",
        "WebP",
        "JPEG 2000",
    ]
    assert all(row["size_bytes"] <= file.stat().st_size for row in rows)
    # The best file that fits, not just any.
    assert rows[-1]["size_bytes"] > 0.9 * file.stat().st_size
    table = run("compare", *arguments).stdout
    assert "WebP" in table
    assert all(len(line) <= 80 for line in table.splitlines())


def test_the_page_is_written_once(folder) -> None:
    arguments = [folder / "photo.png", "--at-bytes-of", folder / "photo.vlae"]
    page = folder / "page.html"
    assert run("compare", *arguments, "--html", page).exit_code == 0
    assert "http:" not in page.read_text()
    assert "https:" not in page.read_text()
    assert run("compare", *arguments, "--html", page).exit_code == 6
    assert run("compare", *arguments, "--html", page, "-f").exit_code == 0
    assert run("compare", *arguments, "--html", folder / "photo.vlae", "-f").exit_code == 6


def test_what_cannot_be_compared(folder) -> None:
    picture, file = folder / "photo.png", folder / "photo.vlae"
    Image.fromarray(photo(40, 40)).save(folder / "small.png")
    assert run("compare", picture).exit_code == 2
    assert run("compare", picture, file, "--against", "webp").exit_code == 2
    assert run("compare", picture, file, "--html", folder / "page.html").exit_code == 2
    assert run("compare", picture, "--at-bytes-of", file, "--against", "gif").exit_code == 2
    assert run("compare", picture, "--at-bytes-of", file, "--texture", 1).exit_code == 2
    assert run("compare", picture, folder / "small.png").exit_code == 3
    assert run("compare", folder / "small.png", "--at-bytes-of", file).exit_code == 3
    assert run("compare", picture, "--at-bytes-of", picture).exit_code == 4
    assert (
        "differ in size: 96 x 72 and 40 x 40"
        in run("compare", picture, folder / "small.png").stderr
    )


def test_a_lossless_file_is_one_candidate(folder) -> None:
    (folder / "exact.vlae").write_bytes(vlaecodec.encode(photo(72, 96), lossless=True))
    arguments = [folder / "photo.png", "--at-bytes-of", folder / "exact.vlae", "--json"]
    (row,) = json.loads(run("compare", *arguments).stdout)
    assert row["name"] == "vlaecodec, lossless"
    assert row["sliced_wasserstein"] == 0


def test_a_rival_that_is_not_installed_is_left_out(folder, monkeypatch) -> None:
    monkeypatch.setattr("vlaecodec.analysis.codecs._jpeg_xl_plugin", lambda: None)
    file = folder / "photo.vlae"
    arguments = [folder / "photo.png", "--against", "jxl,webp", "--at-bytes-of", file]
    result = run("compare", *arguments, "--json")
    assert result.exit_code == 0, result.output
    assert "JPEG XL is not installed and left out: pip install pillow-jxl-plugin" in result.stderr
    assert [row["name"] for row in json.loads(result.stdout)][-1] == "WebP"
