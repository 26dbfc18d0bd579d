"""`inspect` and `mix` from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.commands import run
from tests.conftest import photo


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "photo.vlae"
    path.write_bytes(vlaecodec.encode(photo(72, 96), 30, texture=1))
    return path


@pytest.fixture
def other(tmp_path) -> Path:
    path = tmp_path / "other.vlae"
    path.write_bytes(vlaecodec.encode(photo(72, 96, seed=5), 50, texture=1))
    return path


def test_the_table_adds_up(file) -> None:
    result = run("inspect", file)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    bits = {line[:10].strip(): int(line[10:23]) for line in lines[1:-1]}
    assert list(bits) == ["top latent", "anchor", "rest", "side info", "file"]
    assert bits["file"] == 8 * file.stat().st_size
    assert abs(sum(bits.values()) - 2 * bits["file"]) <= 2
    assert "recommended" in lines[-1]
    found = json.loads(run("inspect", "--json", file).stdout)
    assert [round(layer["bits"]) for layer in found["layers"]] == list(bits.values())[:3]
    assert found["layers"][2]["psnr_db"] is None


def test_an_exact_file_has_a_row_for_pixels(tmp_path) -> None:
    path = tmp_path / "exact.vlae"
    path.write_bytes(vlaecodec.encode(photo(40, 56), lossless=True, only_nets=True))
    sheet = tmp_path / "sheet.png"
    result = run("inspect", path, "--png", sheet)
    assert result.exit_code == 0, result.output
    assert "\npixels " in result.stdout
    assert sheet.exists()


def test_sheet_and_page(file, tmp_path) -> None:
    sheet, page = tmp_path / "sheet.png", tmp_path / "page.html"
    result = run("inspect", file, "--png", sheet, "--html", page)
    assert result.exit_code == 0, result.output
    with Image.open(sheet) as image:
        assert image.format == "PNG"
        assert image.width > 3 * 288
    text = page.read_text()
    assert text.count('<img src="data:image/webp') == 9
    assert "://" not in text
    assert "bits of the anchor" in text
    before = sheet.read_bytes()
    refused = run("inspect", file, "--png", sheet)
    assert refused.exit_code == 6
    assert "-f" in refused.stderr
    assert run("inspect", "-f", file, "--png", sheet).exit_code == 0
    assert sheet.read_bytes() == before


def test_one_output_can_go_to_standard_output(file) -> None:
    result = run("inspect", "-", "--png", "-", stdin=file.read_bytes())
    assert result.exit_code == 0, result.output
    assert result.stdout_bytes.startswith(b"\x89PNG")
    assert result.stdout_bytes.endswith(b"IEND\xaeB`\x82")


def test_outputs_must_differ(file, tmp_path) -> None:
    result = run("inspect", file, "--png", tmp_path / "same", "--html", tmp_path / "same")
    assert result.exit_code == 2
    assert "different names" in result.stderr


def test_what_cannot_be_inspected(file, tmp_path) -> None:
    assert run("inspect", tmp_path / "none.vlae").exit_code == 2
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.write_bytes(data)
    result = run("inspect", file, "--png", tmp_path / "sheet.png")
    assert result.exit_code == 4
    assert "photo.vlae: tile 1 of 1 is damaged" in result.stderr
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize("take", ["top", "texture"])
def test_mix_writes_a_picture(file, other, tmp_path, take) -> None:
    target = tmp_path / "mixed.png"
    result = run("mix", file, other, "-o", target, "--take", take)
    assert result.exit_code == 0, result.output
    with Image.open(target) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (72, 96, 3)
    for path in (file, other):
        assert not np.array_equal(pixels, np.asarray(vlaecodec.decode(path.read_bytes())))
    assert run("mix", file, other, "-o", target).exit_code == 6


def test_what_cannot_be_mixed(file, other, tmp_path) -> None:
    target = tmp_path / "mixed.png"
    small = tmp_path / "small.vlae"
    small.write_bytes(vlaecodec.encode(photo(32, 48), 30))
    result = run("mix", file, small, "-o", target)
    assert result.exit_code == 2
    assert "96 x 72 and 48 x 32" in result.stderr
    other.write_bytes(other.read_bytes()[:-5])
    result = run("mix", file, other, "-o", target)
    assert result.exit_code == 4
    assert "other.vlae: " in result.stderr
    assert run("mix", "-", "-", "-o", target).exit_code == 2
    assert not target.exists()
