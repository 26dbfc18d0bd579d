"""A kind of picture file that people have: what is read of it, and what is said of the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from tests.picture_files import HEIGHT, WIDTH
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


def check(case: Case) -> None:
    """Read the file, and compare all that comes of it."""
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
