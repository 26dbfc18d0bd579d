"""Whether a picture file has samples of more than eight bits that Pillow cuts without a word."""

from __future__ import annotations

import re
from typing import Any

from PIL import Image, ImageFile

_SIXTEEN_BITS = re.compile(r"(?!BGR).*;16[A-Z]*")
"""Pillow's raw modes, but for BGR;16: that is a whole pixel in 16 bits."""

_CODESTREAM = b"\xff\x4f\xff\x51"
"""How a JPEG 2000 codestream begins: SOC and SIZ. Its components follow (ISO 15444-1, A.5.1)."""

_COMPONENT_COUNT = 40
_AV1_HIGH_BIT_DEPTH = 0x40
"""In the third byte of AVIF's av1C box (AV1 in ISOBMFF, 2.3.3)."""


def is_cut(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Whether loading would leave only eight bits of more, in a mode that does not show it.

    image: opened from `data`, not yet loaded.
    """
    if image.mode.startswith("I"):
        return False
    if image.format == "JPEG2000":
        return _jpeg2000_bits(data) > 8
    if image.format == "AVIF":
        box = data.find(b"av1C")
        flags = int.from_bytes(data[box + 6 : box + 7], "big") if box >= 0 else 0
        return bool(flags & _AV1_HIGH_BIT_DEPTH)
    return any(_is_deep_tile(tile.codec_name, tile.args) for tile in image.tile)


def mode_of_cut(image: ImageFile.ImageFile) -> str | None:
    """The mode of the file's own channels cut to eight bits, where Pillow gives others; else None.

    image: opened, not yet loaded.
    """
    return "LA" if any("LA;16B" in _tile_arguments(tile) for tile in image.tile) else None


def restore_mode(image: Image.Image, mode: str | None) -> Image.Image:
    """The image in the mode that mode_of_cut named, its transparent colour cut to eight bits."""
    if mode is not None and image.mode != mode:
        info = image.info
        restored = image.convert(mode)
        restored.info, restored.format = info, image.format
        return restored
    hidden = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(hidden, tuple) and max(hidden) > 255:
        image.info["transparency"] = tuple(sample >> 8 for sample in hidden)
    return image


def _tile_arguments(tile: Any) -> tuple[Any, ...]:
    return tile.args if isinstance(tile.args, tuple) else (tile.args,)


def _is_deep_tile(codec: str, arguments: Any) -> bool:
    parts = arguments if isinstance(arguments, tuple) else (arguments,)
    if codec in ("ppm", "ppm_plain"):
        # The largest sample; bitmaps tell none.
        return len(parts) > 1 and bool(parts[1] > 255)
    return codec == "SGI16" or bool(parts and _SIXTEEN_BITS.fullmatch(str(parts[0])))


def _jpeg2000_bits(data: bytes) -> int:
    """Of the deepest component."""
    siz = data.find(_CODESTREAM)
    if siz < 0:
        return 0
    first = siz + _COMPONENT_COUNT + 2
    count = int.from_bytes(data[first - 2 : first], "big")
    return max(((depth & 0x7F) + 1 for depth in data[first : first + 3 * count : 3]), default=0)
