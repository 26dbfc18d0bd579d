"""Size, alpha and palette from the first bytes of a lossless WebP, a single VP8L chunk."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEAD = struct.Struct("<4sI4s4sIBI")
_RIFF_BYTES, _CHUNK_BYTES = 8, 20
"""What precedes the sizes' own counts: the RIFF header; that and the chunk's."""

_SIGNATURE = 0x2F
_PALETTE = 3
"""The transform of that kind."""


@dataclass(frozen=True)
class Shape:
    """The size and the channels of a VP8L chunk."""

    width: int
    height: int
    alpha: bool


def read_shape(data: bytes) -> Shape | None:
    """Size and channels; None unless the file is a single VP8L chunk and nothing else.

    Then there is no other place for a reader to find another size in.
    """
    if len(data) < _HEAD.size:
        return None
    riff, riff_size, webp, chunk, chunk_size, signature, bits = _HEAD.unpack_from(data)
    if (riff, webp, chunk, signature) != (b"RIFF", b"WEBP", b"VP8L", _SIGNATURE) or bits >> 29:
        return None
    whole = _CHUNK_BYTES + chunk_size + chunk_size % 2
    if whole != len(data) or riff_size + _RIFF_BYTES != len(data):
        return None
    return Shape(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1))


def read_palette_size(data: bytes) -> int | None:
    """How many colours the palette has that a VP8L chunk begins with; None if with none."""
    if len(data) < _HEAD.size + 2:
        return None
    bits = int.from_bytes(data[_HEAD.size : _HEAD.size + 2], "little")
    has_transform, kind = bits & 1, bits >> 1 & 3
    return 1 + (bits >> 3 & 0xFF) if has_transform and kind == _PALETTE else None
