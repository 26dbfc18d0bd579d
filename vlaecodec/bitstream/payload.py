"""A tile's payload as words, and the messages for tiles that cannot be decoded."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from vlaecodec.errors import LossWarning, ReproductionError


def warn_of_lost_pixels(lost: int, tiles: int) -> None:
    """Warn that some tiles show the lossy picture because their exact pixels are lost."""
    warnings.warn(
        f"the exact pixels of {lost} of {tiles} tiles are damaged or missing: "
        "they show the lossy picture",
        LossWarning,
        stacklevel=4,
    )


def not_reproduced(index: int, problem: str) -> ReproductionError:
    """The error of a tile that is intact and decodes to something else."""
    return ReproductionError(
        f"tile {index + 1} is intact but does not decode here: this machine computes differently "
        f"from the encoder's, or the file was forged ({problem})"
    )


def to_payload(words: NDArray[np.uint32]) -> bytes:
    """A stack's words, bottom first, as a tile's payload."""
    return words.astype("<u4").tobytes()


def to_words(payload: bytes) -> NDArray[np.uint32]:
    """The inverse of to_payload."""
    return np.frombuffer(payload, "<u4").astype(np.uint32)
