"""What a file holds beside its picture: alpha channel, colour profile, EXIF, XMP."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.container import Container
from vlaecodec.bitstream.header import METADATA_SECTIONS, Section
from vlaecodec.errors import DamagedError, LossWarning
from vlaecodec.picture.alpha import Alpha, decode_alpha, encode_alpha
from vlaecodec.picture.image import Picture
from vlaecodec.picture.metadata import Metadata, read_metadata, write_metadata
from vlaecodec.picture.overlay import decode_overlay

T = TypeVar("T")


def write_sections(picture: Picture, *, strip: bool) -> dict[Section, bytes]:
    """What a file holds beside the picture."""
    sections = {} if strip else write_metadata(picture.metadata)
    if picture.alpha is not None:
        sections[Section.ALPHA] = encode_alpha(picture.alpha)
    return sections


def read_sections(container: Container, *, keep_going: bool) -> tuple[Alpha | None, Metadata]:
    """The alpha channel and what else there is; left out, with a warning, where it is damaged."""
    header, metadata = container.header, Metadata()
    alpha = read_section(
        container,
        Section.ALPHA,
        lambda stored: decode_alpha(stored, header.width, header.height),
        keep_going=keep_going,
    )
    for section in container.sections:
        if section not in METADATA_SECTIONS:
            continue
        found = read_section(
            container, section, partial(read_metadata, section), keep_going=keep_going
        )
        metadata = metadata if found is None else metadata.joined(found)
    return alpha, metadata


def read_overlay(container: Container, *, keep_going: bool) -> NDArray[np.uint8] | None:
    """What lies over the decoded photo, uint8 [H, W, 4]; None if nothing does, or as above."""
    header = container.header
    return read_section(
        container,
        Section.OVERLAY,
        lambda stored: decode_overlay(stored, header.width, header.height),
        keep_going=keep_going,
    )


def read_section(
    container: Container, section: Section, parse: Callable[[bytes], T], *, keep_going: bool
) -> T | None:
    """What a section tells; None if it is not there, or where it is damaged, with a warning."""
    if section not in container.sections:
        return None
    stored = container.sections[section]
    try:
        if stored is None:
            raise DamagedError(f"the {section.title} is damaged")
        return parse(stored)
    except DamagedError as error:
        if not keep_going:
            raise DamagedError(f"{error}; keep_going does without") from error
        warnings.warn(f"{error}, and left out", LossWarning, stacklevel=4)
        return None
