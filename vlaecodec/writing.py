"""Write files all or nothing: under another name, with a lock, then moved into place."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from vlaecodec.errors import OutputError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

STALE_S = 60.0
"""A temporary file that nobody has locked or changed for so long is a dead process's."""

_OURS = ".vlaecodec-"
"""How the names of temporary files begin."""

_unfinished: set[Path] = set()
"""Temporary files of this process."""


@contextmanager
def replacing(path: str, *, force: bool) -> Iterator[IO[bytes]]:
    """A file to write, which takes its name when all is written, or is gone. Raises OutputError."""
    refuse_dangling(Path(path))
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
        raise OutputError(f"{path}: {reason_of(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


def name_unfinished(folder: Path, suffix: str) -> Path:
    """A new name for what waits in a folder until it is whole."""
    return folder / f"{_OURS}{os.urandom(8).hex()}.{suffix}"


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


def check_place(target: Path) -> None:
    """Raise OutputError if no file can be written there; for before any hard work."""
    try:
        if target.is_dir():
            raise OutputError(f"{target}: is a folder")
        if is_special(target):
            return
        folder = Path(os.path.realpath(target)).parent
        if not folder.is_dir():
            raise OutputError(f"{target}: no such folder")
        refuse_dangling(target)
        if not os.access(folder, os.W_OK):
            raise OutputError(f"{target}: cannot write to that folder")
    except (OSError, ValueError) as error:
        raise OutputError(f"{target}: {reason_of(error)}") from error


def refuse_dangling(target: Path) -> None:
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


def is_special(target: Path) -> bool:
    """Whether target is a device, pipe or socket."""
    return target.exists() and not target.is_file()


def reason_of(error: OSError | ValueError) -> str:
    """What went wrong, in words, without the path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
