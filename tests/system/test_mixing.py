from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.analysis import mix as mixing
from vlaecodec.analysis.mix import mix
from vlaecodec.analysis.trace import FileTrace, trace_file
from vlaecodec.bitstream.container import Tile, read_container, write_container
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import ParameterError, ReproductionError
from vlaecodec.metrics.distortion import psnr_db

FIRST, SECOND = photo(80, 112, seed=1), photo(80, 112, seed=2)


@pytest.fixture(scope="module")
def first() -> bytes:
    return vlaecodec.encode(FIRST, 30, texture=1, tune="psnr")


def mixed(structure: bytes, other: bytes, take: str) -> np.ndarray:
    return np.asarray(mix(structure, other, take))


def test_a_file_with_its_own_top_latent_is_itself(first) -> None:
    assert np.array_equal(mixed(first, first, "top"), decode_pixels(first))


def test_a_file_with_its_own_texture_is_nearly_itself(first) -> None:
    own, again = decode_pixels(first), mixed(first, first, "texture")
    assert psnr_db(own, again) > 40
    assert psnr_db(own, again) > psnr_db(own, decode_pixels(first, texture=0))


def test_the_top_latent_brings_light_and_keeps_structure() -> None:
    dark = np.full_like(FIRST, 20)
    other = vlaecodec.encode(dark, 30, only_nets=True)
    still = vlaecodec.encode(FIRST, 30, texture=0)
    result, own = mixed(still, other, "top").astype(float), decode_pixels(still).astype(float)
    assert result.mean() < own.mean() - 5
    detail, own_detail = (np.diff(x.mean(-1), axis=1).ravel() for x in (result, own))
    assert np.corrcoef(detail, own_detail)[0, 1] > 0.3


def test_texture_is_as_strong_as_that_of_the_other(first) -> None:
    noise = np.random.default_rng(0).integers(-40, 40, SECOND.shape)
    noise[:, :56] = 0
    flat = np.full(SECOND.shape, 128)
    other = vlaecodec.encode((flat + noise).astype(np.uint8), 25, lossless=True, only_nets=True)
    added = mixed(first, other, "texture").astype(float) - decode_pixels(first, texture=0)
    left, right = np.sqrt((added[:, :40] ** 2).mean()), np.sqrt((added[:, 72:] ** 2).mean())
    assert left < 2
    assert right > 5 * left


def test_without_texture_there_is_the_mean_image(first) -> None:
    other = vlaecodec.encode(SECOND, 30, texture=0, tune="psnr")
    assert np.array_equal(mixed(first, other, "texture"), decode_pixels(first, texture=0))


def test_alpha_and_grey_are_those_of_the_first(first) -> None:
    grey = Image.fromarray(SECOND).convert("L")
    grey.putalpha(Image.linear_gradient("L").resize(grey.size))
    data = vlaecodec.encode(grey, 30, tune="psnr")
    for take in mixing.TAKEN:
        image = mix(data, first, take)
        assert image.mode == "LA"
        assert np.array_equal(np.asarray(image)[..., 1], np.asarray(grey)[..., 1])


def test_pictures_must_have_one_size(first) -> None:
    other = vlaecodec.encode(SECOND[:64], 30, tune="psnr")
    with pytest.raises(ParameterError, match="112 x 80 and 112 x 64"):
        mix(first, other, "top")


def test_files_must_have_one_model(first, monkeypatch) -> None:
    def trace_other(data: bytes) -> FileTrace:
        trace = trace_file(data)
        if data is first:
            return trace
        header = replace(trace.header, fingerprint=b"abcd")
        return replace(trace, container=replace(trace.container, header=header))

    monkeypatch.setattr(mixing, "trace_file", trace_other)
    with pytest.raises(ParameterError, match="different models"):
        mix(first, vlaecodec.encode(SECOND, 30), "top")


def test_only_what_there_is_can_be_taken(first) -> None:
    with pytest.raises(ParameterError, match="top, texture"):
        mix(first, first, "colour")


def test_a_picture_that_is_not_reproduced_here_is_no_mixture(first) -> None:
    container = read_container(first)
    (tile,) = container.latents
    forged = write_container(container.header, [Tile(tile.payload, tile.pixel_crc ^ 1)])
    for files in ((forged, first), (first, forged)):
        with pytest.raises(ReproductionError):
            mix(*files, "top")
