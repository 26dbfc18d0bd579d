"""Every error this package raises on purpose. Each has an exit code of its own."""

from __future__ import annotations


class VlaeError(Exception):
    """Base of all errors of vlaecodec; `str(error)` is one line meant for a person."""

    exit_code = 1


class ParameterError(VlaeError, ValueError):
    """An argument is out of its range."""

    exit_code = 2


class InputError(VlaeError):
    """The input file is missing or cannot be read."""

    exit_code = 2


class ImageError(VlaeError):
    """The input is not an image, or not one that can be encoded."""

    exit_code = 3


class DamagedError(VlaeError):
    """The stream is truncated, altered, or was never a .vlae file."""

    exit_code = 4


class ModelError(VlaeError):
    """The model that a file needs is missing, or is not the one the file was written with."""

    exit_code = 5


class UnsupportedError(ModelError):
    """The file is well-formed but written by a newer format version or with unknown features."""


class OutputError(VlaeError):
    """The output cannot be written."""

    exit_code = 6


class ReproductionError(VlaeError):
    """The file is intact, but this machine computed something else than the encoder's did."""

    exit_code = 7


class MissingPackageError(VlaeError):
    """What was asked for needs a package that is not installed; the message says how to get it."""

    exit_code = 8


class EngineError(VlaeError):
    """A batch engine failed: the local processes, or the Ray cluster."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory is short.

    torch's is a RuntimeError; where a library itself does not fit, it is an ImportError.
    """
    signs = ("allocate memory", "failed to map segment", "bad_alloc")
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in signs)


class LossWarning(UserWarning):
    """A part of the input is not kept in the output."""
