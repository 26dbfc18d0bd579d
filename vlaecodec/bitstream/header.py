"""The file header: bytes to fields and back, as FORMAT.md says."""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass, field
from enum import IntEnum

from vlaecodec.bitstream.cursor import VARINT_MAX, Cursor, write_varint
from vlaecodec.bitstream.pieces import checks_size
from vlaecodec.bitstream.tiles import tile_count
from vlaecodec.errors import DamagedError, ParameterError, UnsupportedError, VlaeError

MAGIC = b"\x8bVLA"
VERSION = 7

MAX_SIDE_PX = 65536
MAX_PIXELS = 100_000_000
"""Default limit on width x height; callers can raise it."""

QUALITY_UNIT = 256
"""Quality codes per unit of quality."""

QUALITY_CODE_MIN, QUALITY_CODE_MAX = 1 * QUALITY_UNIT, 100 * QUALITY_UNIT

WORD_BYTES = 4
FINGERPRINT_BYTES = 4

NO_FINGERPRINT = bytes(FINGERPRINT_BYTES)
"""The fingerprint in files that need no model."""

TEXTURE_UNIT = 128
"""Codes per unit of texture strength."""

SEED_MAX = 2**16 - 1
"""Seeds of the texture's noise are 0..SEED_MAX."""

MAX_ERROR = 15
"""The coarsest near-lossless coding, grey levels."""

_FIXED = struct.Struct(f"<4sBB{FINGERPRINT_BYTES}sHHHBH")
_MAX_ERROR = struct.Struct("<B")
_SECTION_SET = struct.Struct("<B")
_HEADER_CHECK = struct.Struct("<H")
CRC = struct.Struct("<I")
TILE_CHECK_BYTES = 2 * CRC.size
"""After each payload: the CRC-32 of the decoded pixels, then that of all bytes before it."""

HEAD_BYTES = 2**17
"""The longest possible header."""

METADATA_MAX_BYTES = 2**24
"""Limit for each of colour profile, EXIF and XMP, compressed or not."""

_HAS_PIXELS, _IS_GREY, _HAS_SECTIONS, _IS_WEBP = 0x01, 0x02, 0x04, 0x08
_IS_ROBUST, _AS_RGB, _WEBP_ALPHA = 0x10, 0x20, 0x40
_RESERVED_FLAGS = 0x80

COPY_END = struct.Struct("<II")
"""Follows the header's copy at the end of a robust file: its size, and the CRC-32 of both."""


class Section(IntEnum):
    """What a file can hold beside its picture; the numbers are bits of the header's set."""

    ALPHA = 0
    ICC_PROFILE = 1
    EXIF = 2
    XMP = 3
    DENSITY = 4
    OVERLAY = 5
    TEXTURE_MAP = 6

    @property
    def title(self) -> str:
        """Its name in messages."""
        return (
            "alpha channel",
            "ICC profile",
            "EXIF",
            "XMP",
            "pixel density",
            "overlay",
            "texture map",
        )[self]


SAMPLE_SECTIONS = (Section.ALPHA, Section.OVERLAY)
"""Sections that hold samples of the picture's size."""

LOSSY_SECTIONS = (Section.OVERLAY, Section.TEXTURE_MAP)
"""Sections of lossy pictures alone."""

METADATA_SECTIONS = (Section.ICC_PROFILE, Section.EXIF, Section.XMP, Section.DENSITY)


@dataclass(frozen=True)
class Header:
    """The fields of a file header."""

    width: int
    height: int
    quality_code: int
    fingerprint: bytes
    texture_code: int = 0
    """Recommended strength of the texture, in units of 1 / TEXTURE_UNIT."""
    seed: int = 0
    """Of the texture's noise."""
    max_error: int | None = None
    """Largest error of the stored pixels, grey levels; None: the file holds latents alone."""
    grey: bool = False
    """Whether the picture has one channel instead of three."""
    as_rgb: bool = False
    """Whether a grey picture decodes to three channels, as its original had."""
    webp: bool = False
    """Whether the picture is one lossless WebP, without latents; max_error tells how near it is."""
    webp_alpha: bool = False
    """Whether that WebP holds the alpha channel too."""
    robust: bool = False
    """Whether checks of the latents' pieces and a copy of the header end the file."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the decoded pixels: height, width, 3."""
        return self.height, self.width, 3

    @property
    def colours(self) -> int:
        """How many channels are coded: 1 or 3."""
        return 1 if self.grey else 3

    @property
    def quality(self) -> float:
        """Quality, 1..100."""
        return self.quality_code / QUALITY_UNIT

    @property
    def texture(self) -> float:
        """Recommended strength of the texture, 0..1."""
        return self.texture_code / TEXTURE_UNIT


@dataclass(frozen=True)
class Layout:
    """Where a file's parts are: the payload sizes, in bytes, of each tile's latents and pixels."""

    start: int
    """Where the first part begins."""
    latent_sizes: list[int]
    pixel_sizes: list[int]
    """Empty where the file has no pixel parts."""
    section_sizes: dict[Section, int] = field(default_factory=dict)
    webp_size: int | None = None
    """Of the WebP that is the picture; None where latents are."""
    copy_size: int = 0
    """Of the header's copy at the end, with what follows it; 0 where there is none."""

    @property
    def latents_start(self) -> int:
        """Where the latents, or the WebP, begin, behind the sections."""
        return self.start + sum(size + CRC.size for size in self.section_sizes.values())

    @property
    def latents_end(self) -> int:
        """How long a file is that is cut after its latents, or its WebP."""
        if self.webp_size is not None:
            return self.latents_start + self.webp_size + TILE_CHECK_BYTES
        tiles = len(self.latent_sizes)
        return self.latents_start + sum(self.latent_sizes) + tiles * TILE_CHECK_BYTES

    @property
    def pixels_end(self) -> int:
        """Where the last tile ends, and the checks of the latents' pieces may begin."""
        tiles = len(self.pixel_sizes)
        return self.latents_end + sum(self.pixel_sizes) + tiles * TILE_CHECK_BYTES

    @property
    def checks_sizes(self) -> list[int]:
        """How many bytes of checks there are for the pieces of each tile's latents."""
        return [checks_size(size) if self.copy_size else 0 for size in self.latent_sizes]

    @property
    def end(self) -> int:
        """How long the whole file is."""
        return self.pixels_end + sum(self.checks_sizes) + self.copy_size


def quality_to_code(quality: float) -> int:
    """The code that stands for a quality in 1..100. Raises ParameterError outside that range."""
    if not isinstance(quality, int | float) or not 1 <= quality <= 100:
        raise ParameterError(f"quality must be a number from 1 to 100, not {quality!r}")
    return round(quality * QUALITY_UNIT)


def texture_to_code(texture: float | str) -> int:
    """The code that stands for a strength in 0..1. Raises ParameterError outside that range."""
    if not isinstance(texture, int | float) or not 0 <= texture <= 1:
        raise ParameterError(f"texture must be a number from 0 to 1, not {texture!r}")
    return round(texture * TEXTURE_UNIT)


def check_seed(seed: int) -> int:
    """The seed itself. Raises ParameterError unless it is a whole number that a file can hold."""
    if not isinstance(seed, int) or not 0 <= seed <= SEED_MAX:
        raise ParameterError(f"seed must be a whole number from 0 to {SEED_MAX}, not {seed!r}")
    return seed


def check_max_error(max_error: int) -> int:
    """The largest error itself. Raises ParameterError outside 0..MAX_ERROR."""
    if not isinstance(max_error, int) or not 0 <= max_error <= MAX_ERROR:
        raise ParameterError(f"max_error must be a whole number from 0 to {MAX_ERROR}")
    return max_error


def write_header(header: Header, layout: Layout) -> bytes:
    """Serialise a header, and the sizes of the parts that follow it. layout.start is ignored.

    Raises ParameterError for a section that is too large.
    """
    for section, size in layout.section_sizes.items():
        _check_section_size(section, size, ParameterError)
    flags = _HAS_PIXELS * (header.max_error is not None) | _IS_GREY * header.grey
    flags |= _AS_RGB * header.as_rgb | _IS_WEBP * header.webp | _WEBP_ALPHA * header.webp_alpha
    flags |= _IS_ROBUST * header.robust
    head = _FIXED.pack(
        MAGIC,
        VERSION,
        flags | _HAS_SECTIONS * bool(layout.section_sizes),
        header.fingerprint,
        header.width - 1,
        header.height - 1,
        header.quality_code,
        header.texture_code,
        header.seed,
    )
    if header.max_error is not None:
        head += _MAX_ERROR.pack(header.max_error)
    if layout.section_sizes:
        head += bytes([sum(1 << section for section in layout.section_sizes)])
        head += b"".join(write_varint(size) for size in layout.section_sizes.values())
    if layout.webp_size is not None:
        head += write_varint(layout.webp_size)
    sizes = layout.latent_sizes + layout.pixel_sizes
    head += b"".join(write_varint(size // WORD_BYTES) for size in sizes)
    return head + _HEADER_CHECK.pack(binascii.crc_hqx(head, 0xFFFF))


def read_header(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[Header, Layout]:
    """Parse the header, and compute where the parts of the file lie.

    Raises DamagedError, or UnsupportedError for a version or feature that is not known here, or
    ParameterError if the picture has more than max_pixels.
    """
    cursor = Cursor(_check_start(data))
    _, _, flags, fingerprint, width, height, *codes = cursor.take(_FIXED)
    max_error = cursor.take(_MAX_ERROR)[0] if flags & _HAS_PIXELS else None
    section_set = cursor.take(_SECTION_SET)[0] if flags & _HAS_SECTIONS else 0
    section_sizes = {s: cursor.take_varint() for s in Section if section_set >> s & 1}
    webp_size = cursor.take_varint() if flags & _IS_WEBP else None
    tiles = 0 if flags & _IS_WEBP else tile_count(width + 1, height + 1)
    count = tiles if max_error is None else 2 * tiles
    sizes = [WORD_BYTES * cursor.take_varint() for _ in range(count)]
    crc = binascii.crc_hqx(cursor.before, 0xFFFF)
    if cursor.take(_HEADER_CHECK)[0] != crc:
        raise DamagedError("the header is damaged")
    _check_features(flags, section_set)
    quality_code, texture_code, seed = codes
    header = Header(
        width + 1,
        height + 1,
        quality_code,
        fingerprint,
        texture_code,
        seed,
        max_error,
        grey=bool(flags & _IS_GREY),
        as_rgb=bool(flags & _AS_RGB),
        webp=bool(flags & _IS_WEBP),
        webp_alpha=bool(flags & _WEBP_ALPHA),
        robust=bool(flags & _IS_ROBUST),
    )
    start = cursor.offset
    copy_size = start + COPY_END.size if header.robust else 0
    layout = Layout(start, sizes[:tiles], sizes[tiles:], section_sizes, webp_size, copy_size)
    _check_fields(header, layout, max_pixels)
    return header, layout


def _check_start(data: bytes) -> bytes:
    """The bytes of a file, if they begin like one of this format version."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ParameterError(f"expected the bytes of a file, not {type(data).__name__}")
    data = bytes(data)
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise DamagedError("not a .vlae file")
    # Other versions may have other headers, so the version is checked before anything else.
    if len(data) > len(MAGIC) and data[len(MAGIC)] != VERSION:
        version = data[len(MAGIC)]
        cure = "a newer vlaecodec" if version > VERSION else "the vlaecodec that wrote it"
        raise UnsupportedError(
            f"format version {version}; this vlaecodec reads version {VERSION}: use {cure}"
        )
    return data


def _check_features(flags: int, section_set: int) -> None:
    """Raise UnsupportedError for flags and sections that this version does not know."""
    odd = (flags & _AS_RGB and not flags & _IS_GREY) or (
        flags & _WEBP_ALPHA and not flags & _IS_WEBP
    )
    if flags & _RESERVED_FLAGS or odd or section_set >> len(Section):
        raise UnsupportedError(f"the file uses features not known here (flags {flags:#04x})")


def _check_fields(header: Header, layout: Layout, max_pixels: int) -> None:
    """Raise DamagedError for fields out of range, ParameterError for more than max_pixels."""
    if not QUALITY_CODE_MIN <= header.quality_code <= QUALITY_CODE_MAX:
        raise DamagedError("the quality is out of range")
    is_exact = header.max_error is not None or header.webp
    for section in LOSSY_SECTIONS:
        if section in layout.section_sizes and is_exact:
            raise DamagedError(f"an exact picture has no {section.title}")
    if header.texture_code > TEXTURE_UNIT or (header.max_error or 0) > MAX_ERROR:
        raise DamagedError("the texture's strength or the largest error is out of range")
    for section, size in layout.section_sizes.items():
        _check_section_size(section, size, DamagedError)
    width, height = header.width, header.height
    if width * height > max_pixels:
        raise ParameterError(
            f"the picture has {width} x {height} pixels, more than the limit of {max_pixels}"
        )


def _check_section_size(section: Section, size: int, error: type[VlaeError]) -> None:
    """What holds samples is bounded by the picture's size, when it is decoded."""
    limit = VARINT_MAX if section in SAMPLE_SECTIONS else METADATA_MAX_BYTES
    if size > limit:
        raise error(f"the {section.title} takes {size} bytes, more than the limit of {limit}")
