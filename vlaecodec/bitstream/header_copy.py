"""The copy of the header at the end of a robust file: making it, and restoring from it."""

from __future__ import annotations

import zlib

from vlaecodec.bitstream.header import COPY_END, CRC, MAGIC


def write_copy(head: bytes) -> bytes:
    """The bytes at the end of a robust file: a copy of its header that is found from the end."""
    size = COPY_END.pack(len(head), 0)[: CRC.size]
    return head + size + CRC.pack(zlib.crc32(head + size))


def restore_header(data: bytes) -> bytes | None:
    """The file with its header restored from the copy; None if there is no intact copy."""
    if len(data) < COPY_END.size:
        return None
    size, check = COPY_END.unpack_from(data, len(data) - COPY_END.size)
    head = data[-COPY_END.size - size : -COPY_END.size]
    if len(head) < size or size > len(data) // 2 or not head.startswith(MAGIC):
        return None
    if zlib.crc32(head + data[-COPY_END.size : -CRC.size]) != check:
        return None
    return head + data[size:]
