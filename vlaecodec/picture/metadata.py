"""What comes along with a picture: colour profile, EXIF and XMP, to sections of a file and back.

Knows neither torch nor numpy nor Pillow: reading what a file holds is cheap.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlaecodec.bitstream.header import METADATA_MAX_BYTES, Section
from vlaecodec.errors import DamagedError, ParameterError

_EXIF_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
XMP_KEY = "XML:com.adobe.xmp"
"""What PNG and Pillow call it."""
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=\"|='|>)\s*)[2-8]")


@dataclass(frozen=True)
class Metadata:
    """Each as Pillow has it in `Image.info`; None where there is none."""

    icc_profile: bytes | None = None
    exif: bytes | None = None
    """Begins with "Exif", two zeros, and a TIFF header."""
    xmp: bytes | None = None

    def as_info(self) -> dict[str, bytes]:
        """What is there, under Pillow's names."""
        return {name: value for name, value in vars(self).items() if value is not None}


def metadata_of(info: Mapping[Any, Any]) -> Metadata:
    """What `Image.info` holds, for a picture that is turned upright: orientations are set to 1."""
    xmp = info.get("xmp") or info.get(XMP_KEY) or None
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    exif = info.get("exif") or None
    if exif is not None:
        block = bytearray(exif.removeprefix(_EXIF_PREFIX))
        _reset_orientation(block)
        exif = _EXIF_PREFIX + block
    return Metadata(
        icc_profile=info.get("icc_profile") or None,
        exif=exif,
        xmp=xmp and _XMP_ORIENTATION.sub(rb"\g<1>1", xmp),
    )


def write_metadata(metadata: Metadata) -> dict[Section, bytes]:
    """The sections that hold it. Raises ParameterError for what is larger than a file may hold."""
    sections = {}
    for section, name in _NAMES.items():
        value: bytes | None = getattr(metadata, name)
        if value is None:
            continue
        if section == Section.EXIF:
            value = value.removeprefix(_EXIF_PREFIX)
        if len(value) > METADATA_MAX_BYTES:
            raise ParameterError(
                f"the {section.title} has {len(value)} bytes, more than the limit of "
                f"{METADATA_MAX_BYTES}: --strip leaves it out"
            )
        sections[section] = zlib.compress(value, 9)
    return sections


def read_metadata(section: Section, stored: bytes) -> Metadata:
    """What one section holds. Raises DamagedError if it cannot be what write_metadata made."""
    expander = zlib.decompressobj()
    try:
        value = expander.decompress(stored, METADATA_MAX_BYTES)
    except zlib.error as error:
        raise DamagedError(f"the {section.title} cannot be expanded: {error}") from error
    if not expander.eof or expander.unused_data:
        raise DamagedError(f"the {section.title} does not end where it should")
    if section == Section.EXIF:
        value = _EXIF_PREFIX + value
    return Metadata(**{_NAMES[section]: value})


_NAMES = {Section.ICC_PROFILE: "icc_profile", Section.EXIF: "exif", Section.XMP: "xmp"}


def _reset_orientation(block: bytearray) -> None:
    """Set the orientation of a TIFF block to 1, in place, and change nothing else."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
    if order is None or len(block) < 8:
        return
    (directory,) = struct.unpack_from(f"{order}I", block, 4)
    if directory + 2 > len(block):
        return
    (count,) = struct.unpack_from(f"{order}H", block, directory)
    for entry in range(directory + 2, min(directory + 2 + 12 * count, len(block) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", block, entry)
        # SHORT as it should be, or what readers take as well: BYTE, LONG and the signed ones.
        number = {3: "H", 1: "B", 4: "I", 6: "b", 8: "h", 9: "i"}.get(kind)
        if tag == _ORIENTATION and number is not None:
            struct.pack_into(f"{order}{number}", block, entry + 8, 1)
