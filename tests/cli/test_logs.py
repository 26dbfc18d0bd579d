"""--json, -v and --log-file: what programs and people who look closer are told."""

import json
import logging
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from tests.commands import run
from tests.conftest import photo

NAMES = ["file", "output", "width", "height", "size_bytes", "rate_bpp", "seconds"]
NAMES += ["warnings", "error"]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    Image.fromarray(photo(32, 48)).save(folder / "a.png")
    Image.fromarray(photo(16, 16)).save(folder / "b.jpg", comment="left out")
    (folder / "c.png").write_text("no picture")
    return folder


def objects(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_one_file_is_one_object(album: Path) -> None:
    file, output = album / "a.png", album / "a.vlae"
    result = run("encode", "--json", file)
    assert result.exit_code == 0
    assert result.stderr == ""
    (found,) = objects(result)
    assert list(found) == NAMES
    assert (found["file"], found["output"]) == (str(file), str(output))
    assert (found["width"], found["height"]) == (48, 32)
    assert found["size_bytes"] == output.stat().st_size
    assert (found["warnings"], found["error"]) == ([], None)

    (found,) = objects(run("decode", "--json", output, album / "back.png"))
    assert found["output"] == str(album / "back.png")
    assert found["size_bytes"] == output.stat().st_size


def test_one_that_fails_is_an_object_with_its_error_and_exit_code(album: Path) -> None:
    result = run("encode", "--json", album / "c.png")
    assert result.exit_code == 3
    (found,) = objects(result)
    assert (found["width"], found["size_bytes"]) == (None, None)
    assert "not an image" in found["error"]
    assert str(album) not in found["error"]
    assert str(album / "c.png") in result.stderr


@pytest.mark.parametrize("processes", [1, 2])
def test_many_files_are_a_line_each(album: Path, tmp_path: Path, processes: int) -> None:
    small = tmp_path / "small"
    result = run("encode", "--json", "-j", processes, "-r", album, "--output-dir", small)
    assert result.exit_code == 1
    assert "done" not in result.stderr
    found = {Path(str(one["file"])).name: one for one in objects(result)}
    assert sorted(found) == ["a.png", "b.jpg", "c.png"]
    assert found["a.png"]["size_bytes"] == (small / "a.vlae").stat().st_size
    (warning,) = found["b.jpg"]["warnings"]
    assert "comment" in warning
    assert f"warning: {album / 'b.jpg'}: {warning}" in result.stderr
    assert found["c.png"]["error"]


def test_json_and_a_file_do_not_share_standard_output(album: Path) -> None:
    result = run("encode", "--json", album / "a.png", "-")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "standard output" in result.stderr


def test_verbose_says_the_steps_and_only_then(album: Path) -> None:
    quiet = run("encode", album / "a.png")
    assert quiet.stderr.count("\n") == 1
    spoken = run("encode", "-f", "-v", album / "a.png").stderr
    assert f"vlaecodec: {album / 'a.png'} -> {album / 'a.vlae'}\n" in spoken
    assert "48 x 32 pixels" in spoken
    assert "bytes" in spoken


def test_verbose_tells_how_a_target_was_sought(album: Path) -> None:
    result = run("encode", "-v", "--only-nets", "--target-size", "300", album / "a.png")
    assert result.exit_code == 0, result.stderr
    assert "quality 50.00 m" in result.stderr
    assert "meets the target" in result.stderr


@pytest.mark.parametrize("processes", [1, 2])
def test_a_log_file_keeps_steps_warnings_and_errors(
    album: Path, tmp_path: Path, processes: int
) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    small = tmp_path / "small"
    run("encode", "--log-file", log, "-j", processes, "-r", album, "--output-dir", small, "--quiet")
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert sum(" INFO " in line and f"-> {small / 'a.vlae'}" in line for line in lines) == 1
    assert any(" WARNING " in line and "c.png: not an image" in line for line in lines)
    assert all(line[:4].isdigit() for line in lines[1:])


def test_a_log_file_has_the_error_of_the_only_file(album: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    result = run("encode", "--log-file", log, album / "c.png")
    assert result.exit_code == 3
    assert f"{album / 'c.png'}: not an image" in log.read_text()


def test_a_log_file_holds_no_control_characters(tmp_path: Path) -> None:
    log, name = tmp_path / "log.txt", tmp_path / "a\x1b\nb.png"
    Image.fromarray(photo(16, 16)).save(name, "PNG")
    assert run("encode", "--log-file", log, name).exit_code == 0
    assert "a\\x1b\\x0ab.png" in log.read_text()


def test_a_log_that_cannot_be_written_is_one_line(album: Path, tmp_path: Path) -> None:
    result = run("encode", "--log-file", tmp_path / "none" / "log", album / "a.png")
    assert result.exit_code == 6
    assert result.stderr.count("\n") == 1
    assert not (album / "a.vlae").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_under_the_log_spoils_no_picture(album: Path) -> None:
    result = run("encode", "--log-file", "/dev/full", album / "a.png")
    assert result.exit_code == 0, result.stderr
    assert (album / "a.vlae").exists()


def test_the_programs_own_logging_is_left_alone(album: Path) -> None:
    logger = logging.getLogger("vlaecodec")
    before = logger.handlers[:], logger.level
    run("encode", "-v", album / "a.png")
    assert (logger.handlers, logger.level) == before
