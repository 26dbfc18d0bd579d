"""JPEG files that are cut off: whether they hold all samples nevertheless."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

_END = b"\xff\xd9"
_FILLERS = (b"", bytes(range(1, 250, 3)) * 2)
"""What samples that are missing would be decoded from: two that tell different ones."""

_COEFFICIENTS = 64


def close_jpeg(data: bytes) -> tuple[bytes, bool]:
    """The file with an end, for Pillow to read; and whether no sample was missing."""
    first, second = (_decode(data + filler + _END) for filler in _FILLERS)
    same = first is not None and second is not None and np.array_equal(first, second)
    return data + _END, bool(same) and _scans_are_complete(data)


def _decode(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return np.asarray(image)
    except (OSError, SyntaxError):
        return None


def _scans_are_complete(data: bytes) -> bool:
    """Whether the scans hold every bit of every coefficient: a progressive file comes in parts."""
    missing: dict[int, set[int]] = {}
    for marker, body in _segments(data):
        if marker in (0xC0, 0xC1, 0xC2) and len(body) > 6:
            components = body[6 : 6 + 3 * body[5] : 3]
            missing = {component: set(range(_COEFFICIENTS)) for component in components}
        elif marker == 0xDA and body and len(body) >= 2 * body[0] + 4:
            start, end, bits = body[2 * body[0] + 1 : 2 * body[0] + 4]
            if bits & 0x0F == 0:
                for component in body[1 : 2 * body[0] : 2]:
                    missing.get(component, set()).difference_update(range(start, end + 1))
    return bool(missing) and not any(missing.values())


def _segments(data: bytes) -> list[tuple[int, bytes]]:
    """Marker and body of each segment that has one; entropy-coded bytes are passed over."""
    found = []
    offset = 2
    while (offset := data.find(b"\xff", offset)) >= 0 and offset + 4 <= len(data):
        marker = data[offset + 1]
        if marker in (0x00, 0xFF, 0x01) or 0xD0 <= marker <= 0xD8:
            offset += 1 + (marker != 0xFF)
            continue
        (size,) = struct.unpack_from(">H", data, offset + 2)
        found.append((marker, data[offset + 4 : offset + 2 + size]))
        offset += 2 + size
    return found
