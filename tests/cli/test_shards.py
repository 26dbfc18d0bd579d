"""Tar shards in and out."""

import io
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.test_many import run
from tests.conftest import photo

OTHERS = {"s/0.cls": b"7", "s/0.seg.json": b'{"a": 1}', "readme.txt": b"hello"}


def picture(seed: int, name: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo(24, 32, seed)).save(buffer, name)
    return buffer.getvalue()


def write_shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_000_000
            tar.addfile(info, io.BytesIO(data))
    return path


def read_shard(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}


@pytest.fixture
def shard(tmp_path) -> Path:
    pictures = {"s/0.seg.png": picture(1), "s/1.jpg": picture(2, "JPEG"), "./2.webp": picture(3)}
    members = {"s/0.png": picture(0), **OTHERS, **pictures}
    return write_shard(tmp_path / "photos.tar", members)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_shard_becomes_a_shard_and_comes_back(shard, tmp_path, jobs) -> None:
    out, back = tmp_path / "out", tmp_path / "back"
    done = run("encode", shard, "--output-dir", out, "-j", jobs, "-q", 20)
    assert done.exit_code == 0, done.output
    assert "4 done, 0 failed" in done.stderr
    assert [p.name for p in out.iterdir()] == ["photos.tar"]
    encoded = read_shard(out / "photos.tar")
    # The order is kept, so samples stay together.
    vlae = ["s/0.vlae", *OTHERS, "s/0.seg.vlae", "s/1.vlae", "./2.vlae"]
    assert list(encoded) == vlae
    assert {name: encoded[name] for name in OTHERS} == OTHERS
    # The same bytes as of a file by itself.
    (tmp_path / "0.png").write_bytes(picture(0))
    run("encode", "-q", 20, tmp_path / "0.png")
    assert encoded["s/0.vlae"] == (tmp_path / "0.vlae").read_bytes()

    done = run("decode", out / "photos.tar", "--output-dir", back, "-j", 1, "--texture", 0)
    assert done.exit_code == 0, done.output
    decoded = read_shard(back / "photos.tar")
    assert list(decoded) == [name.replace(".vlae", ".png") for name in vlae]
    assert {name: decoded[name] for name in OTHERS} == OTHERS
    for name in set(decoded) - set(OTHERS):
        assert Image.open(io.BytesIO(decoded[name])).size == (32, 24)


def test_members_that_fail_are_listed_and_the_rest_goes_on(tmp_path) -> None:
    members = {"a.png": b"no picture", "a.cls": b"1", "b.png": picture(0), "../up.png": picture(1)}
    members |= {"b.jpg": picture(2), "b.cls": b"2"}
    shard, out = write_shard(tmp_path / "photos.tar", members), tmp_path / "out"
    done = run("encode", shard, "--output-dir", out, "-j1")
    assert done.exit_code == 1
    assert f"{shard}:a.png: not an image" in done.stderr
    assert "'../up.png' leads out of the shard; left out" in done.stderr
    assert "b.jpg: b.vlae is there twice; left out" in done.stderr
    assert "1 done, 3 failed" in done.stderr
    assert list(read_shard(out / "photos.tar")) == ["a.cls", "b.vlae", "b.cls"]
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()].count("up.vlae") == 0
    assert [p.name for p in out.iterdir()] == ["photos.tar"]


def test_shards_and_files_and_what_is_neither_in_one_call(shard, tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.tar").write_bytes(b"no tar")
    write_shard(tmp_path / "in" / "texts.tar", {"a.txt": b"a"})
    write_shard(tmp_path / "in" / "bad.tar", {"a.png": b"a", "a.txt": b"a"})
    shard.rename(tmp_path / "in" / "photos.tar")
    (tmp_path / "in" / "one.png").write_bytes(picture(4))
    done = run("encode", "-r", tmp_path / "in", "--output-dir", tmp_path / "out", "-j1")
    assert done.exit_code == 1
    assert "broken.tar: not an uncompressed tar file" in done.stderr
    assert "texts.tar: nothing to do" in done.stderr
    assert "bad.tar:a.png: not an image" in done.stderr
    assert "5 done, 3 failed" in done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["one.vlae", "photos.tar"]


def test_a_shard_is_not_overwritten_without_force(shard, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    precious = tmp_path / "out" / "photos.tar"
    precious.write_bytes(b"precious")
    arguments = ["encode", shard, "--output-dir", tmp_path / "out", "-j1"]
    done = run(*arguments)
    assert done.exit_code == 1
    assert "photos.tar: exists already; give -f" in done.stderr
    assert precious.read_bytes() == b"precious"
    assert run(*arguments, "-f").exit_code == 0
    assert "s/0.vlae" in read_shard(precious)
    assert run("encode", shard, "--output-dir", tmp_path, "-f").exit_code == 1
    assert "s/0.png" in read_shard(shard)


def test_a_shard_needs_a_folder_to_go_to(shard, tmp_path) -> None:
    for arguments in ([shard], [shard, tmp_path / "new.tar"]):
        done = run("encode", *arguments)
        assert done.exit_code == 2
        assert "a shard needs --output-dir" in done.stderr
    done = run("encode", "--dry-run", shard, "--output-dir", tmp_path / "out")
    assert done.stdout == f"{shard} -> {tmp_path / 'out' / 'photos.tar'}\n"
    assert not (tmp_path / "out").exists()
    bad = write_shard(tmp_path / "bad.tar", {"a.png": b"", "../up.png": b""})
    done = run("encode", "--dry-run", bad, "--output-dir", tmp_path / "out")
    assert done.exit_code == 1
    assert "would fail" in done.stderr


def test_an_interruption_leaves_nothing_behind(shard, tmp_path, monkeypatch) -> None:
    from vlaecodec.cli.batch import worker

    def interrupted(job, *, force):
        if job.member.name == "s/1.jpg":
            raise KeyboardInterrupt
        check_job(job, force=force)

    check_job = worker.check_job
    monkeypatch.setattr(worker, "check_job", interrupted)
    done = run("encode", shard, "--output-dir", tmp_path / "out", "-j1")
    assert done.exit_code == 1
    assert list((tmp_path / "out").iterdir()) == []
