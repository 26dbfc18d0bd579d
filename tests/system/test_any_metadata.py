"""Metadata of every kind of picture file: density, EXIF, XMP, and what is not kept."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from tests.any_file import Case, Check, check
from tests.picture_files import (
    HEIGHT,
    SRGB,
    WIDTH,
    XMP,
    colours,
    exif,
    iptc,
    jpeg,
    png,
    png_text,
    raw_profile,
    saved,
)

NO_EXIF = "the EXIF cannot be read: left out"


def thumbnail_is(there: bool) -> Check:
    def check(image: Image.Image) -> None:
        block = image.info["exif"]
        (second,) = struct.unpack_from("<I", block, 6 + 8 + 2 + 3 * 12)
        assert bool(second) == there
        assert (b"\xff\xd8\xff" in block) == there

    return check


def sizes_agree(image: Image.Image) -> None:
    found = Image.Exif()
    found.load(image.info["exif"])
    folder = found.get_ifd(0x8769)
    assert (folder[0xA002], folder[0xA003]) == image.size
    assert found[0x0112] == 1
    assert found[0x0110].strip("\0") == "A camera"


def with_mpf(*others: Image.Image) -> bytes:
    return saved(colours(), "MPO", save_all=True, append_images=list(others))


def avif(**options: object) -> bytes:
    return saved(colours(), "AVIF", quality=90, **options)


CASES = [
    # Density.
    Case("png-dpi", lambda: png(dpi=(300, 300)), info={"dpi": (299.999, 299.999)}),
    Case("png-dpi-unequal", lambda: png(dpi=(300, 150)), info={"dpi": (299.999, 150.012)}),
    Case(
        "png-aspect",
        lambda: png(None, (b"pHYs", struct.pack(">IIB", 2, 1, 0))),
        info={"aspect": (2, 1)},
    ),
    Case("png-aspect-square", lambda: png(None, (b"pHYs", struct.pack(">IIB", 1, 1, 0)))),
    Case("png-dpi-zero", lambda: png(None, (b"pHYs", struct.pack(">IIB", 0, 0, 1)))),
    Case("jpeg-dpi", lambda: jpeg(dpi=(240, 120)), info={"dpi": (240.0, 120.0)}),
    Case(
        "jpeg-dpcm",
        lambda: jpeg().replace(b"JFIF\0\1\1\0\0\1\0\1", b"JFIF\0\1\1\2\0\x64\0\x32"),
        info={"dpi": (254.0, 127.0)},
    ),
    Case(
        "jpeg-aspect",
        lambda: jpeg().replace(b"JFIF\0\1\1\0\0\1\0\1", b"JFIF\0\1\1\0\0\4\0\3"),
        info={"aspect": (4, 3)},
    ),
    Case(
        "jpeg-dpi-turned",
        lambda: jpeg(dpi=(240, 120), exif=exif(6)),
        size=(HEIGHT, WIDTH),
        exif=True,
        info={"dpi": (120.0, 240.0)},
    ),
    Case(
        "tiff-dpi", lambda: saved(colours(), "TIFF", dpi=(600, 300)), info={"dpi": (600.0, 300.0)}
    ),
    Case("bmp-dpi", lambda: saved(colours(), "BMP", dpi=(96, 96)), info={"dpi": (96.012, 96.012)}),
    # EXIF and XMP.
    Case("jpeg-exif", lambda: jpeg(exif=exif()), exif=True, check=sizes_agree),
    Case(
        "jpeg-exif-other-size",
        lambda: jpeg(exif=exif(size=(4000, 3000))),
        exif=True,
        check=sizes_agree,
    ),
    Case(
        "jpeg-exif-turned",
        lambda: jpeg(exif=exif(6)),
        size=(HEIGHT, WIDTH),
        exif=True,
        check=sizes_agree,
    ),
    Case(
        "jpeg-thumbnail",
        lambda: jpeg(exif=exif(thumbnail=True)),
        exif=True,
        check=thumbnail_is(True),
    ),
    Case(
        "jpeg-thumbnail-turned",
        lambda: jpeg(exif=exif(8, thumbnail=True)),
        size=(HEIGHT, WIDTH),
        exif=True,
        check=thumbnail_is(False),
    ),
    Case(
        "jpeg-exif-junk",
        lambda: jpeg(None, (0xE1, b"Exif\0\0" + bytes(range(60)))),
        warning=NO_EXIF,
    ),
    Case("png-exif", lambda: png(exif=exif()), exif=True, check=sizes_agree),
    Case(
        "png-exif-in-text",
        lambda: raw_profile("exif", exif(6)),
        size=(HEIGHT, WIDTH),
        exif=True,
        check=sizes_agree,
    ),
    Case(
        "png-exif-in-text-app1", lambda: raw_profile("APP1", exif()), exif=True, check=sizes_agree
    ),
    Case(
        "png-exif-in-text-junk",
        lambda: png_text(**{"Raw_profile_type_exif": "\nexif\n 9\nno digits"}),
        warning=NO_EXIF,
    ),
    Case("png-xmp-in-text", lambda: raw_profile("xmp", XMP), info={"xmp": XMP}),
    Case("png-iptc-in-text", lambda: raw_profile("iptc", b"8BIM"), warning="not kept: text (IPTC)"),
    Case("jpeg-xmp", lambda: jpeg(xmp=XMP), info={"xmp": XMP}),
    Case(
        "webp-all",
        lambda: saved(colours(), "WEBP", lossless=True, icc_profile=SRGB, exif=exif(), xmp=XMP),
        profile=SRGB,
        exif=True,
        info={"xmp": XMP},
    ),
    Case("avif-exif", lambda: avif(exif=exif(), xmp=XMP), exif=True, info={"xmp": XMP}),
    # What is not kept is named.
    Case("jpeg-comment", lambda: jpeg(comment=b"holidays"), warning="not kept: a comment"),
    Case("jpeg-iptc", lambda: jpeg(None, (0xED, iptc())), warning="not kept: IPTC"),
    Case(
        "jpeg-extended-xmp",
        lambda: jpeg(None, (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40))),
        warning="not kept: extended XMP",
    ),
    Case(
        "jpeg-three-things",
        lambda: jpeg(
            None, (0xED, iptc()), (0xE1, b"http://ns.adobe.com/xmp/extension/\0"), comment=b"x"
        ),
        warning="not kept: a comment, IPTC, extended XMP",
    ),
    Case(
        "jpeg-gain-map",
        lambda: jpeg(None, (0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(8))),
        warning="not kept: a gain map",
    ),
    Case(
        "jpeg-motion",
        lambda: jpeg(xmp=b'<x GCamera:MotionPhoto="1"/>') + b"\0\0\0\x18ftypmp42" + bytes(12),
        info={"xmp": b'<x GCamera:MotionPhoto="1"/>'},
        warning="not kept: a motion photo's video",
    ),
    Case(
        "png-text",
        lambda: png_text(Author="I", Software="Mine"),
        warning="not kept: text (Author, Software)",
    ),
    Case(
        "gif-comment",
        lambda: saved(colours(), "GIF", comment=b"hello"),
        warning="not kept: a comment",
    ),
    Case(
        "mpo-two",
        lambda: with_mpf(colours(1)),
        warning="not kept: a second picture (a gain map or a preview)",
    ),
    Case(
        "mpo-four",
        lambda: with_mpf(colours(1), colours(2), colours(3)),
        warning="not kept: 3 other pictures",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_file_is_read_as_it_should_be(case: Case) -> None:
    check(case)
