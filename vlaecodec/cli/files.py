"""Files for commands: reading, naming, and writing all or nothing."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vlaecodec.cli.batch.names import is_namesake, name_output
from vlaecodec.errors import InputError, OutputError, ParameterError

STDIO = "-"


def read_input(path: str) -> bytes:
    """The bytes of a file, or of standard input for "-". Raises InputError if there is none."""
    try:
        if path == STDIO:
            if sys.stdin is None:
                raise InputError("standard input is closed")
            return sys.stdin.buffer.read()
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {_reason(error)}") from error


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
        if not Path(os.path.realpath(target)).parent.is_dir():
            raise OutputError(f"{path}: no such folder")
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
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".vlaecodec-{secrets.token_hex(8)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
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
