from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.bitstream.tiles import TILE_PX
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import (
    DamagedError,
    ImageError,
    LossWarning,
    ModelError,
    ParameterError,
    VlaeError,
)
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.model.registry import find_model


@pytest.mark.parametrize(
    "size", [(1, 1), (7, 1), (1, 7), (31, 17), (64, 65), (1, 1000), (16, 16), (130, 97)]
)
def test_any_size_comes_back_whole(size) -> None:
    pixels = photo(*size)
    decoded = vlaecodec.decode(vlaecodec.encode(pixels, 60))
    assert decoded.mode == "RGB"
    assert decoded.size == (size[1], size[0])
    assert psnr_db(pixels, np.asarray(decoded)) > 20


def test_rate_and_quality_rise_together() -> None:
    pixels = photo(160, 224, seed=3)
    sizes, psnrs = [], []
    for quality in (1, 10, 30, 50, 70, 90, 100):
        data = vlaecodec.encode(pixels, quality)
        sizes.append(len(data))
        psnrs.append(psnr_db(pixels, np.asarray(vlaecodec.decode(data))))
    assert sizes == sorted(sizes)
    assert psnrs == sorted(psnrs)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16", "1", "LA"])
def test_every_kind_of_image_is_taken(mode) -> None:
    grey = photo(33, 47)[..., 0]
    image = (
        Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey)
    )
    image = image if mode == "I;16" else image.convert("RGB").convert("RGBA").convert(mode)
    decoded = vlaecodec.decode(vlaecodec.encode(image, 40, to_8_bit=mode == "I;16"))
    assert decoded.size == (47, 33)
    assert decoded.mode == ("L" if mode in ("L", "LA", "1", "I;16") else "RGB")


def test_read_info_agrees_with_the_file() -> None:
    data = vlaecodec.encode(photo(40, 60), 33.5)
    info = vlaecodec.read_info(data)
    assert (info.width, info.height, info.quality, info.tiles) == (60, 40, 33.5, 1)
    assert info.size_bytes == len(data)
    assert info.model == find_model().name


@pytest.mark.parametrize("quality", [0, 101, -1, float("nan")])
def test_quality_outside_its_range_is_refused(quality) -> None:
    with pytest.raises(ParameterError):
        vlaecodec.encode(photo(8, 8), quality)


def test_unknown_models_and_inputs_are_refused() -> None:
    with pytest.raises(ModelError, match="no model named"):
        vlaecodec.encode(photo(8, 8), model="nothing")
    with pytest.raises(ImageError):
        vlaecodec.encode("photo.png")
    data = bytearray(vlaecodec.encode(photo(8, 8)))
    with pytest.raises(DamagedError):
        vlaecodec.decode(bytes(data[:-1]))


def test_errors_share_one_base() -> None:
    for error in (DamagedError, ImageError, ModelError, ParameterError):
        assert issubclass(error, VlaeError)


def test_large_pictures_have_a_limit() -> None:
    data = vlaecodec.encode(photo(40, 60))
    with pytest.raises(ParameterError, match="limit"):
        vlaecodec.decode(data, max_pixels=40 * 60 - 1)


@pytest.fixture(scope="module")
def tiled() -> tuple[np.ndarray, bytes]:
    pixels = photo(TILE_PX + 40, TILE_PX + 200, seed=5)
    return pixels, vlaecodec.encode(pixels, 40)


def test_tiled_and_whole_decoding_agree(tiled) -> None:
    _, data = tiled
    whole = decode_pixels(data, block_px=1 << 16)
    for block_px in (464, 1024):
        assert np.array_equal(decode_pixels(data, block_px=block_px), whole)


def test_tile_borders_do_not_show(tiled) -> None:
    pixels, data = tiled
    error = (decode_pixels(data).astype(float) - pixels) ** 2
    overall = error.mean()
    for edge in (error[TILE_PX - 2 : TILE_PX + 2], error[:, TILE_PX - 2 : TILE_PX + 2]):
        assert edge.mean() < 1.5 * overall


def test_a_damaged_tile_does_not_take_the_others_with_it(tiled) -> None:
    _, data = tiled
    intact = decode_pixels(data, texture=0)
    broken = bytearray(data)
    broken[200] ^= 0x10
    with pytest.raises(DamagedError, match="tile 1 of 4"):
        vlaecodec.decode(bytes(broken))
    with pytest.warns(LossWarning, match="1 of 4 tiles"):
        rescued = decode_pixels(bytes(broken), keep_going=True)
    far = slice(TILE_PX + 128, None)
    assert np.array_equal(rescued[:, far], intact[:, far])
    lost = intact[:TILE_PX, :TILE_PX].astype(int)
    off = np.abs(rescued[:TILE_PX, :TILE_PX] - lost).mean()
    assert off < np.abs(128 - lost).mean()


@pytest.mark.parametrize("data", ["photo.vlae", Path("photo.vlae"), 5])
@pytest.mark.parametrize("read", [vlaecodec.decode, vlaecodec.read_info])
def test_what_is_not_bytes_is_one_clear_error(read, data) -> None:
    with pytest.raises(ParameterError, match="bytes"):
        read(data)


def test_files_of_a_program_that_allows_coarser_products_decode_elsewhere() -> None:
    convolution = torch.backends.mkldnn.conv
    before = convolution.fp32_precision
    try:
        convolution.fp32_precision = "bf16"
        file = vlaecodec.encode(photo(48, 64), 40)
        there = vlaecodec.decode(file).tobytes()
        assert convolution.fp32_precision == "bf16"
    finally:
        convolution.fp32_precision = before
    assert vlaecodec.decode(file).tobytes() == there
