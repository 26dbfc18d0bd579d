"""What commands say when something goes wrong: one line on standard error, and an exit code."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import click

from vlaecodec.cli.files import STDIO
from vlaecodec.errors import LossWarning, VlaeError

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


def describe_error(error: Exception) -> str | None:
    """The one line for an error of ours, or for want of memory; None for any other."""
    if isinstance(error, VlaeError):
        return " ".join(str(error).split())
    # torch reports a failed allocation as a RuntimeError.
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return "not enough memory for this picture"
    return None


@contextmanager
def naming(
    path: str, kinds: type[VlaeError] | tuple[type[VlaeError], ...] = VlaeError
) -> Iterator[None]:
    """Errors of these kinds from within begin with the file's name."""
    try:
        yield
    except kinds as error:
        name = "standard input" if path == STDIO else path
        raise type(error)(f"{name}: {error}") from error


def say(text: str) -> None:
    """One line on standard error."""
    click.echo(f"vlaecodec: {text}", err=True)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(f"warning: {message}")
