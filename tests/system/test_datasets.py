"""The decoders for webdataset and Ray Data, which need neither to be installed."""

import functools
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import vlaecodec
import vlaecodec.ray
import vlaecodec.webdataset
from tests.conftest import photo
from vlaecodec.errors import DamagedError, ParameterError

PHOTO = photo(24, 32)


@pytest.fixture(scope="module")
def data() -> bytes:
    return vlaecodec.encode(PHOTO)


def test_webdataset_gets_a_pil_image(data: bytes) -> None:
    image = vlaecodec.webdataset.decoder(".vlae", data)
    assert isinstance(image, Image.Image)
    assert np.array_equal(np.asarray(image), np.asarray(vlaecodec.decode(data)))


@pytest.mark.parametrize("key", [".left.vlae", ".VLAE", "vlae"])
def test_webdataset_names_members_by_their_last_extension(data: bytes, key: str) -> None:
    assert vlaecodec.webdataset.decoder(key, data) is not None


@pytest.mark.parametrize("key", [".jpg", ".json", ".vlae.json", "", "."])
def test_other_members_are_left_to_other_decoders(key: str) -> None:
    assert vlaecodec.webdataset.decoder(key, b"{}") is None


def test_webdataset_gets_arrays_with_options(data: bytes) -> None:
    decode = functools.partial(vlaecodec.webdataset.decoder, region=(4, 2, 10, 8))
    samples = decode(".vlae", data, kind="rgb8")
    assert (samples.dtype, samples.shape) == (np.uint8, (8, 10, 3))
    floats = decode(".vlae", data, kind="rgb")
    assert floats.dtype == np.float32
    assert np.array_equal(np.rint(floats * 255), samples)


def test_webdataset_is_told_of_damage_and_of_kinds_that_are_none(data: bytes) -> None:
    with pytest.raises(DamagedError):
        vlaecodec.webdataset.decoder(".vlae", data[:-1])
    with pytest.raises(ParameterError, match="kind"):
        vlaecodec.webdataset.decoder(".vlae", data, kind="torch")


def test_ray_gets_a_stack_of_pictures_of_one_size(data: bytes) -> None:
    batch = {"bytes": np.array([data, data], object), "path": np.array(["a", "b"])}
    decoded = vlaecodec.ray.Decode()(batch)
    assert list(decoded) == ["path", "image"]
    assert list(decoded["path"]) == ["a", "b"]
    assert decoded["image"].shape == (2, 24, 32, 3)
    assert np.array_equal(decoded["image"][1], np.asarray(vlaecodec.decode(data)))


def test_ray_gets_pictures_of_several_sizes_and_grey_ones_as_colour(data: bytes) -> None:
    grey = vlaecodec.encode(PHOTO[:16, :16, 0])
    decode = vlaecodec.ray.Decode("file", "picture", texture=0)
    pictures = decode({"file": [data, grey]})["picture"]
    assert [p.shape for p in pictures] == [(24, 32, 3), (16, 16, 3)]


def test_ray_is_told_of_damage_and_of_options_that_are_none(data: bytes) -> None:
    with pytest.raises(DamagedError):
        vlaecodec.ray.Decode()({"bytes": [data[:-1]]})
    with pytest.raises(TypeError):
        vlaecodec.ray.Decode(colour="red")({"bytes": [data]})


def test_neither_package_is_needed() -> None:
    code = (
        "import sys; sys.modules['ray'] = sys.modules['webdataset'] = sys.modules['torch'] = None;"
        "import vlaecodec.ray, vlaecodec.webdataset"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
