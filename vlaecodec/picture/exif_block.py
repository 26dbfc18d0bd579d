"""EXIF: a TIFF block, changed in place so that it agrees with the picture that it is kept with.

In place, because notes of camera makers hold offsets that nobody else knows how to move.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_ORIENTATION = 0x0112
_EXIF_FOLDER = 0x8769
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
"""ImageWidth and PixelXDimension; ImageLength and PixelYDimension."""

_THUMBNAIL_OFFSET, _THUMBNAIL_SIZE = 0x0201, 0x0202
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
"""Struct formats of TIFF's whole numbers: SHORT and LONG, and what readers take as well."""

_ENTRY_BYTES = 12


class _Entry(NamedTuple):
    """A tag in a folder."""

    tag: int
    kind: int
    place: int
    """Where its value is, if that has four bytes at most."""


class _Block:
    """A TIFF block with its byte order."""

    def __init__(self, data: bytearray) -> None:
        self.data = data
        self.order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]), "")

    @property
    def readable(self) -> bool:
        """Whether it has a first folder that lies within it."""
        if not self.order or len(self.data) < 8 or self._number("H", 2) != 42:
            return False
        start = self._number("I", 4)
        if not 8 <= start <= len(self.data) - 2:
            return False
        return start + 2 + _ENTRY_BYTES * self._number("H", start) <= len(self.data)

    @property
    def first(self) -> int:
        """Where the first folder is."""
        return self._number("I", 4)

    def entries(self, folder: int) -> Iterator[_Entry]:
        """Those of a folder that lie within the block."""
        if not 8 <= folder <= len(self.data) - 2:
            return
        count = self._number("H", folder)
        end = min(folder + 2 + _ENTRY_BYTES * count, len(self.data) - _ENTRY_BYTES + 1)
        for place in range(folder + 2, end, _ENTRY_BYTES):
            tag, kind = struct.unpack_from(f"{self.order}HH", self.data, place)
            yield _Entry(tag, kind, place + 8)

    def read(self, entry: _Entry) -> int | None:
        """A whole number; None for another kind."""
        number = _NUMBERS.get(entry.kind)
        return None if number is None else self._number(number, entry.place)

    def write(self, entry: _Entry, value: int) -> None:
        """Set a whole number, if it is one and the value fits."""
        number = _NUMBERS.get(entry.kind)
        if number is not None and value < 1 << 8 * struct.calcsize(number) - number.islower():
            struct.pack_into(f"{self.order}{number}", self.data, entry.place, value)

    def next_folder(self, folder: int) -> int:
        """Where a folder says that the one after it is; the place of that number, or 0."""
        place = folder + 2 + _ENTRY_BYTES * self._number("H", folder)
        return place if place + 4 <= len(self.data) else 0

    def cut_thumbnail(self) -> None:
        """Take out the second folder, which is the thumbnail's, and blank its bytes."""
        link = self.next_folder(self.first)
        if not link:
            return
        found = {e.tag: self.read(e) or 0 for e in self.entries(self._number("I", link))}
        start, size = found.get(_THUMBNAIL_OFFSET, 0), found.get(_THUMBNAIL_SIZE, 0)
        struct.pack_into(f"{self.order}I", self.data, link, 0)
        # A JPEG begins where the folder says so; else it would be something else that is lost.
        if size > 0 and self.data[start : start + 2] == b"\xff\xd8":
            end = min(start + size, len(self.data))
            self.data[start:end] = bytes(end - start)
            if end == len(self.data):
                del self.data[start:]

    def _number(self, kind: str, place: int) -> int:
        value: int = struct.unpack_from(f"{self.order}{kind}", self.data, place)[0]
        return value


def is_exif(block: bytes) -> bool:
    """Whether readers will find a folder in it."""
    return _Block(bytearray(block)).readable


def fit_exif(block: bytes, size: tuple[int, int] | None, *, turned: bool) -> bytes:
    """A readable block that tells of a picture that is upright and, if given, of this size.

    size: width and height. turned: whether that is not how it was stored; the thumbnail, which is
    as the picture was, goes.
    """
    fitted = _Block(bytearray(block))
    folders = [fitted.first]
    for entry in fitted.entries(fitted.first):
        if entry.tag == _ORIENTATION:
            fitted.write(entry, 1)
        elif entry.tag == _EXIF_FOLDER:
            folders.append(fitted.read(entry) or 0)
    for folder in folders:
        for entry in fitted.entries(folder):
            if size is not None and entry.tag in _WIDTHS:
                fitted.write(entry, size[0])
            elif size is not None and entry.tag in _HEIGHTS:
                fitted.write(entry, size[1])
    if turned:
        fitted.cut_thumbnail()
    return bytes(fitted.data)
