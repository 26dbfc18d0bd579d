"""The .vlae container: bytes to fields and back, as FORMAT.md says. Knows nothing of networks."""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from vlaecodec.errors import DamagedError, ParameterError, UnsupportedError

MAGIC = b"\x8bVLA"
VERSION = 1
TILE_PX = 1024
"""Tiles are this many pixels square, smaller at the right and bottom edges."""

MAX_SIDE_PX = 65536
MAX_PIXELS = 2**28
"""Default limit on width x height; decoding a larger file has to be asked for."""

QUALITY_UNIT = 256
"""Quality codes per unit of quality."""

QUALITY_CODE_MIN, QUALITY_CODE_MAX = 1 * QUALITY_UNIT, 100 * QUALITY_UNIT

WORD_BYTES = 4
FINGERPRINT_BYTES = 4

_FIXED = struct.Struct(f"<4sBB{FINGERPRINT_BYTES}sHHH")
_HEADER_CHECK = struct.Struct("<H")
_CRC = struct.Struct("<I")
TILE_CHECK_BYTES = 2 * _CRC.size
"""Follow each payload: the CRC-32 of the decoded pixels, then that of all before it."""

_CRITICAL_FLAGS = 0x0F


@dataclass(frozen=True)
class Header:
    """What a file says before its first tile."""

    width: int
    height: int
    quality_code: int
    fingerprint: bytes

    @property
    def quality(self) -> float:
        """Quality, 1..100."""
        return self.quality_code / QUALITY_UNIT


@dataclass(frozen=True)
class TileBox:
    """A tile's place in the picture, pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Tile:
    """One tile's entropy-coded latents and the checksum of its decoded pixels (CRC-32)."""

    payload: bytes
    pixel_crc: int


@dataclass(frozen=True)
class Container:
    """A whole file. A tile is None where its payload did not match its checksum."""

    header: Header
    tiles: list[Tile | None]


def quality_to_code(quality: float) -> int:
    """The code that stands for a quality in 1..100. Raises ParameterError outside that range."""
    if not isinstance(quality, int | float) or not 1 <= quality <= 100:
        raise ParameterError(f"quality must be a number from 1 to 100, not {quality!r}")
    return round(quality * QUALITY_UNIT)


def tile_boxes(width: int, height: int) -> Iterator[TileBox]:
    """The tiles of a picture in the order they are stored: rows from the top, left to right."""
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            yield TileBox(left, top, min(left + TILE_PX, width), min(top + TILE_PX, height))


def tile_count(width: int, height: int) -> int:
    """How many tiles a picture has."""
    return -(-width // TILE_PX) * -(-height // TILE_PX)


def write_container(header: Header, tiles: list[Tile]) -> bytes:
    """Serialise a file. Payloads are whole 32-bit words."""
    head = _FIXED.pack(
        MAGIC,
        VERSION,
        0,
        header.fingerprint,
        header.width - 1,
        header.height - 1,
        header.quality_code,
    )
    head += b"".join(_write_varint(len(t.payload) // WORD_BYTES) for t in tiles)
    parts = [head, _HEADER_CHECK.pack(binascii.crc_hqx(head, 0xFFFF))]
    for tile in tiles:
        body = tile.payload + _CRC.pack(tile.pixel_crc)
        parts += [body, _CRC.pack(zlib.crc32(body))]
    return b"".join(parts)


def read_header(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[Header, list[int], int]:
    """Parse the header: the fields, each tile's payload size in bytes, where the first tile starts.

    Raises DamagedError, or UnsupportedError for a version or feature that is not known here, or
    ParameterError if the picture has more than max_pixels.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ParameterError(f"expected the bytes of a file, not {type(data).__name__}")
    data = bytes(data)
    if len(data) < _FIXED.size:
        short = data[: len(MAGIC)] == MAGIC[: len(data)] and len(data) > 0
        raise DamagedError("the file ends within its header" if short else "not a .vlae file")
    magic, version, flags, fingerprint, width, height, quality_code = _FIXED.unpack_from(data)
    if magic != MAGIC:
        raise DamagedError("not a .vlae file")
    if version != VERSION:
        raise UnsupportedError(f"format version {version}; this vlaecodec reads version {VERSION}")
    width, height = width + 1, height + 1
    sizes, offset = [], _FIXED.size
    for _ in range(tile_count(width, height)):
        words, offset = _read_varint(data, offset)
        sizes.append(words * WORD_BYTES)
    if len(data) < offset + _HEADER_CHECK.size:
        raise DamagedError("the file ends within its header")
    if _HEADER_CHECK.unpack_from(data, offset)[0] != binascii.crc_hqx(data[:offset], 0xFFFF):
        raise DamagedError("the header is damaged")
    if flags & _CRITICAL_FLAGS:
        raise UnsupportedError(f"the file uses features not known here (flags {flags:#04x})")
    if not QUALITY_CODE_MIN <= quality_code <= QUALITY_CODE_MAX:
        raise DamagedError("the quality is out of range")
    if width * height > max_pixels:
        raise ParameterError(
            f"the picture has {width} x {height} pixels, more than the limit of {max_pixels}"
        )
    header = Header(width, height, quality_code, fingerprint)
    return header, sizes, offset + _HEADER_CHECK.size


def read_container(
    data: bytes, max_pixels: int = MAX_PIXELS, *, keep_going: bool = False
) -> Container:
    """Parse a whole file.

    Damage to a tile raises DamagedError, or with `keep_going` leaves that tile None.
    """
    header, sizes, offset = read_header(data, max_pixels)
    tiles: list[Tile | None] = []
    for index, size in enumerate(sizes):
        body = data[offset : offset + size + _CRC.size]
        check = data[offset + len(body) : offset + size + TILE_CHECK_BYTES]
        offset += size + TILE_CHECK_BYTES
        if len(check) < _CRC.size:
            problem = "is cut off"
        elif _CRC.unpack(check)[0] == zlib.crc32(body):
            tiles.append(Tile(body[:size], _CRC.unpack(body[size:])[0]))
            continue
        else:
            problem = "is damaged"
        if not keep_going:
            raise DamagedError(f"tile {index + 1} of {len(sizes)} {problem}")
        tiles.append(None)
    if offset < len(data) and not keep_going:
        raise DamagedError(f"{len(data) - offset} bytes follow the last tile")
    return Container(header, tiles)


def _write_varint(value: int) -> bytes:
    """Little-endian base 128; the high bit says that another byte follows."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    value = 0
    for index in range(4):
        if offset + index >= len(data):
            raise DamagedError("the file ends within its header")
        byte = data[offset + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, offset + index + 1
    raise DamagedError("the header is damaged")
