"""Files for commands: reading, naming, and writing all or nothing."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from vlaecodec.bitstream.header import HEAD_BYTES, MAGIC, restore_header
from vlaecodec.cli.batch.names import is_namesake, name_output
from vlaecodec.errors import DamagedError, InputError, OutputError, ParameterError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

STDIO = "-"

STALE_S = 60.0
"""What nobody has held or changed for so long is a dead process's."""

_OURS = ".vlaecodec-"
"""How names begin of what is not finished."""

_CHUNK_BYTES = 2**20

_unfinished: set[Path] = set()
"""Temporary files of this process."""


def read_input(path: str) -> bytes:
    """The bytes of a file, or of standard input for "-". Raises InputError if there is none."""
    with _opened(path) as file:
        return file.read()


def read_vlae(path: str) -> bytes:
    """The bytes of a .vlae file; of any other no more than its first are read.

    Raises InputError, or DamagedError for another kind of file.
    """
    with _opened(path) as file:
        head = file.read(len(MAGIC))
        if (head != MAGIC[: len(head)] or not head) and not _ends_with_header(file):
            raise DamagedError(f"{_name(path)}: not a .vlae file")
        return head + file.read()


def _ends_with_header(file: IO[bytes]) -> bool:
    """Whether a copy of a header ends a file, whose start is damaged then."""
    if not file.seekable():
        return False
    start = file.tell()
    file.seek(max(0, file.seek(0, os.SEEK_END) - 2 * HEAD_BYTES))
    found = restore_header(file.read()) is not None
    file.seek(start)
    return found


def read_head(path: str, size_bytes: int) -> tuple[bytes, int]:
    """The first bytes of a file, and how many it has. Raises InputError."""
    with _opened(path) as file:
        head = file.read(size_bytes)
        if file.seekable():
            return head, max(len(head), file.seek(0, os.SEEK_END))
        length = len(head)
        while more := file.read(_CHUNK_BYTES):
            length += len(more)
        return head, length


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """A file, or standard input for "-", to read. Raises InputError."""
    try:
        if path != STDIO:
            with Path(path).open("rb") as file:
                yield file
        elif sys.stdin is None:
            raise InputError("standard input is closed")
        else:
            yield sys.stdin.buffer
    except (OSError, ValueError) as error:
        raise InputError(f"{_name(path)}: {_reason(error)}") from error


def _name(path: str) -> str:
    return "standard input" if path == STDIO else path


def check_input(path: str) -> None:
    """Raise InputError if there is no such file; done before any hard work."""
    try:
        if path != STDIO and Path(path).stat() and Path(path).is_dir():
            raise InputError(f"{path}: is a folder")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {_reason(error)}") from error


def file_size(path: str) -> int:
    """In bytes; 0 where there is no such file."""
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):
        return 0


def make_folder(path: str) -> None:
    """Make a folder and those above it unless it is there. Raises OutputError."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: {_reason(error)}") from error


def output_path(
    input_path: str,
    output: str | None,
    option: str | None,
    suffix: str,
    *,
    keep_suffix: bool = False,
) -> str:
    """Where to write: the argument, the option, or the input's name with another suffix.

    A picture that is there already and that a .vlae file was made from, by its name, is not what
    decoding it ends at: photo.vlae becomes photo.decoded.png then.
    Raises ParameterError if both are given, or if the input has no name to derive one from.
    """
    if output is not None and option is not None:
        raise ParameterError("give the output once: as an argument or with -o")
    chosen = output if output is not None else option
    if chosen is not None:
        return chosen
    if input_path == STDIO:
        return STDIO
    try:
        path = name_output(Path(input_path), suffix, keep_suffix=keep_suffix)
        if is_namesake(path, Path(input_path)) and path.exists():
            path = path.with_suffix(f".decoded{suffix}")
        return str(path)
    except ValueError as error:
        raise ParameterError(f"{input_path!r} is not the name of a file") from error


def check_output(path: str, input_path: str, *, force: bool) -> None:
    """Raise OutputError if writing to path would fail or overwrite; done before any hard work.

    Never lets the output replace the input, or the picture that the input was made from by its
    name, force or not.
    """
    if path == STDIO:
        return
    try:
        target = Path(path)
        if target.is_dir():
            raise OutputError(f"{path}: is a folder")
        if _is_special(target):
            return
        if is_same_file(target, input_path):
            raise OutputError(f"{path}: is the input itself; name another output")
        if os.path.lexists(target) and not force:
            raise OutputError(f"{path}: exists already; give -f to overwrite")
        if target.exists() and input_path != STDIO and is_namesake(target, Path(input_path)):
            raise OutputError(
                f"{path}: by its name {input_path} was made from it, and -f does not overwrite "
                "originals; name another output"
            )
        folder = Path(os.path.realpath(target)).parent
        if not folder.is_dir():
            raise OutputError(f"{path}: no such folder")
        _refuse_dangling(target)
        if not os.access(folder, os.W_OK):
            raise OutputError(f"{path}: cannot write to that folder")
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: {_reason(error)}") from error


def write_output(path: str, data: bytes, *, force: bool, like: str | None = None) -> None:
    """Write all or nothing: to a temporary file in the same folder, then moved into place.

    like: a file whose times and mode the output gets. Devices and pipes are written to directly.
    Raises OutputError.
    """
    try:
        if path == STDIO:
            _write_standard_output(data)
        elif _is_special(Path(path)):
            Path(path).write_bytes(data)
        else:
            with replacing(path, force=force) as file:
                file.write(data)
            if like is not None and like != STDIO:
                shutil.copystat(like, path)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: {_reason(error)}") from error


def _write_standard_output(data: bytes) -> None:
    if sys.stdout is None:
        raise OutputError("standard output is closed")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at exit; give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


@contextmanager
def replacing(path: str, *, force: bool) -> Iterator[IO[bytes]]:
    """A file to write, which takes its name when all is written, or is gone. Raises OutputError."""
    _refuse_dangling(Path(path))
    target = Path(os.path.realpath(path))
    temporary = name_unfinished(target.parent, "tmp")
    _unfinished.add(temporary)
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
            hold(handle)
            if force:
                _take_permissions(handle, target)
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            temporary.replace(target)
        else:
            _move_unless_exists(temporary, target)
    except FileExistsError as error:
        raise OutputError(f"{path}: exists already; give -f to overwrite") from error
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: {_reason(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


def name_unfinished(folder: Path, suffix: str) -> Path:
    """A new name for what waits in a folder until it is whole."""
    return folder / f"{_OURS}{secrets.token_hex(8)}.{suffix}"


def hold(handle: int) -> None:
    """Tell other processes, as long as a file or folder is open, that it is in use."""
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_unfinished() -> None:
    """Remove the temporary files of this process, which is about to end."""
    for path in list(_unfinished):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def remove_stale(folder: Path) -> None:
    """Remove what dead processes have left in a folder: what is of ours, old, and held by none."""
    if fcntl is None:
        return
    try:
        found = [entry for entry in os.scandir(folder) if entry.name.startswith(_OURS)]
    except OSError:
        return
    for entry in found:
        with suppress(OSError):
            if time.time() - entry.stat(follow_symlinks=False).st_mtime < STALE_S:
                continue
            handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    Path(entry.path).unlink()
            finally:
                os.close(handle)


def _take_permissions(handle: int, target: Path) -> None:
    """What replaces a private file is private too, and of the same owner if we may say so."""
    try:
        old = target.stat()
    except OSError:
        return
    if hasattr(os, "fchown") and (old.st_uid, old.st_gid) != (os.getuid(), os.getgid()):
        with suppress(OSError):
            os.fchown(handle, old.st_uid, old.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(handle, stat.S_IMODE(old.st_mode))


def _refuse_dangling(target: Path) -> None:
    """A link to nothing would let whoever made it choose where we write. Raises OutputError."""
    if target.is_symlink() and not target.exists():
        raise OutputError(f"{target}: is a link to nothing")


def _move_unless_exists(temporary: Path, target: Path) -> None:
    """Unlike a rename, a link fails if the target has appeared meanwhile."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        temporary.replace(target)


def is_same_file(target: Path, input_path: str) -> bool:
    """Whether both are there and one file."""
    both_exist = input_path != STDIO and target.exists() and Path(input_path).exists()
    return both_exist and target.samefile(input_path)


def _is_special(target: Path) -> bool:
    """Whether target is a device, pipe or socket."""
    return target.exists() and not target.is_file()


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
