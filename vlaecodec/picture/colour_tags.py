"""The colour space of files without an ICC profile: gAMA, cHRM, sRGB, cICP and nclx."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlaecodec.errors import LossWarning
from vlaecodec.picture.icc import (
    GREY_SPACE,
    RGB_SPACE,
    Curve,
    Primaries,
    make_profile,
    read_space,
)

CICP_KEY = "cicp"
"""Where in `Image.info` the code points are that Pillow does not read."""

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_D65 = (0.3127, 0.3290)
_SRGB = Primaries(_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_SRGB_GAMMA = 0.45455
_TOLERANCE = 0.002
"""Chromaticities this near are the same; encoders round to three places."""

_UNSPECIFIED = 2


class CodePoints(NamedTuple):
    """Coding-independent code points (ITU-T H.273) of a picture."""

    primaries: int
    transfer: int
    matrix: int
    full_range: int


_PRIMARIES = {
    1: _SRGB,
    4: Primaries((0.310, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Primaries(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Primaries((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}


def _from_srgb(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _from_bt709(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(x < 0.081, x / 4.5, ((x + 0.099) / 1.099) ** (1 / 0.45))


def _from_pq(x: NDArray[np.float64]) -> NDArray[np.float64]:
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = x ** (1 / m2)
    light: NDArray[np.float64] = (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return light


def _from_hlg(x: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(x <= 0.5, x * x / 3, (np.exp((x - c) / a) + b) / 12)


_TRANSFERS: dict[int, Curve] = {
    1: _from_bt709,
    4: 2.2,
    5: 2.8,
    6: _from_bt709,
    8: 1.0,
    13: _from_srgb,
    14: _from_bt709,
    15: _from_bt709,
    16: _from_pq,
    18: _from_hlg,
}


def find_code_points(data: bytes) -> CodePoints | None:
    """The cICP chunk of a PNG, or the first nclx colour box of an AVIF or HEIF file."""
    if data.startswith(_PNG_MAGIC):
        for name, body in _png_chunks(data):
            if name == b"cICP" and len(body) == 4:
                return CodePoints(*body)
        return None
    place = data.find(b"colrnclx") if data[4:8] == b"ftyp" else -1
    if place < 0 or len(data) < place + 15:
        return None
    primaries, transfer, matrix, flags = struct.unpack_from(">HHHB", data, place + 8)
    return CodePoints(primaries, transfer, matrix, flags >> 7)


def choose_profile(info: Mapping[Any, Any], *, grey: bool) -> bytes | None:
    """The ICC profile that says what a picture's samples mean; None for sRGB.

    info: Pillow's `Image.info`. A profile for another colour space is left out, with a LossWarning.
    """
    profile = info.get("icc_profile") or None
    if profile is not None:
        space = read_space(profile)
        if space == (GREY_SPACE if grey else RGB_SPACE):
            return bytes(profile)
        kind = "is none" if space is None else f"is for {space.strip()} pictures"
        warnings.warn(f"the ICC profile {kind}: left out", LossWarning, stacklevel=2)
    if CICP_KEY in info:
        return _from_code_points(CodePoints(*info[CICP_KEY]), grey=grey)
    if "srgb" in info or profile is not None:
        return None
    return _from_gamma(info.get("gamma"), info.get("chromaticity"), grey=grey)


def _from_code_points(codes: CodePoints, *, grey: bool) -> bytes | None:
    primaries, transfer = codes.primaries, codes.transfer
    primaries = 1 if primaries == _UNSPECIFIED else primaries
    transfer = 13 if transfer == _UNSPECIFIED else transfer
    # BT.709 and BT.601 pictures are shown as if they were sRGB everywhere.
    if primaries in (1, 5, 6, 7) and transfer in (1, 6, 13, 14, 15):
        return None
    if primaries not in _PRIMARIES or transfer not in _TRANSFERS:
        warnings.warn(
            f"colours of kind {primaries}/{transfer} (cICP) are not known: taken as sRGB",
            LossWarning,
            stacklevel=3,
        )
        return None
    name = f"cICP {primaries}/{transfer}"
    return make_profile(name, _PRIMARIES[primaries], _TRANSFERS[transfer], grey=grey)


def _from_gamma(gamma: Any, chromaticity: Any, *, grey: bool) -> bytes | None:
    """From the chunks gAMA and cHRM, as Pillow has them."""
    primaries = _SRGB
    if chromaticity is not None and len(chromaticity) == 8:
        x, y = chromaticity[::2], chromaticity[1::2]
        primaries = Primaries(*zip(x, y, strict=True))
    standard = all(
        abs(a - b) < _TOLERANCE
        for one, other in zip(_points(primaries), _points(_SRGB), strict=True)
        for a, b in zip(one, other, strict=True)
    )
    gamma = _SRGB_GAMMA if not gamma else float(gamma)
    if (grey or standard) and abs(gamma - _SRGB_GAMMA) < _TOLERANCE:
        return None
    try:
        if not 0.02 <= gamma <= 10:
            raise ValueError("the gamma is out of range")
        return make_profile(f"gAMA {gamma:g} and cHRM", primaries, 1 / gamma, grey=grey)
    except ValueError as error:
        problem = f"gAMA or cHRM mean nothing ({error}): taken as sRGB"
        warnings.warn(problem, LossWarning, stacklevel=3)
        return None


def _points(primaries: Primaries) -> tuple[tuple[float, float], ...]:
    return primaries.white, primaries.red, primaries.green, primaries.blue


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and bodies of the chunks before the samples."""
    offset = len(_PNG_MAGIC)
    while offset + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, offset)
        if name == b"IDAT":
            return
        yield name, data[offset + 8 : offset + 8 + size]
        offset += size + 12
