"""What `import vlaecodec` offers: names, types, paths and file objects, the latent as an array."""

import inspect
import io
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import click
import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.cli.commands.decode import decode as decode_command
from vlaecodec.cli.commands.encode import encode as encode_command
from vlaecodec.codec.options import (
    DecodeKeywords,
    DecodeOptions,
    EncodeKeywords,
    EncodeOptions,
    field_names,
)
from vlaecodec.errors import InputError, OutputError, ParameterError
from vlaecodec.metrics.distortion import psnr_db

PIXELS = photo(48, 70)


def test_every_name_is_listed_and_there() -> None:
    assert set(dir(vlaecodec)) == set(vlaecodec.__all__)
    for name in vlaecodec.__all__:
        assert getattr(vlaecodec, name) is not None
        assert name == "__version__" or inspect.getdoc(getattr(vlaecodec, name)), name
    with pytest.raises(AttributeError, match="nothing"):
        _ = vlaecodec.nothing
    assert (Path(vlaecodec.__file__).parent / "py.typed").exists()


def test_the_package_is_light_until_it_is_used() -> None:
    code = (
        "import sys, vlaecodec; assert 'encode' in dir(vlaecodec);"
        "sys.exit(len({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("options", "keywords", "command", "apart"),
    [
        (EncodeOptions, EncodeKeywords, encode_command, {"quality"}),
        (DecodeOptions, DecodeKeywords, decode_command, set()),
    ],
)
def test_options_are_the_same_in_python_and_on_the_command_line(
    options: type, keywords: type, command: click.Command, apart: set[str]
) -> None:
    names = set(field_names(options))
    assert set(keywords.__annotations__) == names - apart
    written = {name: str(kind) for name, kind in options.__annotations__.items()}
    assert {n: written[n] for n in names - apart} == {
        n: str(getattr(kind, "__forward_arg__", kind))
        for n, kind in keywords.__annotations__.items()
    }
    parameters = {parameter.name for parameter in command.params}
    # A region may be given several times; blocks are a matter of memory, not of pictures.
    assert names - {"roi", "block_px"} <= parameters
    values = command.make_context(command.name or "", ["photo"]).params
    for field in fields(options):
        if field.name in values:
            assert values[field.name] == field.default, field.name


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"lossless": True, "max_error": 1}, "not both"),
        ({"target_size": 1, "target_psnr": 30}, "one target"),
        ({"target_size": 1, "quality": 30}, "leave out quality"),
        ({"target_size": 1, "lossless": True}, "lossy"),
        ({"target_ms_ssim": 1.5}, "between 0 and 1"),
        ({"target_bpp": float("nan")}, "finite"),
        ({"target_size": 0}, "above 0"),
        ({"roi": (0, 0, 8, 8), "lossless": True}, "lossy"),
        ({"tune": "looks", "max_error": 2}, "lossy"),
        ({"tune": "vmaf"}, "tune must be"),
        ({"effort": 0}, "1 to 9"),
        ({"quality": 101}, "1 to 100"),
        ({"texture": 2}, "0 to 1"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_that_mean_nothing_are_refused_when_they_are_made(
    wrong: dict[str, object], words: str
) -> None:
    with pytest.raises(ParameterError, match=words) as caught:
        EncodeOptions(**wrong)  # type: ignore[arg-type]
    assert "--" not in str(caught.value)


def test_files_and_file_objects(tmp_path: Path) -> None:
    source, coded, back = (tmp_path / n for n in ("photo.png", "photo.vlae", "back.webp"))
    Image.fromarray(PIXELS).save(source)
    info = vlaecodec.encode_file(source, coded, lossless=True)
    assert (info.width, info.height, info.max_error) == (70, 48, 0)
    assert coded.read_bytes() == vlaecodec.encode(PIXELS, lossless=True)
    vlaecodec.decode_file(str(coded), back)
    with Image.open(back) as image:
        assert image.format == "WEBP"
        assert np.array_equal(np.asarray(image), PIXELS)
    buffer, shown = io.BytesIO(), io.BytesIO()
    vlaecodec.encode_file(io.BytesIO(source.read_bytes()), buffer, lossless=True)
    assert buffer.getvalue() == coded.read_bytes()
    buffer.seek(0)
    vlaecodec.decode_file(buffer, shown)
    assert np.array_equal(np.asarray(Image.open(shown)), PIXELS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back.webp", "photo.png", "photo.vlae"]


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    coded = tmp_path / "photo.vlae"
    coded.write_bytes(vlaecodec.encode(PIXELS[:16, :16]))
    with pytest.raises(InputError, match=r"nowhere\.png: No such file"):
        vlaecodec.encode_file(tmp_path / "nowhere.png", coded)
    for target in (tmp_path / "no" / "folder.png", tmp_path / "photo.gif", tmp_path / "photo"):
        with pytest.raises(OutputError, match=target.name):
            vlaecodec.decode_file(coded, target)
    assert [p.name for p in tmp_path.iterdir()] == ["photo.vlae"]


def test_our_files_are_told_from_others() -> None:
    data = vlaecodec.encode(PIXELS[:16, :16])
    assert vlaecodec.is_vlae(data)
    assert vlaecodec.is_vlae(data[:4])
    assert not vlaecodec.is_vlae(data[:3])
    assert not vlaecodec.is_vlae(b"\x89PNG")
    assert not vlaecodec.is_vlae(b"")


def test_a_latent_is_what_the_file_holds() -> None:
    latent = vlaecodec.encode_latent(PIXELS, 60)
    assert latent.dtype == np.float32
    assert latent.shape[1:] == (3, 5)
    picture = np.asarray(vlaecodec.decode_latent(latent, 60))
    assert picture.shape == (48, 80, 3)
    decoded = np.asarray(vlaecodec.decode(vlaecodec.encode(PIXELS, 60), texture=0))
    assert np.array_equal(picture[:, :70], decoded)
    assert psnr_db(PIXELS, picture[:, :70]) > 25
    pooled = vlaecodec.encode_latent(PIXELS, 60, pooled=True)
    np.testing.assert_allclose(pooled, [*latent.mean((1, 2)), *latent.std((1, 2))], rtol=1e-6)
    blurred = vlaecodec.decode_latent(0.5 * latent, 60)
    assert not np.array_equal(np.asarray(blurred), picture)
    for wrong in (latent[1:], latent[0], latent.astype(np.int32), np.full_like(latent, np.nan)):
        with pytest.raises(ParameterError, match="latent"):
            vlaecodec.decode_latent(wrong)


def test_a_small_image_has_a_latent_too() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    latent = vlaecodec.encode_latent(image, 100, model="mnist-dynamic")
    shown = vlaecodec.decode_latent(latent, 100, model="mnist-dynamic")
    data = vlaecodec.encode(image, 100, model="mnist-dynamic")
    assert np.array_equal(np.asarray(shown)[..., 0], np.asarray(vlaecodec.decode(data, texture=0)))


def test_verify_says_what_the_file_says_of_itself() -> None:
    data = vlaecodec.encode(PIXELS[:16, :16])
    assert vlaecodec.verify(data) == vlaecodec.read_info(data)
    assert get_type_hints(vlaecodec.verify)["return"] is vlaecodec.FileInfo
