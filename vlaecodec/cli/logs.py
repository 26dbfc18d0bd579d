"""The options -v and --log-file: the library's log, and in the file warnings and errors too."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler
from typing import Any

import click

from vlaecodec.cli.reporting import listeners, printable, reports_errors, show
from vlaecodec.errors import OutputError
from vlaecodec.writing import reason_of

LIBRARY = logging.getLogger("vlaecodec")
LINE = "%(asctime)s %(levelname)s %(message)s"


def logged(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options -v and --log-file; the command itself does not see them."""

    @functools.wraps(command)
    def wrapped(*args: Any, verbose: bool, log_file: str | None, **kwargs: Any) -> Any:
        with logs(verbose=verbose, path=log_file):
            return command(*args, **kwargs)

    options = (
        click.option("-v", "--verbose", is_flag=True, help="Report each step."),
        click.option(
            "--log-file",
            metavar="PATH",
            help="Append what -v reports, warnings and errors to this file, with times.",
        ),
    )
    described: Callable[..., Any] = reports_errors(wrapped)
    for option in reversed(options):
        described = option(described)
    return described


@contextmanager
def logs(*, verbose: bool, path: str | None) -> Iterator[None]:
    """Show the library's log on standard error, add it to a file, or neither. Raises OutputError.

    The file gets everything that is said too.
    """
    handlers: list[logging.Handler] = [_Terminal()] if verbose else []
    if path is not None:
        try:
            handlers.append(_File(path, encoding="utf-8", errors="backslashreplace"))
        except (OSError, ValueError) as error:
            raise OutputError(f"{path}: {reason_of(error)}") from error
    file = handlers[-1] if path is not None else None

    def listen(text: str) -> None:
        if file is not None:
            file.handle(LIBRARY.makeRecord(__name__, logging.WARNING, "", 0, text, (), None))

    listeners.append(listen)
    try:
        with _handling(handlers):
            yield
    finally:
        listeners.remove(listen)
        for handler in handlers:
            handler.close()


@contextmanager
def gathered_log() -> Iterator[list[logging.LogRecord]]:
    """Collect the log of this block, to be sent to another process and shown there."""
    handler = _Gatherer([])
    with _handling([handler]):
        yield handler.records


def show_log(records: list[logging.LogRecord]) -> None:
    """Show a log that `gathered_log` has collected."""
    for record in records:
        LIBRARY.handle(record)


@contextmanager
def _handling(handlers: list[logging.Handler]) -> Iterator[None]:
    """Let these handlers alone have the library's log."""
    before, level = LIBRARY.handlers[:], LIBRARY.level
    LIBRARY.handlers[:] = handlers
    if handlers:
        LIBRARY.setLevel(logging.INFO)
    try:
        yield
    finally:
        LIBRARY.handlers[:] = before
        LIBRARY.setLevel(level)


class _Terminal(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        show(record.getMessage())


class _File(logging.FileHandler):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.setFormatter(logging.Formatter(LINE))

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802
        """A full disk spoils the log, not the work."""

    def close(self) -> None:
        with suppress(OSError):
            super().close()


class _Gatherer(QueueHandler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(records)  # type: ignore[arg-type]
        self.records = records

    def enqueue(self, record: logging.LogRecord) -> None:
        self.records.append(record)
