"""Colours and samples of every kind of picture file."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.any_file import Case, Check, check
from tests.picture_files import HEIGHT, SRGB, WIDTH, colours, deep, greys, jpeg, png, png16, saved

P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
BT709 = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
GREY_RGB = Image.merge("RGB", [greys()] * 3)
TO_8 = {"to_8_bit": True}


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


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100000))


def chromaticities(*values: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(v * 100000) for v in values))


def transparent_at_origin(samples: np.ndarray) -> tuple[bytes, bytes]:
    return b"tRNS", samples[:1, :1].astype(">u2").tobytes()


def ycck_without_profile() -> bytes:
    return saved(colours().convert("CMYK"), "JPEG", quality=95)


def avif(**options: object) -> bytes:
    return saved(colours(), "AVIF", quality=90, **options)


def palette_with_alpha() -> Image.Image:
    image = Image.new("P", (WIDTH, HEIGHT), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((0, 0), 0)
    image.info["transparency"] = 0
    return image


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
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_file_is_read_as_it_should_be(case: Case) -> None:
    check(case)
