"""What outputs are called, what folders pass over, and that originals stay."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands import run
from tests.picture_files import animation_of, colours, jpeg, png
from vlaecodec.cli.batch.names import is_namesake, name_output
from vlaecodec.codec.info import read_info

FLAT = Image.new("RGB", (24, 16), (10, 120, 200))


def save(path: Path, image: Image.Image = FLAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


@pytest.mark.parametrize(
    ("name", "suffix", "keep", "expected"),
    [
        ("a.png", ".vlae", False, "a.vlae"),
        ("a.png", ".vlae", True, "a.png.vlae"),
        ("trip 2024.07", ".vlae", False, "trip 2024.07.vlae"),
        ("trip 2024.07.jpg", ".vlae", False, "trip 2024.07.vlae"),
        ("v1.2", ".vlae", True, "v1.2.vlae"),
        ("A.PNG", ".vlae", False, "A.vlae"),
        ("a.vlae", ".png", False, "a.png"),
        ("a.png.vlae", ".png", False, "a.png"),
        ("a.jpg.vlae", ".png", False, "a.jpg.png"),
        ("trip 2024.07.vlae", ".png", False, "trip 2024.07.png"),
    ],
)
def test_dots_in_names_are_no_suffixes(name, suffix, keep, expected) -> None:
    assert name_output(Path("x.y") / name, suffix, keep_suffix=keep) == Path("x.y") / expected


@pytest.mark.parametrize(
    ("target", "vlae", "same"),
    [
        ("a.png", "a.vlae", True),
        ("a.JPG", "a.vlae", True),
        ("a.cr2", "a.vlae", True),
        ("a.png", "a.png.vlae", True),
        ("b/a.png", "a.vlae", False),
        ("a.decoded.png", "a.vlae", False),
        ("a.txt", "a.vlae", False),
        ("a.png", "a.png", False),
    ],
)
def test_what_a_file_was_made_from(target, vlae, same) -> None:
    assert is_namesake(Path(target), Path(vlae)) == same


def test_decode_does_not_end_at_the_original(tmp_path) -> None:
    original = save(tmp_path / "photo.png")
    before = original.read_bytes()
    assert run("encode", original).exit_code == 0
    decoded = run("decode", tmp_path / "photo.vlae")
    assert decoded.exit_code == 0, decoded.output
    assert (tmp_path / "photo.decoded.png").is_file()
    for force in ([], ["-f"]):
        refused = run("decode", *force, tmp_path / "photo.vlae", original)
        assert refused.exit_code == 6
    assert "does not overwrite originals" in refused.stderr
    refused = run("decode", "-f", tmp_path / "photo.vlae", "--output-dir", tmp_path)
    assert refused.exit_code == 1
    assert original.read_bytes() == before


def test_decode_ends_beside_where_there_is_no_original(tmp_path) -> None:
    original = save(tmp_path / "photo.png")
    run("encode", original)
    original.unlink()
    assert run("decode", tmp_path / "photo.vlae").exit_code == 0
    assert original.is_file()


@pytest.mark.parametrize("name", ["out.jxl", "out.png", "out.HEIC", "out.dng"])
def test_suffixes_of_other_formats_are_refused(tmp_path, name) -> None:
    refused = run("encode", save(tmp_path / "photo.png"), tmp_path / name)
    assert refused.exit_code == 6
    assert "suffix of another format" in refused.stderr
    assert not (tmp_path / name).exists()


def test_two_inputs_of_one_name(tmp_path) -> None:
    save(tmp_path / "in/a.jpg"), save(tmp_path / "in/a.png"), save(tmp_path / "in/b.png")
    done = run("encode", "-j", 1, "-r", tmp_path / "in", "--output-dir", tmp_path / "out")
    assert done.exit_code == 1
    assert "a.png: would become" in done.stderr.replace("\n", " ")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.vlae", "b.vlae"]
    kept = run(
        "encode", "-j", 1, "-r", tmp_path / "in", "--output-dir", tmp_path / "kept", "--keep-suffix"
    )
    assert kept.exit_code == 0, kept.output
    names = sorted(p.name for p in (tmp_path / "kept").iterdir())
    assert names == ["a.jpg.vlae", "a.png.vlae", "b.png.vlae"]


def test_an_interrupted_batch_goes_on(tmp_path) -> None:
    for name in ("a", "b"):
        save(tmp_path / f"in/{name}.png")
    arguments = ["encode", "-j", 1, "-r", tmp_path / "in", "--output-dir", tmp_path / "out"]
    assert run(*arguments).exit_code == 0
    (tmp_path / "out/b.vlae").unlink()
    stamp = (tmp_path / "out/a.vlae").stat().st_mtime_ns
    done = run(*arguments, "--skip-existing")
    assert done.exit_code == 0, done.output
    assert "1 of 2 outputs are there already: skipped" in done.stderr
    assert (tmp_path / "out/a.vlae").stat().st_mtime_ns == stamp
    assert (tmp_path / "out/b.vlae").is_file()
    assert run(*arguments, "--skip-existing").exit_code == 0


def test_folders_name_what_they_pass_over(tmp_path) -> None:
    album = tmp_path / "in"
    save(album / "a.png")
    (album / "raw.CR2").write_bytes(b"raw")
    (album / "notes.txt").write_text("notes")
    (album / ".hidden.png").write_bytes(b"")
    (album / "other").symlink_to(tmp_path)
    (album / "two.mpo").write_bytes(jpeg())
    done = run("encode", "-j", 1, "-r", album, "--output-dir", tmp_path / "out")
    assert done.exit_code == 1
    lines = done.stderr
    assert f"{album / 'raw.CR2'}: a picture that cannot be read here" in lines
    assert f"{album / 'notes.txt'}: no picture" in lines
    assert f"{album / '.hidden.png'}: hidden" in lines
    assert f"{album / 'other'}: a link to a folder" in lines
    assert "pictures that were not coded: 1" in lines
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.vlae", "two.vlae"]


def test_folders_without_other_pictures_succeed(tmp_path) -> None:
    save(tmp_path / "in/a.png")
    (tmp_path / "in/notes.txt").write_text("notes")
    done = run("encode", "-j", 1, "-r", tmp_path / "in", "--output-dir", tmp_path / "out")
    assert done.exit_code == 0
    assert "notes.txt: no picture" in done.stderr


def test_times_and_mode_are_kept(tmp_path) -> None:
    original = save(tmp_path / "a.png")
    original.chmod(0o640)
    os.utime(original, (1_000_000_000, 1_100_000_000))
    assert run("encode", "--preserve", original).exit_code == 0
    there = (tmp_path / "a.vlae").stat()
    assert (there.st_mtime, there.st_mode & 0o777) == (1_100_000_000, 0o640)
    assert run("decode", "--preserve", tmp_path / "a.vlae", tmp_path / "b.png").exit_code == 0
    assert (tmp_path / "b.png").stat().st_mtime == 1_100_000_000


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("900", 900),
        ("1k", 1000),
        ("40kb", 40_000),
        ("40kB", 40_000),
        ("40KiB", 40_960),
        ("1.5M", 1_500_000),
        ("2 MiB", 2 * 2**20),
        ("700b", 700),
    ],
)
def test_sizes_are_written_in_many_ways(text, count) -> None:
    from vlaecodec.cli.commands.encode import ByteCount

    assert ByteCount().convert(text, None, None) == count


@pytest.mark.parametrize("text", ["0", "k", "forty", "-4k", "4g", "1e999", "kb", "4kk"])
def test_what_is_no_size_is_refused(tmp_path, text) -> None:
    done = run("encode", "--target-size", text, save(tmp_path / "a.png"))
    assert done.exit_code == 2
    assert "40KiB" in done.stderr


def test_rates_are_those_of_the_file(tmp_path) -> None:
    """Of a thumbnail or a region nobody wants the large file's bytes over the small picture."""
    original = save(tmp_path / "a.png", colours().resize((96, 64)))
    encoded = run("encode", "-q", 30, original).stderr
    rate = encoded.split(" bpp")[0].split()[-1]
    for option in (["--thumbnail", 16], ["--region", "0,0,16,16"]):
        shown = run("decode", *option, tmp_path / "a.vlae", tmp_path / f"{len(option[0])}.png")
        assert shown.exit_code == 0, shown.output
        assert f"{rate} bpp" in shown.stderr


def test_frames_and_broken_files_on_the_command_line(tmp_path) -> None:
    moving = tmp_path / "m.gif"
    moving.write_bytes(animation_of((10, 120, 250)))
    assert run("encode", moving).exit_code == 3
    done = run("encode", "--frame", 2, moving)
    assert done.exit_code == 0, done.output
    assert "not kept: 2 other frames" in done.stderr
    assert run("decode", tmp_path / "m.vlae", tmp_path / "m.png").exit_code == 0
    with Image.open(tmp_path / "m.png") as image:
        assert image.getpixel((0, 0)) == (120, 0, 0)
    half = tmp_path / "half.png"
    half.write_bytes(
        png(
            Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
        )[:5000]
    )
    refused = run("encode", half)
    assert refused.exit_code == 3
    assert "--accept-truncated" in refused.stderr
    assert run("encode", "--accept-truncated", half).exit_code == 0
    assert read_info((tmp_path / "half.vlae").read_bytes()).width == 80
