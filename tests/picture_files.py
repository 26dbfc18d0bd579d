"""Picture files as programs and cameras write them, made in code: for tests of what is read."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.conftest import photo

_NEW_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# A profile holds the second it was made in: every test process would have files of its own.
SRGB = _NEW_SRGB[:24] + bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]) + _NEW_SRGB[36:]
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>a packet</x:xmpmeta>"
WIDTH, HEIGHT = 48, 32


def colours(seed: int = 0) -> Image.Image:
    """Mode RGB, nothing like a drawing."""
    return Image.fromarray(photo(HEIGHT, WIDTH, seed))


def greys() -> Image.Image:
    return colours().convert("L")


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(image: Image.Image | None = None, *chunks: tuple[bytes, bytes], **options: object) -> bytes:
    """With chunks before its samples."""
    data = saved(image or colours(), "PNG", **options)
    return data[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + data[33:]


def png_text(**texts: str) -> bytes:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key.replace("_", " "), text)
    return saved(colours(), "PNG", pnginfo=info)


def raw_profile(kind: str, value: bytes) -> bytes:
    """As ImageMagick writes it."""
    digits = value.hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    info = PngInfo()
    info.add_text(f"Raw profile type {kind}", f"\n{kind}\n{len(value):8}\n{lines}\n", zip=True)
    return saved(colours(), "PNG", pnginfo=info)


def png16(samples: NDArray[np.uint16], colour_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """samples: [H, W] or [H, W, channels], colour_type: 0, 2, 4 or 6."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def deep(channels: int) -> NDArray[np.uint16]:
    """Samples of 16 bits that are not those of 8 bits twice."""
    rng = np.random.default_rng(5)
    return rng.integers(0, 65536, (HEIGHT, WIDTH, channels)).astype(np.uint16).squeeze()


def jpeg(
    image: Image.Image | None = None, *segments: tuple[int, bytes], **options: object
) -> bytes:
    """With segments behind its first one."""
    data = saved(image or colours(), "JPEG", quality=95, **options)
    first = 4 + struct.unpack_from(">H", data, 4)[0]
    added = b"".join(struct.pack(">BBH", 0xFF, m, len(b) + 2) + b for m, b in segments)
    return data[:first] + added + data[first:]


def exif(
    orientation: int = 1, *, thumbnail: bool = False, size: tuple[int, int] | None = None
) -> bytes:
    """A little-endian block: camera, orientation, sizes, and a thumbnail at its end."""
    width, height = size or (WIDTH, HEIGHT)
    camera = b"A camera\0\0"
    first = 8 + 2 + 12 * 3 + 4
    folder = first + len(camera)
    second = folder + 2 + 12 * 2 + 4
    small = saved(colours().resize((16, 12)), "JPEG") if thumbnail else b""
    image_at = second + 2 + 12 * 2 + 4
    block = b"II*\0" + struct.pack("<IH", 8, 3)
    block += struct.pack("<HHII", 0x0110, 2, len(camera), first)
    block += struct.pack("<HHIHxx", 0x0112, 3, 1, orientation)
    block += struct.pack("<HHII", 0x8769, 4, 1, folder)
    block += struct.pack("<I", second if thumbnail else 0) + camera
    block += struct.pack("<H", 2)
    block += struct.pack("<HHII", 0xA002, 4, 1, width)
    block += struct.pack("<HHIHxx", 0xA003, 3, 1, height)
    block += struct.pack("<I", 0)
    if thumbnail:
        block += struct.pack("<H", 2)
        block += struct.pack("<HHII", 0x0201, 4, 1, image_at)
        block += struct.pack("<HHII", 0x0202, 4, 1, len(small))
        block += struct.pack("<I", 0) + small
    return b"Exif\0\0" + block


def iptc(caption: bytes = b"A caption") -> bytes:
    """Body of an APP13 segment."""
    record = b"\x1c\x02x" + struct.pack(">H", len(caption)) + caption
    record += bytes(len(record) % 2)
    return b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record


def tiff_pages(*pages: Image.Image, reduced: bool) -> bytes:
    """reduced: whether the pages behind the first say that they are smaller copies."""
    info = {254: 1} if reduced else {}
    for page in pages[1:]:
        page.encoderinfo = {"tiffinfo": info}
    return saved(pages[0], "TIFF", save_all=True, append_images=list(pages[1:]))


def animation_of(reds: tuple[int, ...], kind: str = "GIF") -> bytes:
    """A frame of 8 x 8 pixels for each red."""
    frames = [Image.new("RGB", (8, 8), (red, 0, 0)) for red in reds]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
