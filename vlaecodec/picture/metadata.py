"""A picture's colour profile, EXIF, XMP and density: to sections and back.

Knows neither torch nor numpy nor Pillow: reading what a file holds is cheap.
"""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vlaecodec.bitstream.header import METADATA_MAX_BYTES, Section
from vlaecodec.errors import DamagedError, LossWarning, ParameterError
from vlaecodec.picture.density import Density
from vlaecodec.picture.exif_block import fit_exif, is_exif

_EXIF_PREFIX = b"Exif\0\0"
_RAW_PROFILES = "Raw profile type "
"""How ImageMagick's PNGs name metadata that it writes as text: a line with its kind and one with
its length, then hexadecimal digits."""

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
    density: Density | None = None

    def as_info(self) -> dict[str, Any]:
        """What is there, under Pillow's names: the density as `dpi`, or `aspect` without a unit."""
        found = {name: getattr(self, name) for name in _NAMES.values()}
        if self.density is not None and self.density.dpi is not None:
            found["dpi"] = self.density.dpi
        elif self.density is not None:
            found["aspect"] = self.density.x, self.density.y
        return {name: value for name, value in found.items() if value is not None}

    def joined(self, other: Metadata) -> Metadata:
        """With all that the other has."""
        return replace(self, **{name: v for name, v in vars(other).items() if v is not None})


def metadata_of(
    info: Mapping[Any, Any],
    size: tuple[int, int] | None = None,
    *,
    turned: bool = False,
    density: Density | None = None,
) -> Metadata:
    """What `Image.info` holds, for a picture that is turned upright: orientations are set to 1.

    size: of the picture, which EXIF is to agree with. turned: whether it was stored otherwise.
    """
    xmp = info.get("xmp") or info.get(XMP_KEY) or _raw_profile(info, "xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    exif = info.get("exif") or _raw_profile(info, "exif") or _raw_profile(info, "APP1")
    if exif:
        block = exif.removeprefix(_EXIF_PREFIX)
        if is_exif(block):
            exif = _EXIF_PREFIX + fit_exif(block, size, turned=turned)
        else:
            warnings.warn("the EXIF cannot be read: left out", LossWarning, stacklevel=2)
            exif = None
    return Metadata(
        icc_profile=info.get("icc_profile") or None,
        exif=exif or None,
        xmp=(xmp and _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)) or None,
        density=density,
    )


def _raw_profile(info: Mapping[Any, Any], kind: str) -> bytes | None:
    """Metadata that a PNG has as text; None where there is none, or it is no such text."""
    text = info.get(_RAW_PROFILES + kind)
    if not isinstance(text, str):
        return None
    try:
        return bytes.fromhex("".join(text.strip("\n").split("\n")[2:]))
    except ValueError:
        return None


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
                f"{METADATA_MAX_BYTES}: strip leaves it out"
            )
        sections[section] = zlib.compress(value, 9)
    if metadata.density is not None:
        sections[Section.DENSITY] = metadata.density.pack()
    return sections


def read_metadata(section: Section, stored: bytes) -> Metadata:
    """What one section holds. Raises DamagedError if it cannot be what write_metadata made."""
    if section == Section.DENSITY:
        return Metadata(density=Density.unpack(stored))
    expander = zlib.decompressobj()
    try:
        value = expander.decompress(stored, METADATA_MAX_BYTES)
    except zlib.error as error:
        raise DamagedError(f"the {section.title} cannot be expanded: {error}") from error
    if not expander.eof or expander.unused_data:
        raise DamagedError(f"the {section.title} does not end where it should")
    if section == Section.EXIF:
        value = _EXIF_PREFIX + value
    found: dict[str, Any] = {_NAMES[section]: value}
    return Metadata(**found)


_NAMES = {Section.ICC_PROFILE: "icc_profile", Section.EXIF: "exif", Section.XMP: "xmp"}
