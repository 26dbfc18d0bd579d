"""The .vlae container: bytes to parts and back, as FORMAT.md says. Knows nothing of networks."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from vlaecodec.bitstream.header import (
    CRC,
    MAX_PIXELS,
    MAX_SIDE_PX,
    TILE_CHECK_BYTES,
    Header,
    Layout,
    Section,
    read_header,
    write_header,
)
from vlaecodec.bitstream.header_copy import restore_header, write_copy
from vlaecodec.bitstream.pieces import intact_end, write_checks
from vlaecodec.errors import DamagedError, LossWarning, UnsupportedError


@dataclass(frozen=True)
class Tile:
    """One tile's entropy-coded latents, or pixels, and the checksum of what they decode to.

    The CRC-32 is that of the mean image, or of the exact pixels.
    """

    payload: bytes
    pixel_crc: int


@dataclass(frozen=True)
class Container:
    """A whole file. A tile is None where its payload did not match its checksum."""

    header: Header
    latents: list[Tile | None]
    pixels: list[Tile | None]
    """Empty where the file has no pixel parts."""
    sections: dict[Section, bytes | None] = field(default_factory=dict)
    """As stored; None where the bytes did not match their checksum."""
    webp: Tile | None = None
    """Of a file that is one lossless WebP: its bytes, and the CRC-32 of its samples."""
    ends: dict[int, bytes] = field(default_factory=dict)
    """Of damaged tiles of a robust file: what is intact of the latents' payload, up to its end."""


def write_container(
    header: Header,
    latents: list[Tile],
    pixels: list[Tile] | None = None,
    sections: dict[Section, bytes] | None = None,
    webp: Tile | None = None,
) -> bytes:
    """Serialise a file. Payloads are whole 32-bit words; `pixels` goes with header.max_error.

    webp: instead of latents and pixels, goes with header.webp; its payload is bytes.
    Raises ParameterError for a section that is too large.
    """
    stored = dict(sorted((sections or {}).items()))
    pixels = pixels or []
    layout = Layout(
        start=0,
        latent_sizes=[len(tile.payload) for tile in latents],
        pixel_sizes=[len(tile.payload) for tile in pixels],
        section_sizes={section: len(body) for section, body in stored.items()},
        webp_size=None if webp is None else len(webp.payload),
    )
    head = write_header(header, layout)
    parts = [head]
    for body in stored.values():
        parts += [body, CRC.pack(zlib.crc32(body))]
    for tile in ([] if webp is None else [webp]) + latents + pixels:
        body = tile.payload + CRC.pack(tile.pixel_crc)
        parts += [body, CRC.pack(zlib.crc32(body))]
    if header.robust:
        parts += [write_checks(tile.payload for tile in latents), write_copy(head)]
    return b"".join(parts)


def make_robust(data: bytes) -> bytes:
    """A whole file with checks of its latents' pieces, and its header once more at the end."""
    header, layout = read_header(data, MAX_SIDE_PX**2)
    head = write_header(replace(header, robust=True), layout)
    checks = write_checks(_cut_latents(data, layout))
    return head + data[layout.start : layout.pixels_end] + checks + write_copy(head)


def read_sections(data: bytes, layout: Layout) -> dict[Section, bytes | None]:
    """The sections as stored; None for those that are damaged or cut off."""
    sections: dict[Section, bytes | None] = {}
    offset = layout.start
    for section, size in layout.section_sizes.items():
        body = data[offset : offset + size]
        check = data[offset + size : offset + size + CRC.size]
        offset += size + CRC.size
        intact = len(check) == CRC.size and CRC.unpack(check)[0] == zlib.crc32(body)
        sections[section] = body if intact else None
    return sections


def read_container(
    data: bytes, max_pixels: int = MAX_PIXELS, *, keep_going: bool = False
) -> Container:
    """Parse a whole file; data: bytes, bytearray or memoryview, else a ParameterError.

    Damage to a tile's latents or to a section raises DamagedError, or with `keep_going` leaves
    that tile or section None.
    Damage to a tile's pixels, which refine the lossy picture, always leaves it None. Where the
    header is damaged, `keep_going` takes its copy at the end, with a LossWarning.
    """
    try:
        header, layout = read_header(data, max_pixels)
    except (DamagedError, UnsupportedError) as error:
        restored = restore_header(bytes(data))
        if restored is None or restored == data:
            raise
        if not keep_going:
            raise DamagedError(
                "the header is damaged; --keep-going (keep_going=True) takes its copy at the end"
            ) from error
        warnings.warn("the header is damaged: its copy is taken", LossWarning, stacklevel=3)
        return read_container(restored, max_pixels, keep_going=True)
    data = bytes(data)
    sections = read_sections(data, layout)
    if layout.webp_size is not None:
        return _read_webp(data, header, layout, sections, keep_going=keep_going)
    latents = list(_read_tiles(data, layout.latents_start, layout.latent_sizes))
    problem = next((p for _, p in latents if p), None)
    if lost := [s.title for s, body in sections.items() if body is None]:
        # Where tiles are lost too, they matter more.
        problem = problem or f"the {' and the '.join(lost)} is damaged; keep_going does without"
    if layout.end < len(data):
        problem = problem or f"{len(data) - layout.end} bytes follow the last tile"
    if problem and not keep_going:
        raise DamagedError(problem)
    pixels = _read_tiles(data, layout.latents_end, layout.pixel_sizes)
    tiles = [t for t, _ in latents]
    ends = _read_ends(data, layout, tiles) if header.robust else {}
    return Container(header, tiles, [t for t, _ in pixels], sections, ends=ends)


def _read_webp(
    data: bytes,
    header: Header,
    layout: Layout,
    sections: dict[Section, bytes | None],
    *,
    keep_going: bool,
) -> Container:
    """A file that is one WebP: where that is damaged, nothing is left of the picture."""
    ((webp, problem),) = _read_tiles(data, layout.latents_start, [layout.webp_size or 0])
    if problem is not None:
        raise DamagedError("the picture is damaged or cut off")
    if not keep_going:
        lost = next((s.title for s, body in sections.items() if body is None), None)
        if lost is not None:
            raise DamagedError(f"the {lost} is damaged; keep_going does without")
        if layout.end < len(data):
            raise DamagedError(f"{len(data) - layout.end} bytes follow the picture")
    return Container(header, [], [], sections, webp)


def _read_ends(data: bytes, layout: Layout, tiles: list[Tile | None]) -> dict[int, bytes]:
    """What is intact of the damaged tiles."""
    if None not in tiles or len(data) < layout.end:
        return {}
    ends, offset = {}, layout.pixels_end
    sizes = layout.checks_sizes
    for index, (payload, size) in enumerate(zip(_cut_latents(data, layout), sizes, strict=True)):
        if tiles[index] is None:
            ends[index] = intact_end(payload, data[offset : offset + size])
        offset += size
    return ends


def _cut_latents(data: bytes, layout: Layout) -> Iterator[bytes]:
    """Every tile's payload as it is, intact or not."""
    offset = layout.latents_start
    for size in layout.latent_sizes:
        yield data[offset : offset + size]
        offset += size + TILE_CHECK_BYTES


def _read_tiles(
    data: bytes, offset: int, sizes: list[int]
) -> Iterator[tuple[Tile, None] | tuple[None, str]]:
    """Each tile, or what is wrong with it."""
    for index, size in enumerate(sizes):
        body = data[offset : offset + size + CRC.size]
        check = data[offset + len(body) : offset + size + TILE_CHECK_BYTES]
        offset += size + TILE_CHECK_BYTES
        if len(check) < CRC.size:
            yield None, f"tile {index + 1} of {len(sizes)} is cut off"
        elif CRC.unpack(check)[0] != zlib.crc32(body):
            yield None, f"tile {index + 1} of {len(sizes)} is damaged"
        else:
            yield Tile(body[:size], CRC.unpack(body[size:])[0]), None
