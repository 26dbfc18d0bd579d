"""`verify` and `info` of many files and whole folders."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

import vlaecodec
from tests.commands import run
from tests.conftest import photo


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> Path:
    """Two good files, one of them below, and what is none."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "trip").mkdir()
    (folder / "a.vlae").write_bytes(vlaecodec.encode(photo(24, 40), 30))
    (folder / "trip" / "b [1].vlae").write_bytes(
        vlaecodec.encode(photo(16, 16), max_error=2, only_nets=True)
    )
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def with_damage(album, tmp_path) -> tuple[Path, Path]:
    data = bytearray((album / "a.vlae").read_bytes())
    data[-20] ^= 1
    (tmp_path / "bad.vlae").write_bytes(data)
    return album, tmp_path / "bad.vlae"


def test_verify_goes_through_a_folder(album) -> None:
    result = run("verify", album)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"{album / 'a.vlae'}: intact, 40 x 24, decodes here exactly"
    assert lines[1].startswith(f"{album / 'trip' / 'b [1].vlae'}: intact")
    assert lines[2] == "2 of 2 files are intact"


def test_verify_goes_on_after_a_damaged_file(with_damage) -> None:
    album, bad = with_damage
    result = run("verify", bad, album)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "2 of 3 files are intact"
    assert result.stderr.startswith(f"vlaecodec: {bad}: ")
    records = json.loads(run("verify", bad, album, "--json").stdout)
    assert [record["intact"] for record in records] == [False, True, True]
    assert "damaged" in records[0]["error"]
    assert str(bad) not in records[0]["error"]
    rows = list(csv.DictReader(io.StringIO(run("verify", bad, album, "--csv").stdout)))
    assert [(row["intact"], row["width"]) for row in rows] == [
        ("False", ""), ("True", "40"), ("True", "16"),
    ]  # fmt: skip


def test_one_damaged_file_keeps_its_own_exit_code(with_damage) -> None:
    _, bad = with_damage
    assert run("verify", bad).exit_code == 4


def test_info_is_a_table_with_totals(album) -> None:
    result = run("info", album)
    assert result.exit_code == 0
    head, first, second, total = result.stdout.splitlines()
    assert head.split() == ["file", "size", "quality", "bytes", "bpp", "coding"]
    size = (album / "a.vlae").stat().st_size
    assert first.split()[1:] == ["40x24", "30", str(size), f"{8 * size / 960:.3f}", "networks"]
    assert second.split()[-2:] == ["within", "2"]
    size += (album / "trip" / "b [1].vlae").stat().st_size
    assert total == f"2 files, {size} bytes, {8 * size / (960 + 256):.3f} bpp in all"


def test_info_for_programs(album) -> None:
    (record, other) = json.loads(run("info", album, "--json").stdout)
    assert record["file"] == str(album / "a.vlae")
    assert (other["width"], other["max_error"]) == (16, 2)
    rows = list(csv.DictReader(io.StringIO(run("info", album, "--csv").stdout)))
    assert [row["size_bytes"] for row in rows] == [str(r["size_bytes"]) for r in (record, other)]
    alone = run("info", album / "a.vlae", "--json").stdout
    assert json.loads(alone) == {k: v for k, v in record.items() if k != "file"}


def test_what_cannot_be_listed(album, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("verify", tmp_path / "empty").exit_code == 2
    assert run("info", album, "--json", "--csv").exit_code == 2
    result = run("info", album, album / "notes.txt")
    assert result.exit_code == 1
    assert "notes.txt: not a .vlae file" in result.stderr
    assert "2 files" in result.stdout


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    Image.fromarray(photo(24, 40)).save(folder / "a.png")
    return folder


def test_compare_takes_two_folders(album, originals) -> None:
    result = run("compare", originals, album)
    # What has no original is named, and the others are measured all the same.
    assert result.exit_code == 1
    assert "notes.txt" in result.stderr
    head, line, mean = result.stdout.splitlines()
    assert head.split()[:2] == ["file", "bytes"]
    assert line.split()[0] == "a.vlae"
    assert mean.split()[1:] == line.split()[1:]
    (row,) = csv.DictReader(io.StringIO(run("compare", originals, album, "--csv").stdout))
    alone = json.loads(run("compare", originals / "a.png", album / "a.vlae", "--json").stdout)
    assert float(row["psnr_db"]) == pytest.approx(alone["psnr_db"])
    (record,) = json.loads(run("compare", originals, album, "--json").stdout)
    assert record["size_bytes"] == (album / "a.vlae").stat().st_size
    assert run("compare", originals / "a.png", album / "a.vlae", "--csv").exit_code == 2


def test_info_says_whose_quality_it_is(album) -> None:
    assert "of the lossy preview" in run("info", album / "trip" / "b [1].vlae").stdout
    assert "of the lossy preview" not in run("info", album / "a.vlae").stdout
