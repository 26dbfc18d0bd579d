"""What a file holds beside its picture: alpha channel, colour profile, EXIF, XMP."""

from __future__ import annotations

import warnings

from vlaecodec.bitstream.container import Container
from vlaecodec.bitstream.header import Section
from vlaecodec.errors import DamagedError, LossWarning
from vlaecodec.picture.alpha import Alpha, decode_alpha, encode_alpha
from vlaecodec.picture.image import Picture
from vlaecodec.picture.metadata import Metadata, read_metadata, write_metadata


def write_sections(picture: Picture, *, strip: bool) -> dict[Section, bytes]:
    """What a file holds beside the picture."""
    sections = {} if strip else write_metadata(picture.metadata)
    if picture.alpha is not None:
        sections[Section.ALPHA] = encode_alpha(picture.alpha)
    return sections


def read_sections(container: Container, *, keep_going: bool) -> tuple[Alpha | None, Metadata]:
    """The alpha channel and what else there is; left out, with a warning, where it is damaged."""
    header, alpha, metadata = container.header, None, Metadata()
    for section, stored in container.sections.items():
        try:
            if stored is None:
                raise DamagedError(f"the {section.title} is damaged")
            if section == Section.ALPHA:
                alpha = decode_alpha(stored, header.width, header.height)
            else:
                metadata = metadata.joined(read_metadata(section, stored))
        except DamagedError as error:
            if not keep_going:
                raise DamagedError(f"{error}; keep_going does without") from error
            warnings.warn(f"{error}, and left out", LossWarning, stacklevel=3)
    return alpha, metadata
