import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

import vlaecodec
import vlaecodec.pillow_plugin
from tests.conftest import photo
from tests.picture_files import SRGB

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


def test_a_draft_loads_a_thumbnail() -> None:
    pixels = photo(160, 240)
    data = vlaecodec.encode(pixels, 40)
    image = Image.open(io.BytesIO(data))
    mode, box = image.draft("RGB", (60, 40))
    assert (mode, box, image.size) == ("RGB", (0, 0, 60, 40), (60, 40))
    small = vlaecodec.decode_thumbnail(data, 60)
    np.testing.assert_array_equal(np.asarray(image), np.asarray(small))
    # Pillow's own thumbnail asks for a draft.
    image = Image.open(io.BytesIO(data))
    image.thumbnail((48, 48))
    assert image.size == (48, 32)
    near = Image.fromarray(pixels).resize((48, 32), Image.Resampling.BOX)
    assert np.abs(np.asarray(near).astype(int) - np.asarray(image)).mean() < 8
    image = Image.open(io.BytesIO(data))
    assert image.draft("RGB", (200, 100)) is None
    assert np.asarray(image).shape == pixels.shape


def test_verify_finds_damage_that_opening_does_not() -> None:
    data = vlaecodec.encode(photo(32, 48), 40)
    Image.open(io.BytesIO(data)).verify()
    broken = bytearray(data)
    broken[-30] ^= 1
    with pytest.raises(OSError, match="damaged"):
        Image.open(io.BytesIO(bytes(broken))).verify()


def test_save_can_aim_at_a_size() -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo(96, 128)).save(buffer, "VLAE", target_size=1500)
    assert 800 < buffer.tell() <= 1500


def test_what_a_file_says_is_a_table_in_notebooks() -> None:
    info = vlaecodec.read_info(vlaecodec.encode(photo(32, 48), 40))
    text = info._repr_html_()
    assert "<th>width</th><td>48</td>" in text
    assert text.count("<tr>") == text.count("</tr>") > 10
