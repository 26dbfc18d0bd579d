"""What decoded pictures keep in the formats of others: pixel density, and metadata that fits."""

from __future__ import annotations

import io
import warnings

import pytest
from PIL import Image

from tests.picture_files import SRGB, colours, exif
from vlaecodec.errors import DamagedError, LossWarning
from vlaecodec.picture.density import Density
from vlaecodec.picture.saving import save_image


def saved_and_opened(image: Image.Image, kind: str) -> Image.Image:
    buffer = io.BytesIO()
    save_image(image, buffer, kind)
    opened = Image.open(io.BytesIO(buffer.getvalue()))
    opened.load()
    return opened


def with_info(**info: object) -> Image.Image:
    image = colours()
    image.info.update(info)
    return image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("dpi", [(300.0, 300.0), (240.0, 120.0), (72.0, 72.0)])
def test_density_survives(kind, dpi) -> None:
    found = saved_and_opened(with_info(dpi=dpi), kind).info["dpi"]
    assert found == pytest.approx(dpi, abs=0.02)


def test_oblong_pixels_survive() -> None:
    image = with_info(aspect=(2, 1))
    assert saved_and_opened(image, "PNG").info["aspect"] == (2, 1)
    found = saved_and_opened(image, "JPEG").info
    assert (found["jfif_unit"], found["jfif_density"]) == (0, (2, 1))
    assert saved_and_opened(image, "TIFF").tag_v2[296] == 1


def test_no_density_is_made_up() -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        assert "dpi" not in saved_and_opened(colours(), kind).info


@pytest.mark.parametrize(
    ("info", "title"),
    [
        ({"exif": exif() + bytes(70_000)}, "EXIF"),
        ({"xmp": b"<x>" + b"a" * 70_000 + b"</x>"}, "XMP"),
    ],
)
def test_what_has_no_room_in_a_jpeg_is_left_out(info, title) -> None:
    with pytest.warns(LossWarning, match=f"JPEG has no room for {title}: left out"):
        opened = saved_and_opened(with_info(icc_profile=SRGB, **info), "JPEG")
    assert opened.info["icc_profile"] == SRGB
    with warnings.catch_warnings():
        warnings.simplefilter("error", LossWarning)
        saved_and_opened(with_info(**info), "PNG")


def test_exif_that_a_tiff_cannot_hold_is_left_out() -> None:
    """Files of older versions may have such."""
    with pytest.warns(LossWarning, match="TIFF has no room for EXIF: left out"):
        saved_and_opened(with_info(exif=b"Exif\0\0" + bytes(range(60))), "TIFF")


@pytest.mark.parametrize("density", [Density(1, 2**32 - 1, True), Density(3, 4, False)])
def test_densities_are_stored_and_read(density) -> None:
    assert Density.unpack(density.pack()) == density
    assert density.turned() == Density(density.y, density.x, density.metric)


@pytest.mark.parametrize("stored", [b"", bytes(9), b"\2" + bytes(8), b"\1\1\0\0\0\1\0\0\0\0"])
def test_densities_that_are_none_are_damage(stored) -> None:
    with pytest.raises(DamagedError):
        Density.unpack(stored)
