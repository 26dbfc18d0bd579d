"""Reading tar shards, hostile ones too."""

import io
import tarfile
from pathlib import Path

import pytest

from vlaecodec.cli.batch import tar as shard
from vlaecodec.cli.batch.tar import add_member, list_members, read_member
from vlaecodec.errors import InputError


def write_tar(path: Path, members: list[tarfile.TarInfo | tuple[str, bytes]], **options) -> Path:
    with tarfile.open(path, "w", **options) as tar:
        for member in members:
            name, data = (member.name, b"") if isinstance(member, tarfile.TarInfo) else member
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def names(path: Path) -> list[str]:
    return [member.name for member in list_members(str(path))[0]]


def test_members_are_read_by_their_place(tmp_path) -> None:
    contents = [("s/0.png", b"picture"), ("s/0.cls", b"7"), ("s/1.png", b""), ("é" * 80, b"long")]
    path = write_tar(tmp_path / "a.tar", contents)
    members, problems = list_members(str(path))
    assert problems == []
    assert [(m.name, read_member(str(path), m)) for m in members] == contents


def test_a_written_shard_reads_alike(tmp_path) -> None:
    path = write_tar(tmp_path / "a.tar", [("s/0.png", b"picture"), ("s/0.cls", b"7")])
    members, _ = list_members(str(path))
    again = tmp_path / "b.tar"
    with tarfile.open(again, "w") as tar:
        for member in members:
            add_member(tar, member, member.name, io.BytesIO(read_member(str(path), member)))
    assert list_members(str(again)) == list_members(str(path))


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../out.png", "a/../../out.png", "\x1b[2J.png", ""]
)
def test_names_that_lead_elsewhere_are_left_out(tmp_path, name) -> None:
    path = write_tar(tmp_path / "a.tar", [(name, b"evil"), ("good.png", b"good")])
    assert names(path) == ["good.png"]
    (problem,) = list_members(str(path))[1]
    assert "left out" in problem
    assert problem.isprintable()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_left_out(tmp_path, kind) -> None:
    path = write_tar(tmp_path / "a.tar", [special("x.png", kind, "/etc/passwd"), ("y.png", b"y")])
    assert names(path) == ["y.png"]
    assert "not a regular file" in list_members(str(path))[1][0]


def test_a_sparse_file_of_any_size_is_left_out(tmp_path) -> None:
    info = tarfile.TarInfo("x.png")
    info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**50)}
    path = write_tar(tmp_path / "a.tar", [info, ("y.png", b"y")])
    assert names(path) == ["y.png"]


def test_folders_are_no_members_and_no_problem(tmp_path) -> None:
    path = write_tar(tmp_path / "a.tar", [special("s", tarfile.DIRTYPE), ("s/y.png", b"y")])
    assert names(path) == ["s/y.png"]
    assert list_members(str(path))[1] == []


def test_a_size_beyond_the_file_is_found_before_reading(tmp_path) -> None:
    path = write_tar(tmp_path / "a.tar", [("x.png", b"x"), ("y.png", b"y")])
    info = tarfile.TarInfo("y.png")
    info.size = 2**60
    data = path.read_bytes()
    path.write_bytes(data[:1024] + info.tobuf() + b"y" * 512)
    assert names(path) == ["x.png"]
    assert "'y.png' is cut off" in list_members(str(path))[1][0]


def test_a_size_below_zero_does_not_lead_round_in_circles(tmp_path) -> None:
    path = write_tar(tmp_path / "a.tar", [("x.png", b"x")])
    info = tarfile.TarInfo("y.png")
    header = bytearray(info.tobuf())
    header[124:136] = b"\xff" * 10 + (-1024 & 0xFFFF).to_bytes(2)
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:512]) + 8 * 32)
    path.write_bytes(path.read_bytes()[:1024] + bytes(header) + b"\0" * 1024)
    assert names(path) == ["x.png"]
    assert "damaged" in list_members(str(path))[1][0]


def test_an_endless_name_is_not_read_into_memory(tmp_path) -> None:
    path = write_tar(
        tmp_path / "a.tar", [("x.png", b"x"), ("n" * (shard.HEADER_BYTES_MAX + 9), b"")]
    )
    assert names(path) == ["x.png"]
    assert "a header of" in list_members(str(path))[1][0]


def test_a_chain_of_name_headers_ends(tmp_path) -> None:
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 2
    path = write_tar(tmp_path / "a.tar", [("x.png", b"x")])
    link = long_name.tobuf(tarfile.GNU_FORMAT) + b"a\0".ljust(512, b"\0")
    path.write_bytes(path.read_bytes()[:1024] + 5000 * link)
    assert names(path) == ["x.png"]
    path.write_bytes(5000 * link)
    with pytest.raises(InputError, match="not an uncompressed tar"):
        list_members(str(path))


@pytest.mark.parametrize("size_bytes", [512 * 3 + 100, 512 * 3 + 10])
def test_damage_leaves_what_is_before_it(tmp_path, size_bytes) -> None:
    path = write_tar(tmp_path / "a.tar", [("x.png", b"x"), ("y.png", b"y" * 600), ("z.png", b"z")])
    whole = path.read_bytes()
    path.write_bytes(whole[:size_bytes])
    assert names(path) == ["x.png"]
    assert list_members(str(path))[1]
    path.write_bytes(whole[:1024] + b"\x55" * 512 + whole[1536:])
    assert names(path) == ["x.png"]
    assert "after 'x.png'" in list_members(str(path))[1][0]


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 100])
def test_what_is_no_tar_is_said_to_be_none(tmp_path, content) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.tar: not an uncompressed tar"):
        list_members(str(path))
    with pytest.raises(InputError, match="No such file"):
        list_members(str(tmp_path / "gone.tar"))


def test_a_compressed_shard_is_refused(tmp_path) -> None:
    path = write_tar(tmp_path / "b.tar", [("x.png", b"x")])
    with tarfile.open(tmp_path / "a.tar", "w:gz") as tar:
        tar.add(path, "x.png")
    with pytest.raises(InputError, match="not an uncompressed tar"):
        list_members(str(tmp_path / "a.tar"))


def test_a_picture_too_large_for_memory_is_not_read(tmp_path, monkeypatch) -> None:
    path = write_tar(tmp_path / "a.tar", [("x.png", b"x" * 100)])
    monkeypatch.setattr(shard, "MEMBER_BYTES_MAX", 99)
    with pytest.raises(InputError, match=r"a\.tar:x\.png: 100 bytes are too many"):
        read_member(str(path), list_members(str(path))[0][0])


def test_times_that_no_header_holds_become_zero(tmp_path) -> None:
    info = tarfile.TarInfo("x.png")
    info.pax_headers = {"mtime": "nan"}
    path = write_tar(tmp_path / "a.tar", [info])
    assert list_members(str(path))[0][0].time_s == 0
