"""Alpha, grey, ICC, EXIF and XMP from one picture file to another by way of a .vlae file."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.commands import run
from tests.conftest import photo
from tests.picture_files import SRGB as PROFILE
from vlaecodec.bitstream.header import read_header

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>a packet</x:xmpmeta>"


def exif(orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    block[0x010F], block[0x0112] = "Someone", orientation
    block.get_ifd(0x8769)[0x829A] = 0.01
    return block


@pytest.fixture
def picture(tmp_path) -> Path:
    """A PNG with alpha, a profile, EXIF and XMP."""
    image = Image.fromarray(photo(40, 56))
    image.putalpha(Image.fromarray(photo(40, 56, seed=4)[..., 2]))
    chunks = PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    path = tmp_path / "in.png"
    image.save(path, icc_profile=PROFILE, exif=exif(), pnginfo=chunks)
    return path


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        image.getexif().get_ifd(0x8769)
        return image


def described(image: Image.Image) -> dict[object, object]:
    block = image.getexif()
    return {0x010F: block.get(0x010F)} | dict(block.get_ifd(0x8769))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_everything_comes_back(picture, tmp_path, suffix) -> None:
    file, back = tmp_path / "a.vlae", tmp_path / f"back{suffix}"
    assert run("encode", picture, file).exit_code == 0
    assert run("verify", file).exit_code == 0
    done = run("decode", file, back)
    assert done.exit_code == 0, done.output
    assert len(done.stderr.splitlines()) == 1
    before, after = opened(picture), opened(back)
    assert after.getchannel("A").tobytes() == before.getchannel("A").tobytes()
    assert after.info["icc_profile"] == PROFILE
    assert after.info["xmp"].rstrip(b"\0") == XMP
    assert described(after) == described(before)


def test_jpeg_gets_all_but_the_alpha(picture, tmp_path) -> None:
    file, back = tmp_path / "a.vlae", tmp_path / "back.jpg"
    run("encode", picture, file)
    done = run("decode", file, back)
    assert "flattened on white" in done.stderr
    after = opened(back)
    assert after.mode == "RGB"
    assert after.info["icc_profile"] == PROFILE
    assert after.info["xmp"] == XMP
    assert described(after) == described(opened(picture))


def test_formats_without_metadata_say_so(picture, tmp_path) -> None:
    file = tmp_path / "a.vlae"
    run("encode", picture, file)
    done = run("decode", file, tmp_path / "back.bmp")
    assert done.exit_code == 0
    assert "BMP does not hold the ICC profile and EXIF and XMP" in done.stderr
    done = run("decode", "--strip", file, tmp_path / "back.ppm")
    assert "EXIF" not in done.stderr


def test_strip_leaves_only_the_alpha(picture, tmp_path) -> None:
    file = tmp_path / "a.vlae"
    assert run("encode", "--strip", picture, file).exit_code == 0
    assert json.loads(run("info", "--json", file).stdout)["sections"].keys() == {"alpha"}
    run("encode", "-f", picture, file)
    assert run("decode", "--strip", file, tmp_path / "bare.png").exit_code == 0
    bare = opened(tmp_path / "bare.png")
    assert bare.mode == "RGBA"
    assert not {"icc_profile", "exif", "xmp"} & bare.info.keys()


def test_info_lists_what_is_there(picture, tmp_path) -> None:
    file = tmp_path / "a.vlae"
    run("encode", picture, file)
    text = run("info", file).stdout
    assert "56 x 40, colour with alpha" in text
    for name in ("alpha channel", "ICC profile", "EXIF", "XMP"):
        assert f"{name} " in text
    details = json.loads(run("info", "--json", file).stdout)
    assert details["mode"] == "RGBA"
    assert list(details["sections"]) == ["alpha", "icc_profile", "exif", "xmp"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path, orientation) -> None:
    path, file, back = (tmp_path / name for name in ("in.tif", "a.vlae", "back.png"))
    pixels = photo(20, 32)
    Image.fromarray(pixels).save(tmp_path / "in.png", exif=exif(orientation))
    path = tmp_path / "in.png"
    run("encode", "--lossless", path, file)
    assert run("decode", file, back).exit_code == 0
    from PIL import ImageOps

    after = opened(back)
    assert after.tobytes() == ImageOps.exif_transpose(opened(path)).tobytes()
    assert after.getexif()[0x0112] == 1
    assert after.getexif()[0x010F] == "Someone"


def test_a_tiffs_own_tags_become_exif(tmp_path) -> None:
    path, file, back = (tmp_path / name for name in ("in.tif", "a.vlae", "back.jpg"))
    Image.fromarray(photo(20, 32)).save(path, tiffinfo={0x010F: "Someone", 0x0131: "Something"})
    assert run("encode", path, file).exit_code == 0
    assert run("decode", file, back).exit_code == 0
    assert opened(back).getexif()[0x010F] == "Someone"
    assert 0x0111 not in opened(back).getexif()


@pytest.mark.parametrize("options", [[], ["--lossless"], ["--max-error", 2]])
def test_grey_stays_grey(tmp_path, options) -> None:
    path, file, back = (tmp_path / name for name in ("in.png", "a.vlae", "back.png"))
    grey = photo(40, 56)[..., 1]
    Image.fromarray(grey).save(path)
    assert run("encode", *options, path, file).exit_code == 0
    assert read_header(file.read_bytes())[0].grey
    assert run("verify", file).exit_code == 0
    assert run("decode", file, back).exit_code == 0
    assert opened(back).mode == "L"
    if "--lossless" in options:
        assert np.array_equal(np.asarray(opened(back)), grey)


def test_sixteen_bits_are_refused_or_rounded(tmp_path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(photo(8, 9)[..., 0].astype(np.uint16) * 257).save(path)
    refused = run("encode", path)
    assert refused.exit_code == 3
    assert "deep.png: samples of more than 8 bits" in refused.stderr
    assert "--to-8-bit" in refused.stderr
    assert run("encode", "--to-8-bit", "--lossless", path).exit_code == 0
    assert run("decode", tmp_path / "deep.vlae", tmp_path / "back.png").exit_code == 0
    assert np.array_equal(np.asarray(opened(tmp_path / "back.png")), photo(8, 9)[..., 0])


def test_damaged_sections_can_be_done_without(picture, tmp_path) -> None:
    file, back = tmp_path / "a.vlae", tmp_path / "back.png"
    run("encode", picture, file)
    data = bytearray(file.read_bytes())
    data[read_header(bytes(data))[1].latents_start - 3] ^= 1
    file.write_bytes(data)
    refused = run("decode", file, back)
    assert refused.exit_code == 4
    assert "a.vlae: the XMP is damaged; --keep-going" in refused.stderr
    done = run("decode", "--keep-going", file, back)
    assert done.exit_code == 0
    assert "warning: the XMP is damaged, and left out" in done.stderr
    assert opened(back).info["icc_profile"] == PROFILE
    assert "xmp" not in opened(back).info


def test_large_pictures_have_a_limit(tmp_path) -> None:
    path = tmp_path / "in.png"
    Image.fromarray(photo(20, 30)).save(path)
    refused = run("encode", path, "--max-pixels", 599)
    assert refused.exit_code == 3
    assert "limit" in refused.stderr
    assert run("encode", path, "--max-pixels", 600).exit_code == 0


def test_an_empty_profile_is_no_profile() -> None:
    from vlaecodec.picture.image import to_picture

    image = Image.open(io.BytesIO(encoded_png()))
    image.info["icc_profile"] = b""
    assert to_picture(image).metadata.icc_profile is None


def encoded_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo(4, 5)).save(buffer, "PNG")
    return buffer.getvalue()
