"""Files for commands: standard streams, atomic replacement, errors as exit codes."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from vlaecodec.errors import InputError, LossWarning, OutputError, ParameterError, VlaeError

P = ParamSpec("P")
R = TypeVar("R")

STDIO = "-"


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our errors into one line on standard error and an exit code, and warnings into lines."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with warnings.catch_warnings():
            warnings.simplefilter("always", LossWarning)
            warnings.showwarning = _show_warning
            try:
                return command(*args, **kwargs)
            except VlaeError as error:
                click.echo(f"vlaecodec: {error}", err=True)
                sys.exit(error.exit_code)
            except MemoryError:
                click.echo("vlaecodec: not enough memory for this picture", err=True)
                sys.exit(1)

    return wrapped


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"vlaecodec: warning: {message}", err=True)


def read_input(path: str) -> bytes:
    """The bytes of a file, or of standard input for "-". Raises InputError if there is none."""
    try:
        if path == STDIO:
            return sys.stdin.buffer.read()
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def output_path(input_path: str, output: str | None, option: str | None, suffix: str) -> str:
    """Where to write: the argument, the option, or the input's name with another suffix."""
    if output is not None and option is not None:
        raise ParameterError("give the output once: as an argument or with -o")
    chosen = output if output is not None else option
    if chosen is not None:
        return chosen
    return STDIO if input_path == STDIO else str(Path(input_path).with_suffix(suffix))


def check_output(path: str, *, force: bool) -> None:
    """Raise OutputError if writing to path would fail or overwrite; done before any hard work."""
    if path == STDIO:
        return
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"{path}: is a folder")
    if target.exists() and not force:
        raise OutputError(f"{path}: exists already; give -f to overwrite")
    if not target.absolute().parent.is_dir():
        raise OutputError(f"{path}: no such folder")


def write_output(path: str, data: bytes, *, force: bool) -> None:
    """Write all or nothing: to a temporary file in the same folder, then moved into place."""
    if path == STDIO:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    check_output(path, force=force)
    target = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=".vlaecodec-", dir=target.absolute().parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise OutputError(f"{path}: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
