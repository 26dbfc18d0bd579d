"""What a file says about itself, from its header alone."""

from __future__ import annotations

from dataclasses import dataclass

from vlaecodec.container import VERSION, read_header
from vlaecodec.errors import ModelError
from vlaecodec.registry import find_fingerprint


@dataclass(frozen=True)
class FileInfo:
    """A file's header, and what follows from it."""

    width: int
    height: int
    quality: float
    tiles: int
    size_bytes: int
    rate_bpp: float
    format_version: int
    model_fingerprint: str
    model: str | None
    """The model's name, or None if it is not installed."""


def read_info(data: bytes) -> FileInfo:
    """Read a file's header. Raises DamagedError or UnsupportedError; decodes nothing."""
    header, sizes, _ = read_header(data, max_pixels=2**32)
    try:
        model = find_fingerprint(header.fingerprint).name
    except ModelError:
        model = None
    return FileInfo(
        width=header.width,
        height=header.height,
        quality=header.quality,
        tiles=len(sizes),
        size_bytes=len(data),
        rate_bpp=8 * len(data) / (header.width * header.height),
        format_version=VERSION,
        model_fingerprint=header.fingerprint.hex(),
        model=model,
    )
