"""Outputs, their folders and their names: what we write is whole, ours to write, and as private."""

import os
import stat
import time
from pathlib import Path

import pytest
from PIL import Image

from vlaecodec import decode_file, encode_file, writing
from vlaecodec.cli.files import check_output, read_head, read_vlae, write_output
from vlaecodec.cli.reporting import printable
from vlaecodec.errors import DamagedError, OutputError
from vlaecodec.writing import remove_stale

OLD = time.time() - 2 * writing.STALE_S


def test_what_replaces_a_private_file_is_private(tmp_path) -> None:
    target = tmp_path / "a.vlae"
    target.write_bytes(b"old")
    target.chmod(0o600)
    write_output(str(target), b"new", force=True)
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"new", 0o600)


def test_nothing_is_written_through_a_link_to_nothing(tmp_path) -> None:
    link, elsewhere = tmp_path / "a.vlae", tmp_path / "elsewhere"
    link.symlink_to(elsewhere)
    for write in (check_output, write_output):
        with pytest.raises(OutputError, match="link to nothing"):
            write(str(link), *(["in"] if write is check_output else [b"data"]), force=True)
    assert not elsewhere.exists()


def test_a_live_link_is_still_followed(tmp_path) -> None:
    link, real = tmp_path / "a.vlae", tmp_path / "real.vlae"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_output(str(link), b"new", force=True)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_folder_that_cannot_be_written_to_is_noticed_before_the_work(
    tmp_path, monkeypatch
) -> None:
    # Root may write anywhere but on a read-only disk, of which access(2) says the same.
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    with pytest.raises(OutputError, match="cannot write to that folder"):
        check_output(str(tmp_path / "a.vlae"), "in.png", force=False)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_dead_processes_left_is_removed(tmp_path, kind) -> None:
    left = tmp_path / ".vlaecodec-0123456789abcdef.tmp"
    if kind == "folder":
        left.mkdir()
        (left / "0.vlae").write_bytes(b"part")
    else:
        left.write_bytes(b"part")
    os.utime(left, (OLD, OLD))
    other = tmp_path / ".other.tmp"
    other.write_bytes(b"")
    os.utime(other, (OLD, OLD))
    remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == [other]


def test_what_a_live_process_holds_or_has_just_begun_is_left(tmp_path) -> None:
    held, new = tmp_path / ".vlaecodec-held.parts", tmp_path / ".vlaecodec-new.tmp"
    held.mkdir()
    new.write_bytes(b"")
    handle = os.open(held, os.O_RDONLY)
    writing.hold(handle)
    os.utime(held, (OLD, OLD))
    try:
        remove_stale(tmp_path)
        assert held.is_dir()
        assert new.exists()
    finally:
        os.close(handle)
    remove_stale(tmp_path)
    assert not held.exists()


def test_a_file_of_another_kind_is_not_read(tmp_path) -> None:
    big = tmp_path / "big.vlae"
    with big.open("wb") as file:
        file.truncate(2**40)  # more than any machine's memory; takes no room on the disk
    with pytest.raises(DamagedError, match=r"not a \.vlae file"):
        read_vlae(str(big))
    head, size_bytes = read_head(str(big), 100)
    assert (len(head), size_bytes) == (100, 2**40)


def test_names_cannot_control_a_terminal() -> None:
    assert printable("x\x1b]0;owned\x07y\udcff.png") == "x\\x1b]0;owned\\x07y\\xdcff.png"
    assert printable("Grüße 写真.png") == "Grüße 写真.png"


def test_an_index_of_brackets_is_one_clear_error(tmp_path, monkeypatch) -> None:
    from vlaecodec.errors import ModelError
    from vlaecodec.model.registry import list_models

    Path(tmp_path / "index.json").write_text("[" * 100_000)
    monkeypatch.setenv("VLAECODEC_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="no usable model index"):
        list_models()


def test_the_python_functions_write_as_the_commands_do(tmp_path) -> None:
    picture, private, link = tmp_path / "in.png", tmp_path / "a.vlae", tmp_path / "link.vlae"
    Image.new("RGB", (16, 16), "teal").save(picture)
    private.write_bytes(b"old")
    private.chmod(0o600)
    encode_file(picture, private, lossless=True)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="link to nothing"):
        encode_file(picture, link, lossless=True)
    with pytest.raises(OutputError, match="link to nothing"):
        decode_file(private, link, format_name="PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"in.png", "a.vlae", "link.vlae"}


def test_the_python_functions_find_an_unwritable_place_before_the_work(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    nothing = tmp_path / "nothing"  # reading it would raise InputError
    for work, name in ((encode_file, "a.vlae"), (decode_file, "a.png")):
        with pytest.raises(OutputError, match=f"{name}: cannot write to that folder"):
            work(nothing, tmp_path / name)
