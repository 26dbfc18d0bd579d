"""Files of several pictures, files that break off, and HEIF."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.any_file import Case, Check, check
from tests.picture_files import (
    HEIGHT,
    SRGB,
    WIDTH,
    animation_of,
    colours,
    exif,
    greys,
    png,
    saved,
    tiff_pages,
)

BIG = (WIDTH * 5, HEIGHT * 5)


def pixel(place: tuple[int, int], colour: object) -> Check:
    def check(image: Image.Image) -> None:
        assert image.getpixel(place) == colour

    return check


def without_end(*, progressive: bool, part: float = 1.0) -> bytes:
    data = saved(colours().resize(BIG), "JPEG", quality=90, progressive=progressive)
    start = data.rindex(b"\xff\xda")
    return data[: start + 12 + round((len(data) - 2 - start - 12) * part)]


def without_last_scan() -> bytes:
    data = saved(colours().resize(BIG), "JPEG", quality=90, progressive=True)
    return data[: data.rindex(b"\xff\xda")]


def animation(kind: str) -> bytes:
    return animation_of((10, 120, 250), kind)


def heif_of(image: Image.Image, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, **options)
    return buffer.getvalue()


CASES = [
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
    check(case)
