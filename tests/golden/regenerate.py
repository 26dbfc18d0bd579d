"""Write the golden files anew: only when the format or the shipped model changes on purpose.

python -m tests.golden.regenerate
"""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageDraw

import vlaecodec
from tests.conftest import photo
from tests.exactness import digests_of
from tests.forge import forge_header, forge_pixel_crc, forge_section, forge_words
from vlaecodec.bitstream.header import VERSION, Section, read_header
from vlaecodec.bitstream.tiles import TILE_PX
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.model.frozen import load_model
from vlaecodec.model.registry import find_model
from vlaecodec.picture.alpha import encode_alpha
from vlaecodec.picture.icc import Primaries, make_profile
from vlaecodec.pixels import lossless
from vlaecodec.pixels.correction import CLASSES, Correction, corrected_grids
from vlaecodec.pixels.passes import Passes

HERE = Path(__file__).parent
DECODE, ERRORS = HERE / "decode", HERE / "errors"
FORMAT = HERE.parents[1] / "FORMAT.md"
EXAMPLE_BEGIN = "<!-- example: written by tests/golden/regenerate.py -->\n"
EXAMPLE_END = "<!-- end of example -->"


SMALL_MODEL, COLOUR_MODEL = "mnist-dynamic", "cifar10"


def draw_digit() -> Image.Image:
    """A nine, white on black, 28 x 28 pixels."""
    image = Image.new("L", (28, 28))
    pen = ImageDraw.Draw(image)
    pen.ellipse((9, 4, 18, 13), outline=255, width=2)
    pen.line((18, 9, 15, 23), fill=255, width=2)
    return image


def main() -> None:
    """Encode a few pictures and break a few files."""
    for folder in (DECODE, ERRORS):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
    crop = np.asarray(Image.open(HERE / "photo.png"))
    wild = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    files = {
        "photo-q10": vlaecodec.encode(crop, 10, texture="auto", only_nets=True),
        "photo-q50": vlaecodec.encode(crop, 50, only_nets=True),
        "photo-q87.5": vlaecodec.encode(crop, 87.5, only_nets=True),
        "tuned-for-psnr": vlaecodec.encode(crop[:72, :88], 30, tune="psnr", only_nets=True),
        "robust": vlaecodec.encode(crop, 90, robust=True, only_nets=True),
        "pixel": vlaecodec.encode(crop[:1, :1], 50, only_nets=True),
        "odd": vlaecodec.encode(crop[:31, :17], 90, only_nets=True),
        "two-tiles": vlaecodec.encode(photo(48, TILE_PX + 80), 20, texture=0.5, only_nets=True),
        "lossless": vlaecodec.encode(crop[:72, :88], lossless=True, only_nets=True),
        "lossless-noise": vlaecodec.encode(wild, 5, lossless=True, only_nets=True),
        "lossless-two-tiles": vlaecodec.encode(
            photo(24, TILE_PX + 40), lossless=True, only_nets=True
        ),
        "lossless-corrected": with_corrections(crop[:40, :56]),
        "near-lossless-1": vlaecodec.encode(crop[:40, :56], max_error=1, only_nets=True),
        "near-lossless-15": vlaecodec.encode(crop[:40, :56], max_error=15, only_nets=True),
        "texture-map": vlaecodec.encode(crop[:72, :88], 15, texture="auto", only_nets=True),
        "texture-map-grey": vlaecodec.encode(crop[:40, :80, 1], 15, texture="auto", only_nets=True),
        "grey": vlaecodec.encode(crop[:40, :56, 1], 30, only_nets=True),
        "grey-lossless": vlaecodec.encode(crop[:40, :56, 1], lossless=True, only_nets=True),
        "grey-near-lossless-2": vlaecodec.encode(crop[:40, :56, 1], max_error=2, only_nets=True),
        "everything-webp-alpha": vlaecodec.encode(
            with_everything(crop[:40, :56]), 30, only_nets=True
        ),
        "everything-png-alpha": with_png_alpha(with_everything(crop[:8, :9])),
        "stored": vlaecodec.encode(draw_boxes()),
        "stored-alpha": vlaecodec.encode(with_everything(draw_boxes()), lossless=True),
        "grey-as-rgb": vlaecodec.encode(
            np.repeat(crop[:40, :56, 1:2], 3, axis=2), 30, only_nets=True
        ),
        "mixed": vlaecodec.encode(draw_page(crop[:48, :64]), 40),
        "mixed-texture": vlaecodec.encode(draw_page(crop[:48, :64]), 10, texture=0.5),
        "digit": vlaecodec.encode(draw_digit(), 60, model=SMALL_MODEL),
        "colour": vlaecodec.encode(crop[:32, :32], 75, model=COLOUR_MODEL, texture=1.0),
        "colour-lossless": vlaecodec.encode(crop[:32, :32], model=COLOUR_MODEL, lossless=True),
        "digit-lossless": vlaecodec.encode(draw_digit(), model=SMALL_MODEL, lossless=True),
    }
    digests = {}
    for name, data in files.items():
        (DECODE / f"{name}.vlae").write_bytes(data)
        digests |= digests_of(f"{name}.vlae", data)
    (DECODE / "digests.json").write_text(json.dumps(digests, indent=1) + "\n")

    good, whole = files["photo-q10"], files["everything-webp-alpha"]
    sections = read_header(whole)[1].start
    other_alpha = encode_alpha(np.zeros((4, 4), np.uint8))
    broken = {
        "empty.4": b"",
        "not-a-file.4": b"This is not a picture.",
        "magic-only.4": good[:4],
        "cut-header.4": good[:15],
        "cut-payload.4": good[:-40],
        "cut-last-byte.4": good[:-1],
        "one-byte-more.4": good + b"\0",
        "payload-bit.4": good[:60] + bytes([good[60] ^ 4]) + good[61:],
        "header-bit.4": good[:10] + bytes([good[10] ^ 1]) + good[11:],
        "newer-version.5": good[:4] + b"\x63" + good[5:],
        "older-version.5": good[:4] + b"\x02" + good[5:],
        "reserved-flag.5": forge_header(good, 5, bytes([good[5] | 0x80])),
        "reserved-section.5": forge_header(whole, 19, b"\x8f"),
        "section-bit.4": whole[:sections] + bytes([whole[sections] ^ 1]) + whole[sections + 1 :],
        "cut-in-sections.4": whole[: sections + 20],
        "section-not-deflated.4": forge_section(whole, Section.XMP, b"not deflated"),
        "section-too-large.4": forge_section(whole, Section.XMP, zlib.compress(bytes(2**24 + 1))),
        "alpha-of-another-size.4": forge_section(whole, Section.ALPHA, other_alpha),
        "alpha-that-is-none.4": forge_section(whole, Section.ALPHA, b"\x89PNG" + bytes(40)),
        "texture-too-strong.4": forge_header(good, 16, b"\x81"),
        "max-error-too-large.4": forge_header(files["near-lossless-1"], 19, b"\x10"),
        "wrong-max-error.7": forge_header(files["near-lossless-1"], 19, b"\x02"),
        "cut-in-latents.4": files["lossless"][:60],
        "unknown-model.5": forge_header(good, 6, b"\0\0\0\0"),
        "quality-zero.4": forge_header(good, 14, b"\0\0"),
        "other-pixels.7": forge_pixel_crc(good),
        "zero-last-word.7": forge_words(good, lambda words: np.append(words, np.uint32(0))),
        "extra-word.7": forge_words(good, lambda words: np.append(words, np.uint32(9))),
        "word-missing.7": forge_words(good, lambda words: words[1:]),
    }
    for name, data in broken.items():
        (ERRORS / f"{name}.vlae").write_bytes(data)
    FORMAT.write_text(insert_example(FORMAT.read_text()))


def draw_boxes() -> np.ndarray:
    """Flat colours, uint8 [40, 56, 3]: smaller as a lossless WebP."""
    pixels = np.full((40, 56, 3), (240, 241, 250), np.uint8)
    pixels[8:30, 10:40] = (20, 90, 200)
    pixels[::6, 4:-4] = (30, 30, 30)
    return pixels


def draw_page(picture: np.ndarray) -> np.ndarray:
    """A photo below bars and lines, uint8 [88, 104, 3]."""
    pixels = np.full((88, 104, 3), (250, 250, 245), np.uint8)
    pixels[6:14, 4:-4:3] = (20, 20, 60)
    pixels[20:24, 8:-30] = (200, 40, 40)
    height, width = picture.shape[:2]
    pixels[33 : 33 + height, 21 : 21 + width] = picture
    return pixels


def with_corrections(pixels: np.ndarray) -> bytes:
    """A lossless file with corrections of its distributions, for which it is too small itself."""

    def choose(_model: object, _values: object, passes: Passes, *_: object) -> dict[int, Any]:
        found: dict[int, Any] = {}
        for number in corrected_grids(len(passes.grids)):
            width = 3 * (passes.linear_inputs(number) + 4)
            rows = np.random.default_rng(number).integers(-9, 10, (CLASSES, width), dtype=np.int32)
            is_second = number == len(passes.grids) - 2
            found[number] = None if is_second else Correction.from_rows(rows)
        return found

    with patch.object(lossless, "fit_all", choose):
        return vlaecodec.encode(pixels, lossless=True, only_nets=True)


def with_everything(pixels: np.ndarray) -> Image.Image:
    """A picture with an alpha channel, a colour profile, EXIF and XMP."""
    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels)
    distance = np.hypot(*(np.indices((height, width)) - np.array([[[height / 2]], [[width / 2]]])))
    image.putalpha(Image.fromarray(np.clip(distance * 14, 0, 255).astype(np.uint8)))
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Someone", "A camera"
    wide = Primaries((0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
    profile = make_profile("wide", wide, 2.2)
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>"
    image.info |= {"icc_profile": profile, "exif": exif.tobytes(), "xmp": xmp}
    return image


def with_png_alpha(image: Image.Image) -> bytes:
    """A lossless file whose alpha channel is a PNG, which a WebP mostly beats."""
    buffer = io.BytesIO()
    image.getchannel("A").save(buffer, "PNG")
    return forge_section(
        vlaecodec.encode(image, lossless=True, only_nets=True), Section.ALPHA, buffer.getvalue()
    )


def format_example() -> str:
    """The worked example of FORMAT.md: the bytes of a one-pixel picture, and its first symbol."""
    data = (DECODE / "pixel.vlae").read_bytes()
    header, layout = read_header(data)
    (size,), start = layout.latent_sizes, layout.start
    pieces = [
        (4, "magic"),
        (1, f"version {VERSION}"),
        (1, "flags"),
        (4, "model"),
        (2, f"width - 1: {header.width} pixel"),
        (2, f"height - 1: {header.height} pixel"),
        (2, f"quality: {header.quality_code} / 256 = {header.quality:g}"),
        (1, f"texture: {header.texture_code} / 128"),
        (2, f"seed: {header.seed}"),
        (start - 21, f"payload: {size // 4} words"),
        (2, "header check"),
        (size, "payload"),
        (4, "CRC-32 of the three bytes of the mean image"),
        (4, "CRC-32 of the payload and the pixel's CRC"),
    ]
    lines, offset = [], 0
    for count, meaning in pieces:
        lines.append(f"    {offset:3}  {data[offset : offset + count].hex(' '):47}  {meaning}")
        offset += count
    words = [int(w) for w in np.frombuffer(data[start : start + size], "<u4")]
    state = words[-1] << 32 | words[-2]
    rest = state % 2**24
    sums = np.cumsum(load_model(find_model()).tables["flag"].table(0)).tolist()
    flag = int(rest >= sums[0])
    mode = "deterministic" if flag else "bits-back"
    pixel = ", ".join(str(s) for s in decode_pixels(data, texture=0)[0, 0])
    return "\n".join(
        [
            f"A picture of one pixel, `tests/golden/decode/pixel.vlae`, {len(data)} bytes:",
            "",
            *lines,
            "",
            f"The state begins as {state:#018x}. The flag's table is {sums[0]},",
            f"{sums[1] - sums[0]}; r = {rest} gives entry {flag}: {mode}.",
            f"After all pops the state is 0; the mean image is R, G, B = {pixel}.",
            "",
        ]
    )


def insert_example(text: str) -> str:
    """FORMAT.md with a fresh example."""
    before, rest = text.split(EXAMPLE_BEGIN)
    return before + EXAMPLE_BEGIN + format_example() + EXAMPLE_END + rest.split(EXAMPLE_END)[1]


if __name__ == "__main__":
    main()
