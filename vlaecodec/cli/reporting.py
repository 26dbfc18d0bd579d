"""Error messages of commands: one line on standard error, and an exit code."""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from vlaecodec.cli.files import STDIO
from vlaecodec.errors import LossWarning, VlaeError, is_out_of_memory

P = ParamSpec("P")
R = TypeVar("R")


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our errors into one line and an exit code, and LossWarnings into lines."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with warnings.catch_warnings():
            warnings.simplefilter("always", LossWarning)
            warnings.showwarning = _show_warning
            try:
                return command(*args, **kwargs)
            except Exception as error:
                text = describe_error(error)
                if text is None:
                    raise
                say(text)
                sys.exit(error.exit_code if isinstance(error, VlaeError) else 1)

    return wrapped


_OPTION = re.compile(
    r"(?<![\w./-])(?:keep_going|to_8_bit|accept_truncated|max_error|max_pixels|max_side|only_nets|"
    r"target_(?:size|bpp|psnr|ms_ssim|ssimulacra2))(?![\w./-])"
)
"""Options as the library's messages call them, where they cannot be parts of a file's name."""


def _as_flag(option: re.Match[str]) -> str:
    return "--" + option[0].replace("_", "-")


def describe_error(error: Exception) -> str | None:
    """The one line for an error of ours, or for want of memory; None for any other."""
    if isinstance(error, VlaeError):
        return _OPTION.sub(_as_flag, " ".join(str(error).split()))
    # torch reports a failed allocation as a RuntimeError.
    # The interpreter reports one while it imports as a SystemError.
    if isinstance(error, MemoryError | SystemError) or is_out_of_memory(error):
        return "not enough memory for this picture"
    return None


@contextmanager
def prefix_errors(
    path: str, kinds: type[VlaeError] | tuple[type[VlaeError], ...] = VlaeError
) -> Iterator[None]:
    """Errors of these kinds from within begin with the file's name."""
    try:
        yield
    except kinds as error:
        name = "standard input" if path == STDIO else path
        raise type(error)(f"{name}: {error}") from error


listeners: list[Callable[[str], None]] = []
"""Functions that are called with each message, such as for a log file."""


def say(text: str) -> None:
    """Print a message on standard error: one line, or wrapped lines on a terminal."""
    for listener in listeners:
        listener(text)
    show(text)


def show(text: str) -> None:
    """Print as `say` does, without calling the listeners."""
    if sys.stderr is not None:
        # Not click.echo, which would write past a progress bar, into its line.
        with contextlib.suppress(OSError):  # nobody can be told
            print(wrap_for_terminal(f"vlaecodec: {printable(text)}"), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """The text without control characters, which names of files can hold."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def has_terminal() -> bool:
    """Whether standard error is one."""
    return sys.stderr is not None and sys.stderr.isatty()


def wrap_for_terminal(text: str, indent: str = "") -> str:
    """One line for standard error: broken between words where that is a terminal, for programs not.

    indent: what will stand before the text.
    """
    if not has_terminal():
        return text
    return textwrap.fill(
        text,
        shutil.get_terminal_size().columns,
        initial_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ).removeprefix(indent)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(f"warning: {message}")
