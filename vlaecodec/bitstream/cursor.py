"""Fields of a header one after another: reading them, and varints both ways."""

from __future__ import annotations

import struct
from typing import Any

from vlaecodec.errors import DamagedError

_BYTE = struct.Struct("B")
_VARINT_BYTES = 4
VARINT_MAX = 2 ** (7 * _VARINT_BYTES) - 1


class Cursor:
    """A place in a file's bytes that moves behind each field that is read.

    Raises DamagedError where the bytes end before the field does.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    @property
    def before(self) -> bytes:
        """All bytes that were read."""
        return self._data[: self.offset]

    def take(self, fields: struct.Struct) -> tuple[Any, ...]:
        """Read fields of fixed size."""
        start = self.offset
        if len(self._data) < start + fields.size:
            raise DamagedError("the file ends within its header")
        self.offset += fields.size
        return fields.unpack_from(self._data, start)

    def take_varint(self) -> int:
        """The inverse of write_varint. Raises DamagedError above VARINT_MAX, too."""
        value = 0
        for index in range(_VARINT_BYTES):
            (byte,) = self.take(_BYTE)
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value
        raise DamagedError("the header is damaged")


def write_varint(value: int) -> bytes:
    """Little-endian base 128; the high bit says that another byte follows."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
