"""The process around a command: its standard streams, and the signals that end it."""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType

from vlaecodec.cli.reporting import say
from vlaecodec.errors import OutputError

ENDING_SIGNALS = ("SIGTERM", "SIGHUP")
"""End a command as an interrupt does: it leaves no part of a file behind, and no worker."""


def run() -> None:
    """The command line in a process of its own. Exits."""
    open_streams()
    end_on_signals()
    # Threads that wait do not keep the cores from those that work; torch reads this when imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

    from vlaecodec.cli.main import main

    try:
        try:
            main(prog_name="vlaecodec")
        finally:
            _flush_errors()
            sys.stdout.flush()
    except OSError as error:  # files are read and written elsewhere: this is what was printed
        # The interpreter flushes once more at exit; give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:  # the reader has seen enough
            sys.exit(1)
        say(f"standard output: {error.strerror}")
        sys.exit(OutputError.exit_code)


def _flush_errors() -> None:
    """What cannot be said on standard error is lost, and changes no exit code.

    The interpreter would flush once more at exit, and fail.
    """
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def open_streams() -> None:
    """Give closed standard streams a device, lest the next file that is opened take their place.

    What is printed to a closed standard output fails; to a closed standard error it is lost.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if descriptor == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def end_on_signals() -> None:
    """Let signals that end a process run what cleans up behind it. A second one ends it at once."""
    for name in ENDING_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)
