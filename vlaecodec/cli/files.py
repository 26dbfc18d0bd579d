"""Files for commands: reading, naming, checking and writing them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vlaecodec.bitstream.header import HEAD_BYTES, MAGIC
from vlaecodec.bitstream.header_copy import restore_header
from vlaecodec.cli.batch.names import is_namesake, name_output
from vlaecodec.errors import DamagedError, InputError, OutputError, ParameterError
from vlaecodec.writing import check_place, is_special, reason_of, replacing

STDIO = "-"

_CHUNK_BYTES = 2**20


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
    """Whether a file ends with a copy of a header; its start is then damaged."""
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
        raise InputError(f"{_name(path)}: {reason_of(error)}") from error


def _name(path: str) -> str:
    return "standard input" if path == STDIO else path


def check_input(path: str) -> None:
    """Raise InputError if there is no such file; done before any hard work."""
    try:
        if path != STDIO and Path(path).stat() and Path(path).is_dir():
            raise InputError(f"{path}: is a folder")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {reason_of(error)}") from error


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
        raise OutputError(f"{path}: {reason_of(error)}") from error


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
    target = Path(path)
    check_place(target)
    try:
        if is_special(target):
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
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: {reason_of(error)}") from error


def write_output(path: str, data: bytes, *, force: bool, like: str | None = None) -> None:
    """Write all or nothing: to a temporary file in the same folder, then moved into place.

    like: a file whose times and mode the output gets. Devices and pipes are written to directly.
    Raises OutputError.
    """
    try:
        if path == STDIO:
            _write_standard_output(data)
        elif is_special(Path(path)):
            Path(path).write_bytes(data)
        else:
            with replacing(path, force=force) as file:
                file.write(data)
            if like is not None and like != STDIO:
                shutil.copystat(like, path)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: {reason_of(error)}") from error


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


def is_same_file(target: Path, input_path: str) -> bool:
    """Whether both are there and one file."""
    both_exist = input_path != STDIO and target.exists() and Path(input_path).exists()
    return both_exist and target.samefile(input_path)
