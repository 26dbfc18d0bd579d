import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms, UnidentifiedImageError

import vlaecodec
import vlaecodec.pillow_plugin
from tests.conftest import photo

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

PIXELS = photo(40, 64)


def test_save_and_open(tmp_path) -> None:
    path = tmp_path / "photo.vlae"
    Image.fromarray(PIXELS).save(path, quality=30)
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("VLAE", "RGB", (64, 40))
        assert image.info["quality"] == 30
        assert image.get_format_mimetype() == "image/x-vlae"
        expected = vlaecodec.decode(path.read_bytes())
        assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_quality_changes_the_size() -> None:
    sizes = []
    for quality in (10, 90):
        buffer = io.BytesIO()
        Image.fromarray(PIXELS).save(buffer, "VLAE", quality=quality)
        sizes.append(len(buffer.getvalue()))
    assert sizes[0] < sizes[1]


def test_damage_is_an_error_pillow_programs_expect() -> None:
    data = bytearray(vlaecodec.encode(PIXELS))
    data[-20] ^= 1
    with Image.open(io.BytesIO(bytes(data))) as image, pytest.raises(OSError, match="damaged"):
        image.load()
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(bytes(data[:12])))


def test_metadata_and_alpha_are_kept(tmp_path) -> None:
    path = tmp_path / "photo.vlae"
    image = Image.fromarray(PIXELS)
    image.putalpha(Image.fromarray(PIXELS[..., 0]))
    exif = Image.Exif()
    exif[0x010F] = "Someone"
    image.info["icc_profile"] = SRGB
    image.save(path, exif=exif, xmp=b"<xmp/>")
    with Image.open(path) as opened:
        # Before any pixel is decoded:
        assert opened.mode == "RGBA"
        assert opened.info["icc_profile"] == SRGB
        assert opened.info["xmp"] == b"<xmp/>"
        assert opened.getexif()[0x010F] == "Someone"
        assert opened.getchannel("A").tobytes() == image.getchannel("A").tobytes()
        opened.save(tmp_path / "again.vlae", icc_profile=None, xmp=b"<other/>")
    with Image.open(tmp_path / "again.vlae") as again:
        assert "icc_profile" not in again.info
        assert again.info["xmp"] == b"<other/>"
        assert again.getexif()[0x010F] == "Someone"
        again.save(tmp_path / "bare.vlae", strip=True)
    assert vlaecodec.read_info((tmp_path / "bare.vlae").read_bytes()).sections.keys() == {"alpha"}


def test_grey_opens_as_grey(tmp_path) -> None:
    path = tmp_path / "grey.vlae"
    Image.fromarray(PIXELS[..., 0]).save(path, lossless=True)
    with Image.open(path) as image:
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), PIXELS[..., 0])


def test_opening_is_lazy(tmp_path) -> None:
    path = tmp_path / "photo.vlae"
    path.write_bytes(vlaecodec.encode(PIXELS))
    code = (
        "import sys, vlaecodec.pillow_plugin; from PIL import Image;"
        "image = Image.open(sys.argv[1]); assert image.size == (64, 40);"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(path)], check=True)


def test_save_passes_on_every_option_of_encode(tmp_path) -> None:
    path = tmp_path / "photo.vlae"
    Image.fromarray(PIXELS).save(path, target_size=2000, tune="looks", roi=(0, 0, 32, 32))
    assert path.stat().st_size <= 2000
    with pytest.raises(OSError, match="one target"):
        Image.fromarray(PIXELS).save(path, target_size=2000, target_psnr=30)
