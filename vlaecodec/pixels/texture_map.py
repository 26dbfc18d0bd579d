"""How strong texture is where: a small map that goes with a picture.

The latents of sand and of a wall can be alike, and so can their draws be. The encoder sees the
photo, and says of each block how much larger or smaller its draws are to be shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.container import Container
from vlaecodec.bitstream.header import Section
from vlaecodec.errors import DamagedError
from vlaecodec.picture.sections import read_section
from vlaecodec.pixels.grain import WEIGHT_UNITS, Weights

LEVELS = (0, 8, 11, 16, 22, 32, 45, 64)
"""How large draws can be, in 1 / LEVEL_UNITS."""

LEVEL_UNITS = 16

SMALL_BLOCK_PX, LARGE_BLOCK_PX = 64, 128

LARGE_PICTURE_PX = 2**22
"""Pictures of more pixels have large blocks."""

_LEVEL_BITS = 3


def block_side_px(height: int, width: int) -> int:
    """Of a block of a picture's map."""
    return LARGE_BLOCK_PX if height * width > LARGE_PICTURE_PX else SMALL_BLOCK_PX


@dataclass(frozen=True, eq=False)
class TextureMap:
    """Of a picture of height x width pixels."""

    levels: NDArray[np.uint8]
    """Indices of LEVELS, one for each block, from the top left: [rows, columns]."""
    height: int
    width: int

    @classmethod
    def filled(cls, level: int, height: int, width: int) -> TextureMap:
        """The same level everywhere."""
        side = block_side_px(height, width)
        shape = (-(-height // side), -(-width // side))
        return cls(np.full(shape, level, np.uint8), height, width)

    def to_bytes(self) -> bytes:
        """Three bits a block, in rows from the top, from the lowest bit of each byte."""
        bits = np.unpackbits(self.levels.ravel()[:, None], 1, _LEVEL_BITS, "little")
        return np.packbits(bits.ravel(), bitorder="little").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, height: int, width: int) -> TextureMap:
        """The inverse of to_bytes. Raises DamagedError unless it is of a picture of this size."""
        empty = cls.filled(0, height, width)
        if len(data) != len(empty.to_bytes()):
            raise DamagedError("the texture map is not of the picture's size")
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        count = _LEVEL_BITS * empty.levels.size
        if bits[count:].any():
            raise DamagedError("the texture map does not end where it should")
        parts = bits[:count].reshape(*empty.levels.shape, _LEVEL_BITS)
        return cls(np.packbits(parts, -1, "little")[..., 0], height, width)

    def weights_at(self, top: int, left: int, rows: int, columns: int) -> Weights:
        """A window's weights, int32 [rows, columns], in WEIGHT_UNITS, rounded half up.

        Linear between the middles of blocks; beyond the outermost as there.
        """
        side = block_side_px(self.height, self.width)
        values = np.array(LEVELS, np.int32)[self.levels]
        for axis, (start, count) in enumerate(((top, rows), (left, columns))):
            # In half pixels: the middle of a pixel from the middle of the first block.
            places = 2 * np.arange(start, start + count, dtype=np.int32) + 1 - side
            below, part = places // (2 * side), places % (2 * side)
            last = values.shape[axis] - 1
            one, other = (values.take(np.clip(below + n, 0, last), axis) for n in (0, 1))
            part = part[:, None] if axis == 0 else part
            values = one * (2 * side - part) + other * part
        unit = LEVEL_UNITS * (2 * side) ** 2 // WEIGHT_UNITS
        return (values + unit // 2) // unit


def read_map(container: Container, *, keep_going: bool) -> TextureMap | None:
    """A file's map; None if it has none, or with `keep_going` where it is damaged.

    Raises DamagedError.
    """
    header = container.header
    return read_section(
        container,
        Section.TEXTURE_MAP,
        lambda stored: TextureMap.from_bytes(stored, header.height, header.width),
        keep_going=keep_going,
    )
