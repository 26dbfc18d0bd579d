"""The alpha channel, kept exactly: as the smaller of a PNG and a lossless WebP inside the file."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, WebPImagePlugin

from vlaecodec.errors import DamagedError
from vlaecodec.picture.vp8l import fits_vp8l

Alpha = NDArray[np.uint8]
"""uint8 [H, W]; 255 is opaque."""

_PNG_HEAD = struct.Struct(">8s4x4sII5B")
_WEBP_HEAD = struct.Struct("<4s4x4s4s4xBI")
_GREY_PNG = (8, 0, 0, 0, 0)
"""Bit depth, colour type, compression, filter, interlace of a PNG that we take."""


_FINE_LEVELS = 4
_BAND_ROWS = 256
"""A multiple of 2**_FINE_LEVELS."""


def encode_alpha(alpha: Alpha) -> bytes:
    """The bytes of a PNG or WebP file."""
    image = Image.fromarray(alpha)
    kinds: list[tuple[str, dict[str, Any]]] = [("PNG", {"optimize": True})]
    if fits_vp8l(*alpha.shape, lightly=True):
        kinds.append(("WEBP", {"lossless": True, "quality": 100}))
    files = []
    for kind, options in kinds:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        files.append(buffer.getvalue())
    return min(files, key=len)


def decode_alpha(data: bytes, width: int, height: int) -> Alpha:
    """Undo encode_alpha. Raises DamagedError unless it holds one channel of this very size.

    The size is checked before anything is allocated.
    """
    if _size_of(data) != (width, height):
        raise DamagedError("the alpha channel is not of the picture's size")
    # Pillow's readers themselves, without the limit of Image.open: the size is known to be right.
    plugin = PngImagePlugin.PngImageFile
    reader = plugin if data.startswith(b"\x89PNG") else WebPImagePlugin.WebPImageFile
    try:
        with reader(io.BytesIO(data)) as image:
            # What the reader will allocate: it may have found another size further on.
            if image.size != (width, height) or image.mode not in ("L", "RGB", "RGBA"):
                raise DamagedError("the alpha channel is not of the picture's size")
            image.load()
            alpha = np.asarray(image if image.mode == "L" else image.getchannel("G"))
    except (DamagedError, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise whatever they meet
        raise DamagedError(f"the alpha channel cannot be read: {error}") from error
    if alpha.shape != (height, width) or alpha.dtype != np.uint8:
        raise DamagedError("the alpha channel is not of the picture's size")
    return alpha


def _size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height, from the first bytes; None if it is neither of the two formats."""
    if len(data) < _PNG_HEAD.size:
        return None
    magic, chunk, width, height, *kind = _PNG_HEAD.unpack_from(data)
    if (magic, chunk) == (b"\x89PNG\r\n\x1a\n", b"IHDR"):
        return (width, height) if tuple(kind) == _GREY_PNG else None
    riff, webp, chunk, signature, bits = _WEBP_HEAD.unpack_from(data)
    if (riff, webp, chunk, signature) == (b"RIFF", b"WEBP", b"VP8L", 0x2F):
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def fill_hidden(pixels: NDArray[np.uint8], alpha: Alpha) -> NDArray[np.uint8]:
    """Continue the colours smoothly where nothing of them shows, so that they cost few bits.

    pixels: uint8 [H, W, 3], which stay as they are. Averages of what shows, from ever larger
    blocks, fill what is hidden.
    """
    filled = pixels.copy()
    fill_hidden_in_place(filled, alpha)
    return filled


def fill_hidden_in_place(pixels: NDArray[np.uint8], alpha: Alpha) -> None:
    """`fill_hidden` without a copy.

    The finest levels are made band by band: whole, they would take 30 times the pixels.
    """
    if alpha.all():
        return
    if not alpha.any():
        pixels[:] = 0
        return
    rows = len(alpha)
    bands = [slice(top, top + _BAND_ROWS) for top in range(0, rows, _BAND_ROWS)]
    sums = [_levels(pixels[band], alpha[band])[-1] for band in bands]
    coarse = _smooth(
        np.concatenate([colour for colour, _ in sums]),
        np.concatenate([weight for _, weight in sums]),
    )
    block = 2**_FINE_LEVELS
    for band in bands:
        smooth = coarse[band.start // block : -(-min(band.stop, rows) // block)]
        for colour, weight in reversed(_levels(pixels[band], alpha[band])[:-1]):
            smooth = _finer(colour, weight, smooth)
        hidden = alpha[band] == 0
        pixels[band][hidden] = np.clip(np.round(smooth[hidden]), 0, 255)


def _levels(
    pixels: NDArray[np.uint8], alpha: Alpha
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """What shows, and 1 where something does: [H, W, 3] and [H, W, 1]; then sums of blocks."""
    weight = (alpha > 0).astype(np.float32)[..., None]
    levels = [(pixels * weight, weight)]
    for _ in range(_FINE_LEVELS):
        colour, weight = levels[-1]
        levels.append((_halve(colour), _halve(weight)))
    return levels


def _smooth(colour: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Averages of what shows, and where none does those of larger blocks."""
    levels = []
    while max(weight.shape) > 1 and not weight.all():
        levels.append((colour, weight))
        colour, weight = _halve(colour), _halve(weight)
    smooth = _divide(colour, weight)
    for colour, weight in reversed(levels):
        smooth = _finer(colour, weight, smooth)
    return smooth


def _finer(
    colour: NDArray[np.float32], weight: NDArray[np.float32], below: NDArray[np.float32]
) -> NDArray[np.float32]:
    """A level's averages, filled up from the level with blocks twice as large."""
    rows, columns, _ = weight.shape
    below = below.repeat(2, 0).repeat(2, 1)[:rows, :columns]
    known = np.minimum(weight, np.float32(1))
    mixed: NDArray[np.float32] = np.add(known * _divide(colour, weight), (1 - known) * below)
    return mixed


def _divide(colour: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    average: NDArray[np.float32] = np.divide(colour, np.maximum(weight, 1e-9))
    return average


def _halve(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums of 2 x 2, an odd side filled up with zeros."""
    x = np.pad(x, ((0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)))
    return x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]
