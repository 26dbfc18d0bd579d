"""What commands say when something goes wrong: one line on standard error, and an exit code."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

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
            except VlaeError as error:
                _say(" ".join(str(error).split()))
                sys.exit(error.exit_code)
            except (MemoryError, RuntimeError) as error:
                # torch reports a failed allocation as a RuntimeError.
                if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
                    raise
                _say("not enough memory for this picture")
                sys.exit(1)

    return wrapped


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _say(f"warning: {message}")


def _say(text: str) -> None:
    click.echo(f"vlaecodec: {text}", err=True)
