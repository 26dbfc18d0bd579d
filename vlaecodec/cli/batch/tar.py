"""Tar shards: samples of a data set, many to a file, as the webdataset library lays them out.

Nothing is ever unpacked under a name that a shard holds: members are read by their place in it.
"""

from __future__ import annotations

import io
import math
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from vlaecodec.errors import InputError

HEADER_BYTES_MAX = 2**20
"""Names and attributes of one member that are longer than this are damage or malice."""

MEMBER_BYTES_MAX = 2**32
"""A larger member is no picture that we could encode; it is not read into memory."""

TIME_MAX = 8**11 - 1
"""Seconds since 1970 that the plain tar header can hold."""


@dataclass(frozen=True)
class Member:
    """A regular file in a shard."""

    name: str
    offset: int
    """Of its first byte in the shard."""
    size_bytes: int
    mode: int = 0o644
    time_s: int = 0
    """Of its last change, since 1970."""


def list_members(path: str) -> tuple[list[Member], list[str]]:
    """The regular files in a shard, in order, and a line for each other thing that is left out.

    Folders are left out without a word. Raises InputError if it is not an uncompressed tar file.
    """
    members: list[Member] = []
    problems: list[str] = []
    try:
        with _HeaderFile(path) as file, tarfile.open(fileobj=file, mode="r:") as shard:
            try:
                _scan(shard, Path(path).stat().st_size, members, problems)
                file.seek(shard.offset)
                if any(file.read(tarfile.BLOCKSIZE)):  # tarfile takes what is no header for the end
                    raise tarfile.ReadError("no header where one should be")
            except (tarfile.TarError, OSError, ValueError, RecursionError) as error:
                after = f"after {members[-1].name!r}" if members else "at its start"
                problems.append(f"damaged or cut off {after}; what follows is lost ({error})")
    except (tarfile.TarError, RecursionError) as error:
        raise InputError(f"{path}: not an uncompressed tar file") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    return members, problems


def read_member(path: str, member: Member) -> bytes:
    """The bytes of a member. Raises InputError, also for one beyond MEMBER_BYTES_MAX."""
    if member.size_bytes > MEMBER_BYTES_MAX:
        raise InputError(f"{path}:{member.name}: {member.size_bytes} bytes are too many")
    try:
        with Path(path).open("rb") as shard:
            shard.seek(member.offset)
            data = shard.read(member.size_bytes)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if len(data) < member.size_bytes:
        raise InputError(f"{path}:{member.name}: is cut off")
    return data


def add_member(shard: tarfile.TarFile, member: Member, name: str, data: IO[bytes]) -> None:
    """Write a member under a name, with as many bytes of `data` as its size says.

    Takes over time and permissions and nothing else, so equal input gives an equal shard.
    """
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = member.size_bytes, member.mode, member.time_s
    shard.addfile(info, data)


def _scan(
    shard: tarfile.TarFile, shard_bytes: int, members: list[Member], problems: list[str]
) -> None:
    end = -1
    for info in shard:
        if info.offset <= end or info.size < 0:
            raise tarfile.ReadError("a header that leads back")
        end = info.offset
        if info.isdir():
            continue
        problem = _problem_of(info)
        if problem is not None:
            problems.append(f"{info.name!r} {problem}; left out")
            continue
        if info.offset_data + info.size > shard_bytes:
            raise tarfile.ReadError(f"{info.name!r} is cut off")
        in_range = math.isfinite(info.mtime) and 0 <= info.mtime <= TIME_MAX
        time_s = int(info.mtime) if in_range else 0
        members.append(Member(info.name, info.offset_data, info.size, info.mode & 0o777, time_s))


def _problem_of(info: tarfile.TarInfo) -> str | None:
    """Why a member is not taken along, or None."""
    if not info.isreg() or info.issparse() or info.name.endswith("/"):
        return "is not a regular file"
    path = PurePosixPath(info.name)
    if path.is_absolute() or ".." in path.parts or not path.name:
        return "leads out of the shard"
    if not info.name.isprintable():
        return "has unprintable characters in its name"
    return None


class _HeaderFile(io.FileIO):
    """A file to read headers from: tarfile would read one of any size into memory."""

    def read(self, size_bytes: int | None = -1, /) -> bytes:
        if size_bytes is None or not 0 <= size_bytes <= HEADER_BYTES_MAX:
            raise tarfile.ReadError(f"a header of {size_bytes} bytes")
        return super().read(size_bytes)
