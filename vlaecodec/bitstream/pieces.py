"""The pieces of a tile's latents, each with a checksum in a robust file.

Decoders take words from the end of a payload, so where its beginning is damaged, what they take
first may be intact: the top latent, and the first passes of the prior.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

PIECES = 16
"""At most, of a payload."""

PIECE_MIN_BYTES = 256

_WORD_BYTES = 4
_CHECK = struct.Struct("<I")


def write_checks(payloads: Iterable[bytes]) -> bytes:
    """The CRC-32 of every payload's pieces, from its end, without the one at its beginning."""
    return b"".join(
        _CHECK.pack(zlib.crc32(piece)) for payload in payloads for piece in _cut(payload)
    )


def checks_size(payload_size: int) -> int:
    """How many bytes write_checks gives for a payload of so many."""
    return _CHECK.size * (max(0, payload_size - 1) // _piece_size(payload_size))


def intact_end(payload: bytes, checks: bytes) -> bytes:
    """The longest end of a payload whose pieces all match their checksums."""
    size = 0
    for piece, (check,) in zip(_cut(payload), _CHECK.iter_unpack(checks), strict=True):
        if zlib.crc32(piece) != check:
            break
        size += len(piece)
    return payload[len(payload) - size :]


def _cut(payload: bytes) -> list[bytes]:
    """Pieces from the end; what is left at the beginning, at most as long as one, is none."""
    size = _piece_size(len(payload))
    return [payload[end - size : end] for end in range(len(payload), size, -size)]


def _piece_size(payload_size: int) -> int:
    words = -(-payload_size // (PIECES * _WORD_BYTES))
    return max(PIECE_MIN_BYTES, words * _WORD_BYTES)
