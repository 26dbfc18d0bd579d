"""ICC profiles: what colour space one is for, and making one from primaries and a curve."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

RGB_SPACE, GREY_SPACE = "RGB ", "GRAY"
"""Names of colour spaces in a profile's header."""

_D50 = (0.9642, 1.0, 0.8249)
"""XYZ of the profile connection space's white."""

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_CURVE_POINTS = 1024
_VERSION = 0x04300000
_DATE = (2024, 1, 1, 0, 0, 0)
"""Of every profile made here: equal pictures make equal files."""

_HEADER_BYTES, _ENTRY_BYTES = 128, 12

Curve = float | Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From samples to light, both 0..1: the exponent of a power, or a function."""


@dataclass(frozen=True)
class Primaries:
    """CIE 1931 x, y of a display's white and of its three colours."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


def read_space(profile: bytes) -> str | None:
    """The colour space that a profile is for, four characters; None if it is no profile."""
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space
    except (OSError, TypeError, ValueError, ImageCms.PyCMSError):
        return None
    return str(space).ljust(4)


def make_profile(name: str, primaries: Primaries, curve: Curve, *, grey: bool = False) -> bytes:
    """A display profile, ICC version 4 (ISO 15076-1): three primaries and a curve, or a grey curve.

    name: ASCII. Raises ValueError for primaries that span no colours.
    """
    adapt = _adaptation(_to_xyz(primaries.white))
    trc = _curve_tag(curve)
    tags = {b"desc": _text_tag(name), b"cprt": _text_tag("No copyright, use freely")}
    tags[b"wtpt"] = _xyz_tag(_D50)
    if grey:
        tags[b"kTRC"] = trc
    else:
        for colour, column in zip(b"rgb", _colorants(primaries, adapt).T, strict=True):
            tags[bytes([colour]) + b"XYZ"] = _xyz_tag(column)
            tags[bytes([colour]) + b"TRC"] = trc
    tags[b"chad"] = b"sf32\0\0\0\0" + b"".join(_fixed(value) for value in adapt.flat)
    return _assemble(tags, GREY_SPACE if grey else RGB_SPACE)


def _colorants(primaries: Primaries, adapt: NDArray[np.float64]) -> NDArray[np.float64]:
    """XYZ of red, green and blue at full strength, relative to D50, as columns."""
    colours = np.stack([_to_xyz(c) for c in (primaries.red, primaries.green, primaries.blue)], 1)
    try:
        strengths = np.linalg.solve(colours, _to_xyz(primaries.white))
    except np.linalg.LinAlgError:
        raise ValueError("the primaries span no colours") from None
    return adapt @ (colours * strengths)


def _to_xyz(xy: tuple[float, float]) -> NDArray[np.float64]:
    x, y = xy
    if not 0 < y <= 1 or not 0 <= x <= 1:
        raise ValueError("a chromaticity is out of range")
    return np.array([x / y, 1, (1 - x - y) / y])


def _adaptation(white: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Bradford transform from a white to D50."""
    gain = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ white)
    matrix: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD
    return matrix


def _curve_tag(curve: Curve) -> bytes:
    if callable(curve):
        light = np.clip(curve(np.linspace(0, 1, _CURVE_POINTS)), 0, 1)
        table = np.round(light * 65535).astype(">u2")
        return b"curv\0\0\0\0" + struct.pack(">I", len(table)) + table.tobytes()
    return b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + _fixed(curve)


def _text_tag(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return (
        b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded
    )


def _xyz_tag(xyz: Sequence[float] | NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(value) for value in xyz)


def _fixed(value: float) -> bytes:
    """An s15Fixed16Number."""
    return struct.pack(">i", round(float(value) * 65536))


def _assemble(tags: dict[bytes, bytes], space: str) -> bytes:
    """Header, table of tags, and the tags, each once, at multiples of four bytes."""
    start = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(tags)
    places: dict[bytes, int] = {}
    body = b""
    for content in tags.values():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
    table = struct.pack(">I", len(tags)) + b"".join(
        struct.pack(">4sII", name, places[content], len(content)) for name, content in tags.items()
    )
    header = struct.pack(
        ">I4xI4s4s4s6H4s28x12s",
        start + len(body),
        _VERSION,
        b"mntr",
        space.encode(),
        b"XYZ ",
        *_DATE,
        b"acsp",
        b"".join(_fixed(value) for value in _D50),
    )
    return header.ljust(_HEADER_BYTES, b"\0") + table + body
