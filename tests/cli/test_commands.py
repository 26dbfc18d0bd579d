import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from benchmarks.photo.drawn_pictures import PICTURES
from tests.commands import run
from tests.conftest import photo
from tests.forge import forge_pixel_crc
from vlaecodec.cli.main import COMMANDS


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(48, 64)).save(path)
    return path


def test_encode_and_decode_name_their_outputs(picture) -> None:
    encoded = run("encode", picture)
    assert encoded.exit_code == 0, encoded.output
    file = picture.with_suffix(".vlae")
    assert f"{file.stat().st_size} bytes" in encoded.stderr
    assert "64 x 48" in encoded.stderr
    assert encoded.stdout == ""
    picture.unlink()
    assert run("decode", file).exit_code == 0
    assert opened(picture).size == (64, 48)


@pytest.mark.parametrize("as_option", [True, False])
def test_output_as_argument_or_option(picture, tmp_path, as_option) -> None:
    target = tmp_path / "small.vlae"
    arguments = ["-o", target] if as_option else [target]
    assert run("encode", picture, *arguments, "-q", "12.5").exit_code == 0
    info = json.loads(run("info", "--json", target).stdout)
    assert (info["width"], info["height"], info["quality"]) == (64, 48, 12.5)
    assert info["size_bytes"] == target.stat().st_size


def test_both_ways_to_name_the_output_at_once_are_refused(picture) -> None:
    assert run("encode", picture, "a.vlae", "-o", "b.vlae").exit_code == 2


def test_nothing_is_overwritten_without_force(picture, tmp_path) -> None:
    target = tmp_path / "photo.vlae"
    target.write_bytes(b"precious")
    refused = run("encode", picture)
    assert refused.exit_code == 6
    assert "-f" in refused.stderr
    assert target.read_bytes() == b"precious"
    assert run("encode", "-f", picture).exit_code == 0
    assert target.read_bytes() != b"precious"


def test_standard_streams(picture) -> None:
    encoded = run("encode", "-", "-", stdin=picture.read_bytes())
    assert encoded.exit_code == 0
    decoded = run("decode", "-", stdin=encoded.stdout_bytes)
    assert decoded.exit_code == 0
    image = Image.open(io.BytesIO(decoded.stdout_bytes))
    assert (image.format, image.size) == ("PNG", (64, 48))


def test_verify_tells_intact_from_damaged(picture) -> None:
    run("encode", picture)
    file = picture.with_suffix(".vlae")
    intact = run("verify", file)
    assert intact.exit_code == 0
    assert "intact" in intact.stdout
    data = bytearray(file.read_bytes())
    data[40] ^= 1
    file.write_bytes(data)
    assert run("verify", file).exit_code == 4
    data[40] ^= 1
    file.write_bytes(forge_pixel_crc(bytes(data)))
    differs = run("verify", file)
    assert differs.exit_code == 7
    assert "this machine computes differently" in differs.stderr


def test_exit_codes(picture, tmp_path) -> None:
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    assert run("encode", text).exit_code == 3
    assert run("encode", tmp_path / "missing.png").exit_code == 2
    assert run("encode", picture, "-q", "0").exit_code == 2
    assert run("encode", picture, "-m", "nothing").exit_code == 5
    assert run("encode", picture, tmp_path / "no" / "where.vlae").exit_code == 6
    assert run("encode", picture, tmp_path).exit_code == 6
    assert run("decode", text, tmp_path / "a.png").exit_code == 4
    assert run("decode", tmp_path / "missing.vlae").exit_code == 2
    run("encode", picture)
    file = picture.with_suffix(".vlae")
    assert run("decode", file, tmp_path / "a.unknown").exit_code == 6
    data = bytearray(file.read_bytes())
    assert run("decode", file, tmp_path / "b.png", "--max-pixels", "10").exit_code == 2
    file.write_bytes(data[:30])
    assert run("decode", file, tmp_path / "b.png").exit_code == 4
    assert not (tmp_path / "b.png").exists()


def test_a_failed_run_leaves_nothing_behind(picture, tmp_path) -> None:
    run("encode", picture)
    file = picture.with_suffix(".vlae")
    file.write_bytes(file.read_bytes()[:-1])
    before = sorted(p.name for p in tmp_path.iterdir())
    assert run("decode", file, "-o", tmp_path / "out.png").exit_code == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_warnings_are_one_line(tmp_path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (20, 20), (10, 20, 30, 40)).save(path)
    assert run("encode", path).exit_code == 0
    result = run("decode", path.with_suffix(".vlae"), tmp_path / "flat.jpg")
    assert result.exit_code == 0
    warning, summary = result.stderr.splitlines()
    assert "warning: JPEG does not hold transparency" in warning
    assert "bytes" in summary


def test_models_lists_the_default(picture) -> None:
    rows = json.loads(run("models", "--json").stdout)
    assert sum(row["default"] for row in rows) == 1
    assert "*" in run("models").stdout
    assert run("encode", picture, "-m", rows[0]["name"]).exit_code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_three_examples(command) -> None:
    text = run(command, "--help").stdout
    assert text.count(f"vlaecodec {command}") >= 3


def test_a_process_of_its_own(picture) -> None:
    """The real entry point: a summary but no progress bar when standard error is no terminal."""
    command = [sys.executable, "-m", "vlaecodec", "encode", str(picture), "-q", "30"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert opened(picture).size == (64, 48)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell) -> None:
    done = run("completion", shell)
    assert done.exit_code == 0
    assert "_VLAECODEC_COMPLETE" in done.stdout


def test_completion_knows_commands_options_and_files() -> None:
    def completed(line: str) -> list[str]:
        environment = os.environ | {
            "_VLAECODEC_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split())),
        }
        code = "from vlaecodec.cli.main import main; main(prog_name='vlaecodec')"
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        ).stdout.split()

    assert "plain,decode" in completed("vlaecodec")
    assert "file," in completed("vlaecodec encode")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    picture, tmp_path, monkeypatch, error
) -> None:
    target = tmp_path / "photo.vlae"
    target.write_bytes(b"precious")
    before = sorted(p.name for p in tmp_path.iterdir())

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    assert run("encode", "-f", picture).exit_code == (6 if isinstance(error, OSError) else 1)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert target.read_bytes() == b"precious"


def test_the_input_is_never_overwritten(picture, tmp_path) -> None:
    before = picture.read_bytes()
    link = tmp_path / "link.vlae"
    link.symlink_to(picture)
    for target in (picture, link):
        assert run("encode", "-f", picture, target).exit_code == 6
    assert picture.read_bytes() == before


def test_links_and_devices(picture, tmp_path) -> None:
    dangling = tmp_path / "dangling.vlae"
    dangling.symlink_to(tmp_path / "real.vlae")
    assert run("encode", picture, dangling).exit_code == 6
    assert run("encode", "-f", picture, dangling).exit_code == 6
    assert not (tmp_path / "real.vlae").exists()
    assert run("encode", picture, os.devnull).exit_code == 0
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("name", ["", ".", "/", "x" * 300 + ".png", "nul\0byte.png"])
def test_odd_names_are_usage_errors(name) -> None:
    assert run("encode", name).exit_code in (2, 6)
    assert run("decode", name).exit_code in (2, 6)


def test_full_and_closed_outputs_are_reported(picture) -> None:
    command = [sys.executable, "-m", "vlaecodec", "encode", str(picture), "-"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 6
    assert b"Traceback" not in done.stderr


def test_decode_writes_what_the_suffix_says_and_keeps_every_sample(picture, tmp_path) -> None:
    run("encode", picture)
    file = picture.with_suffix(".vlae")
    formats = {".png": "PNG", ".bmp": "BMP", ".ppm": "PPM", ".tif": "TIFF", ".webp": "WEBP"}
    pictures = set()
    for suffix, name in formats.items():
        target = tmp_path / f"decoded{suffix}"
        assert run("decode", file, target).exit_code == 0
        assert opened(target).format == name
        pictures.add(opened(target).convert("RGB").tobytes())
    assert len(pictures) == 1


def test_lossless_files_keep_every_sample(picture, tmp_path) -> None:
    file, back = tmp_path / "exact.vlae", tmp_path / "back.png"
    assert run("encode", "--lossless", "--only-nets", picture, file).exit_code == 0
    assert "exact (lossless)" in run("info", file).stdout
    assert run("verify", file).exit_code == 0
    assert run("decode", file, back).exit_code == 0
    assert opened(back).tobytes() == opened(picture).tobytes()
    preview = tmp_path / "preview.png"
    assert run("decode", "--preview", file, preview).exit_code == 0
    assert opened(preview).tobytes() != opened(picture).tobytes()


def test_a_lossless_file_without_its_pixels_decodes_if_it_may(picture, tmp_path) -> None:
    file = tmp_path / "exact.vlae"
    run("encode", "--lossless", "--only-nets", picture, file)
    file.write_bytes(file.read_bytes()[:-50])
    assert run("decode", file).exit_code == 4
    decoded = run("decode", "--keep-going", file)
    assert decoded.exit_code == 0
    assert "warning: the exact pixels" in decoded.stderr
    assert run("verify", file).exit_code == 4


def test_near_lossless_files_keep_their_bound(picture, tmp_path) -> None:
    file, back = tmp_path / "near.vlae", tmp_path / "back.png"
    assert run("encode", "--max-error", 3, picture, file).exit_code == 0
    assert "to within 3" in run("info", file).stdout
    run("decode", file, back)
    difference = ImageChops.difference(opened(back), opened(picture))
    assert max(high for _, high in difference.getextrema()) == 3


def test_a_drawing_in_fewer_colours_says_how_many(tmp_path) -> None:
    drawing, file = tmp_path / "cartoon.png", tmp_path / "cartoon.vlae"
    PICTURES["cartoon"]().save(drawing)
    assert run("encode", drawing, file).exit_code == 0
    assert "stored, 64 colours" in run("info", file).stdout


def test_texture_and_seed_change_the_picture(picture, tmp_path) -> None:
    file = tmp_path / "photo.vlae"
    run("encode", "-q", 10, "--texture", 0.5, "--seed", 9, picture, file)
    assert "0.50 recommended, seed 9" in run("info", file).stdout
    pictures = set()
    for number, options in enumerate(([], ["--texture", 0], ["--texture", 1], ["--seed", 8])):
        target = tmp_path / f"{number}.png"
        assert run("decode", *options, file, target).exit_code == 0
        pictures.add(opened(target).tobytes())
    assert len(pictures) == 4


def test_info_tells_of_a_texture_map(picture, tmp_path) -> None:
    file = tmp_path / "photo.vlae"
    assert run("encode", "-q", 10, "--texture", "auto", picture, file).exit_code == 0
    assert "1.00 recommended" in (text := run("info", file).stdout)
    assert " bytes says where" in text
    assert "none (no alpha" in text


def test_a_region_is_cut_out(picture, tmp_path) -> None:
    file, whole, part = (tmp_path / name for name in ("a.vlae", "whole.png", "part.png"))
    run("encode", picture, file)
    run("decode", file, whole)
    assert run("decode", "--region", "10,20,30,16", file, part).exit_code == 0
    assert opened(part).tobytes() == opened(whole).crop((10, 20, 40, 36)).tobytes()
    outside = run("decode", "--region", "10,20,300,16", file, tmp_path / "no.png")
    assert outside.exit_code == 2
    assert "a.vlae: region 10,20,300,16 is not within the picture of 64 x 48" in outside.stderr
    assert run("decode", "--region", "10,20", file, tmp_path / "no.png").exit_code == 2


def test_a_thumbnail_has_the_size_asked_for(picture, tmp_path) -> None:
    file, small = tmp_path / "a.vlae", tmp_path / "small.png"
    run("encode", "--lossless", picture, file)
    assert run("decode", "--thumbnail", 16, file, small).exit_code == 0
    assert opened(small).size == (16, 12)
    for option in ("--quiet", "--dry-run"):
        whole = ("--thumbnail", 16, "--region", "0,0,1,1", option)
        assert run("decode", *whole, file, tmp_path / "no.png").exit_code == 2
