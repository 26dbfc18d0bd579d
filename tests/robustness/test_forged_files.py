"""Small files, with checksums that hold, that ask for far more than they are."""

import io
import struct
import warnings
import zlib

import pytest
from PIL import Image, PngImagePlugin

import vlaecodec
from tests.conftest import photo
from tests.forge import forge_section
from vlaecodec.bitstream.header import MAX_PIXELS, Header, Layout, Section, write_header
from vlaecodec.bitstream.tiles import tile_count
from vlaecodec.codec import photo as photo_codec
from vlaecodec.codec.decode import verify
from vlaecodec.errors import DamagedError, ImageError, LossWarning, ParameterError
from vlaecodec.model.registry import find_model
from vlaecodec.picture.image import read_image


def chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def png_with_two_sizes(first: tuple[int, int], second: tuple[int, int]) -> bytes:
    """Pillow believes the second IHDR chunk."""
    heads = [chunk(b"IHDR", struct.pack(">II5B", *size, 8, 0, 0, 0, 0)) for size in (first, second)]
    body = chunk(b"IDAT", zlib.compress(bytes(2**16)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(heads) + body + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def with_alpha() -> bytes:
    image = Image.fromarray(photo(24, 40))
    image.putalpha(Image.fromarray(photo(24, 40, seed=3)[..., 0]))
    return vlaecodec.encode(image, 10)


def test_an_alpha_channel_of_another_size_is_refused_before_it_is_loaded(
    with_alpha, monkeypatch
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("30000 x 30000 samples would be allocated")

    forged = forge_section(with_alpha, Section.ALPHA, png_with_two_sizes((40, 24), (30000, 30000)))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    with pytest.raises(DamagedError, match="picture's size"):
        vlaecodec.decode(forged)


@pytest.mark.parametrize("options", [{}, {"region": (0, 0, 8, 8)}])
def test_no_network_runs_for_a_file_without_any_tile(monkeypatch, options) -> None:
    def reconstruct(*_: object, **__: object) -> None:
        raise AssertionError("a whole picture of zeros would be computed")

    side = 2048
    sizes = [400] * tile_count(side, side)
    head = write_header(
        Header(side, side, 50 * 256, find_model().fingerprint), Layout(0, sizes, [])
    )
    monkeypatch.setattr(photo_codec, "reconstruct", reconstruct)
    with pytest.raises(DamagedError, match="every tile"):
        vlaecodec.decode(head, keep_going=True, **options)


def test_more_than_a_hundred_megapixels_have_to_be_asked_for() -> None:
    width, height = 10_000, MAX_PIXELS // 10_000 + 1
    head = write_header(
        Header(width, height, 50 * 256, find_model().fingerprint),
        Layout(0, [4] * tile_count(width, height), []),
    )
    for read in (vlaecodec.decode, vlaecodec.decode_thumbnail, verify):
        with pytest.raises(ParameterError, match="limit of 100000000"):
            read(head)


def test_no_other_program_is_run_for_a_picture(monkeypatch) -> None:
    import subprocess

    def run(*arguments: object, **_: object) -> None:
        raise AssertionError(f"{arguments} would be run")

    for name in ("Popen", "check_call", "check_output", "run", "call"):
        monkeypatch.setattr(subprocess, name, run)
    postscript = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    )
    with pytest.raises(ImageError, match="format that can be read"):
        read_image(postscript)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "TGA"])
def test_what_is_advertised_is_still_read(kind) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo(8, 8)).save(buffer, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LossWarning)
        assert read_image(buffer.getvalue()).size == (8, 8)


def test_the_programs_own_limit_outlives_many_threads(monkeypatch) -> None:
    from vlaecodec.picture.image import _our_limits

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1234)
    # Two threads, the second in later and out later: what each saw on its way in differs.
    with _our_limits:
        inner = _our_limits.__enter__()
    assert inner is None
    assert Image.MAX_IMAGE_PIXELS is None
    _our_limits.__exit__()
    assert Image.MAX_IMAGE_PIXELS == 1234
