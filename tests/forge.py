"""Files that are wrong on purpose, with checksums that hold."""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable

import numpy as np

from vlaecodec.bitstream.container import Tile, read_container, write_container
from vlaecodec.bitstream.header import Section, read_header


def forge_header(data: bytes, offset: int, value: bytes) -> bytes:
    """Replace header bytes and make the header check fit again."""
    start = read_header(data)[1].start
    head = data[:offset] + value + data[offset + len(value) : start - 2]
    return head + struct.pack("<H", binascii.crc_hqx(head, 0xFFFF)) + data[start:]


def forge_tiles(data: bytes, change: Callable[[Tile], Tile]) -> bytes:
    """Replace every tile; all checksums of the container fit again."""
    container = read_container(data)
    parts = (
        [change(t) for t in tiles if t is not None]
        for tiles in (container.latents, container.pixels)
    )
    webp = None if container.webp is None else change(container.webp)
    return write_container(container.header, *parts, container.sections, webp)


def forge_section(data: bytes, section: Section, stored: bytes) -> bytes:
    """Replace what a section holds; all checksums of the container fit again."""
    container = read_container(data)
    sections = container.sections | {section: stored}
    parts = container.latents, container.pixels, sections, container.webp
    return write_container(container.header, *parts)


def forge_pixel_crc(data: bytes) -> bytes:
    """What a machine that computes differently would find in a file."""
    return forge_tiles(data, lambda tile: Tile(tile.payload, tile.pixel_crc ^ 1))


def forge_words(data: bytes, change: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """Replace the entropy-coded words of every tile."""

    def changed(tile: Tile) -> Tile:
        words = change(np.frombuffer(tile.payload, "<u4").copy())
        return Tile(words.astype("<u4").tobytes(), tile.pixel_crc)

    return forge_tiles(data, changed)
