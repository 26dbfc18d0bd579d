"""Every kind of picture file that people have: what is read of it, and what is said of the rest."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.picture_files import (
    HEIGHT,
    SRGB,
    WIDTH,
    XMP,
    animation_of,
    colours,
    deep,
    exif,
    greys,
    iptc,
    jpeg,
    png,
    png16,
    png_text,
    raw_profile,
    saved,
    tiff_pages,
)
from vlaecodec.errors import ImageError
from vlaecodec.picture.icc import read_space
from vlaecodec.picture.image import read_image, to_image, to_picture

Check = Callable[[Image.Image], object]


@dataclass
class Case:
    """A file, and what comes of it."""

    name: str
    data: Callable[[], bytes]
    mode: str = "RGB"
    size: tuple[int, int] = (WIDTH, HEIGHT)
    warning: str | None = None
    """The whole of it; None: there is none."""
    error: str | None = None
    """A part of it; None: there is none."""
    options: dict[str, Any] | None = None
    check: Check = lambda _: None
    profile: bytes | str | None = None
    """The profile itself, or "RGB " or "GRAY" for one that was made; None: there is none."""
    exif: bool = False
    info: dict[str, Any] | None = None
    """What else comes along."""


def linear_to_srgb(image: Image.Image) -> object:
    """Half the light, stored linearly, is 188 of sRGB."""
    grey = Image.new("RGB", (1, 1), (128, 128, 128))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    srgb = ImageCms.createProfile("sRGB")
    shown = ImageCms.profileToProfile(grey, profile, srgb, outputMode="RGB")
    assert np.allclose(shown.getpixel((0, 0)), 188, atol=1)
    return True


def is_p3(image: Image.Image) -> object:
    """Display P3's red is beyond sRGB's: what is (234, 51, 35) there is full red here."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    srgb = ImageCms.createProfile("sRGB")
    red = Image.new("RGB", (1, 1), (255, 0, 0))
    back = ImageCms.profileToProfile(red, srgb, profile, outputMode="RGB")
    assert np.allclose(back.getpixel((0, 0)), (234, 51, 35), atol=6)
    return True


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


def neutral(image: Image.Image) -> None:
    samples = np.asarray(image.convert("RGB"))
    assert (samples == samples[..., :1]).all()


def high_bytes(source: np.ndarray) -> Check:
    """Eight bits of sixteen, by the nearest or by the high byte."""

    def check(image: Image.Image) -> None:
        off = np.abs(np.asarray(image).astype(float) - source / 257)
        assert off.max() <= 1

    return check


def alpha_at(place: tuple[int, int], value: int) -> Check:
    def check(image: Image.Image) -> None:
        assert image.getchannel("A").getpixel(place) == value

    return check


def pixel(place: tuple[int, int], colour: object) -> Check:
    def check(image: Image.Image) -> None:
        assert image.getpixel(place) == colour

    return check


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100000))


def chromaticities(*values: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(v * 100000) for v in values))


P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
BT709 = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
NO_EXIF = "the EXIF cannot be read: left out"
BIG = (WIDTH * 5, HEIGHT * 5)


def transparent_at_origin(samples: np.ndarray) -> tuple[bytes, bytes]:
    return b"tRNS", samples[:1, :1].astype(">u2").tobytes()


def with_mpf(*others: Image.Image) -> bytes:
    return saved(colours(), "MPO", save_all=True, append_images=list(others))


def without_end(*, progressive: bool, part: float = 1.0) -> bytes:
    data = saved(colours().resize(BIG), "JPEG", quality=90, progressive=progressive)
    start = data.rindex(b"\xff\xda")
    return data[: start + 12 + round((len(data) - 2 - start - 12) * part)]


def without_last_scan() -> bytes:
    data = saved(colours().resize(BIG), "JPEG", quality=90, progressive=True)
    return data[: data.rindex(b"\xff\xda")]


def animation(kind: str) -> bytes:
    return animation_of((10, 120, 250), kind)


def ycck_without_profile() -> bytes:
    return saved(colours().convert("CMYK"), "JPEG", quality=95)


def avif(**options: object) -> bytes:
    return saved(colours(), "AVIF", quality=90, **options)


def heif_of(image: Image.Image, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, **options)
    return buffer.getvalue()


def palette_with_alpha() -> Image.Image:
    image = Image.new("P", (WIDTH, HEIGHT), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((0, 0), 0)
    image.info["transparency"] = 0
    return image


GREY_RGB = Image.merge("RGB", [greys()] * 3)
TO_8 = {"to_8_bit": True}
CASES = [
    # Colour without a profile.
    Case("png-plain", png),
    Case("png-gamma-linear", lambda: png(None, gamma(1.0)), profile="RGB ", check=linear_to_srgb),
    Case("png-gamma-srgb", lambda: png(None, gamma(0.45455))),
    Case("png-gamma-and-srgb", lambda: png(None, (b"sRGB", b"\0"), gamma(1.0))),
    Case(
        "png-chrm-p3",
        lambda: png(None, gamma(0.45455), chromaticities(*P3)),
        profile="RGB ",
        check=is_p3,
    ),
    Case("png-chrm-p3-alone", lambda: png(None, chromaticities(*P3)), profile="RGB ", check=is_p3),
    Case("png-chrm-of-srgb", lambda: png(None, gamma(0.45455), chromaticities(*BT709))),
    Case("png-grey-gamma-linear", lambda: png(greys(), gamma(1.0)), mode="L", profile="GRAY"),
    Case("png-grey-chrm-p3", lambda: png(greys(), gamma(0.45455), chromaticities(*P3)), mode="L"),
    Case(
        "png-gamma-nonsense",
        lambda: png(None, gamma(0.0001)),
        warning="gAMA or cHRM mean nothing (the gamma is out of range): taken as sRGB",
    ),
    Case(
        "png-chrm-nonsense",
        lambda: png(None, chromaticities(*[0.0] * 8)),
        warning="gAMA or cHRM mean nothing (a chromaticity is out of range): taken as sRGB",
    ),
    Case("png-cicp-srgb", lambda: png(None, (b"cICP", bytes([1, 13, 0, 1])))),
    Case(
        "png-cicp-p3",
        lambda: png(None, (b"cICP", bytes([12, 13, 0, 1]))),
        profile="RGB ",
        check=is_p3,
    ),
    Case("png-cicp-pq", lambda: png(None, (b"cICP", bytes([9, 16, 0, 1]))), profile="RGB "),
    Case("png-cicp-hlg", lambda: png(None, (b"cICP", bytes([9, 18, 0, 1]))), profile="RGB "),
    Case(
        "png-cicp-linear-grey",
        lambda: png(greys(), (b"cICP", bytes([1, 8, 0, 1]))),
        mode="L",
        profile="GRAY",
    ),
    Case(
        "png-cicp-unknown",
        lambda: png(None, (b"cICP", bytes([10, 17, 0, 1]))),
        warning="colours of kind 10/17 (cICP) are not known: taken as sRGB",
    ),
    Case("avif-plain", avif),
    # Profiles.
    Case("png-profile", lambda: png(icc_profile=SRGB), profile=SRGB),
    Case(
        "png-profile-before-gamma", lambda: saved(colours(), "PNG", icc_profile=SRGB), profile=SRGB
    ),
    Case("jpeg-profile", lambda: jpeg(icc_profile=SRGB), profile=SRGB),
    Case("avif-profile", lambda: avif(icc_profile=SRGB), profile=SRGB),
    Case(
        "grey-with-rgb-profile",
        lambda: png(greys(), icc_profile=SRGB),
        mode="L",
        warning="the ICC profile is for RGB pictures: left out",
    ),
    Case(
        "profile-that-is-none",
        lambda: jpeg(icc_profile=bytes(range(200))),
        warning="the ICC profile is none: left out",
    ),
    Case(
        "profile-of-another-space",
        lambda: png(icc_profile=SRGB.replace(b"RGB XYZ", b"CMYKXYZ")),
        warning="the ICC profile is for CMYK pictures: left out",
    ),
    Case("cmyk-without-profile", ycck_without_profile),
    # Grey and flat.
    Case("png-grey", lambda: png(greys()), mode="L", check=neutral),
    Case("png-grey-as-rgb", lambda: png(GREY_RGB), check=neutral),
    Case(
        "png-grey-as-rgb-profile",
        lambda: png(GREY_RGB, icc_profile=SRGB),
        profile=SRGB,
        check=neutral,
    ),
    Case("png-one-bit", lambda: png(greys().convert("1")), mode="L"),
    Case("png-palette", lambda: png(colours().convert("P"))),
    Case(
        "png-palette-alpha",
        lambda: png(palette_with_alpha()),
        mode="RGBA",
        check=alpha_at((0, 0), 0),
    ),
    Case("png-grey-alpha", lambda: png(greys().convert("LA")), mode="L"),
    Case("gif", lambda: saved(colours(), "GIF")),
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
    # Frames and pages.
    Case("gif-animation", lambda: animation("GIF"), error="choose one by its frame"),
    Case(
        "gif-frame",
        lambda: animation("GIF"),
        options={"frame": 2},
        size=(8, 8),
        check=pixel((0, 0), (120, 0, 0)),
        warning="not kept: 2 other frames",
    ),
    Case(
        "apng-frame",
        lambda: animation("PNG"),
        options={"frame": 3},
        size=(8, 8),
        check=pixel((0, 0), (250, 0, 0)),
        warning="not kept: 2 other frames",
    ),
    Case(
        "webp-frame",
        lambda: animation("WEBP"),
        options={"frame": 1},
        size=(8, 8),
        check=pixel((0, 0), (10, 0, 0)),
        warning="not kept: 2 other frames",
    ),
    Case("frame-of-one", png, options={"frame": 1}),
    Case(
        "no-such-frame",
        lambda: animation("GIF"),
        options={"frame": 4},
        error="there is no frame 4: the file has 3",
    ),
    Case(
        "tiff-thumbnail-page",
        lambda: tiff_pages(colours(), colours().resize((12, 8)), reduced=True),
        warning="not kept: another page",
    ),
    Case(
        "tiff-pages",
        lambda: tiff_pages(colours(), colours(1), reduced=False),
        error="several pages",
    ),
    Case(
        "tiff-page-two",
        lambda: tiff_pages(colours(), greys().resize((12, 8)), reduced=False),
        options={"frame": 2},
        mode="L",
        size=(12, 8),
        warning="not kept: another page",
    ),
    # Broken off.
    Case(
        "jpeg-without-end",
        lambda: without_end(progressive=False),
        size=BIG,
        warning="the JPEG lacks its end; all samples are there",
    ),
    Case(
        "progressive-without-end",
        lambda: without_end(progressive=True),
        size=BIG,
        warning="the JPEG lacks its end; all samples are there",
    ),
    Case("jpeg-half", lambda: without_end(progressive=False, part=0.5), error="accept_truncated"),
    Case(
        "jpeg-nearly-whole",
        lambda: without_end(progressive=False, part=0.97),
        error="accept_truncated",
    ),
    Case(
        "progressive-half",
        lambda: without_end(progressive=True, part=0.5),
        error="accept_truncated",
    ),
    Case("progressive-scan-missing", without_last_scan, error="accept_truncated"),
    Case(
        "jpeg-half-accepted",
        lambda: without_end(progressive=False, part=0.5),
        size=BIG,
        options={"accept_truncated": True},
        warning="the file breaks off: what is missing is grey or black",
    ),
    Case("png-half", lambda: png(colours().resize(BIG))[:9000], error="accept_truncated"),
    Case(
        "png-half-accepted",
        lambda: png(colours().resize(BIG))[:9000],
        size=BIG,
        options={"accept_truncated": True},
        warning="the file breaks off: what is missing is grey or black",
    ),
    # Sixteen bits.
    Case("png16-refused", lambda: png16(deep(3), 2), error="to_8_bit"),
    Case("png16", lambda: png16(deep(3), 2), options=TO_8, check=high_bytes(deep(3))),
    Case(
        "png16-grey", lambda: png16(deep(1), 0), mode="L", options=TO_8, check=high_bytes(deep(1))
    ),
    Case(
        "png16-grey-alpha",
        lambda: png16(deep(2), 4),
        mode="LA",
        options=TO_8,
        check=high_bytes(deep(2)),
    ),
    Case(
        "png16-alpha",
        lambda: png16(deep(4), 6),
        mode="RGBA",
        options=TO_8,
        check=high_bytes(deep(4)),
    ),
    Case(
        "png16-grey-one-transparent",
        lambda: png16(deep(1), 0, transparent_at_origin(deep(1))),
        mode="LA",
        options=TO_8,
        check=alpha_at((0, 0), 0),
    ),
    Case(
        "png16-one-transparent",
        lambda: png16(deep(3), 2, transparent_at_origin(deep(3))),
        mode="RGBA",
        options=TO_8,
        check=alpha_at((0, 0), 0),
    ),
    # HEIF.
    Case("heic", lambda: heif_of(colours())),
    Case(
        "heic-exif-profile",
        lambda: heif_of(colours().rotate(0), exif=exif(), icc_profile=SRGB),
        exif=True,
        profile=SRGB,
    ),
    Case(
        "heic-damaged",
        lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(range(90)),
        error="a HEIC picture that cannot be read",
    ),
    Case(
        "not-a-picture",
        lambda: b"#!/bin/sh\necho hello\n",
        error="not an image in a format that can be read here",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_file_is_read_as_it_should_be(case: Case) -> None:
    data, options = case.data(), case.options or {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if case.error is not None:
            with pytest.raises(ImageError) as refused:
                to_picture(read_image(data, **options))
            assert case.error in str(refused.value)
            assert "\n" not in str(refused.value)
            return
        exact = {"exact": True} if "A" in case.mode else {}
        opened = read_image(data, **options)
        picture = to_picture(opened, to_8_bit=bool(options.get("to_8_bit")), **exact)
    assert [str(w.message) for w in caught] == ([case.warning] if case.warning else [])
    image = to_image(picture)
    assert (image.mode, image.size) == (case.mode, case.size)
    case.check(image)
    found = dict(image.info)
    profile = found.pop("icc_profile", None)
    if case.profile in ("RGB ", "GRAY"):
        assert read_space(profile) == case.profile
    else:
        assert profile == case.profile
    assert (found.pop("exif", None) is not None) == case.exif
    assert found == (case.info or {})
