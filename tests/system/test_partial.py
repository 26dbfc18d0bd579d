"""Regions and thumbnails: parts of a picture without the rest."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.bitstream.container import Tile, read_container, write_container
from vlaecodec.bitstream.header import read_header
from vlaecodec.bitstream.tiles import TILE_PX, plan_view
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import DamagedError, LossWarning, ParameterError, ReproductionError
from vlaecodec.latents import coder as latent_coder
from vlaecodec.model.reduced import choose_factor

CROP = Path(__file__).parents[2] / "benchmarks" / "data" / "regression" / "kodim23-crop.webp"
REGIONS = [
    (0, 0, 1, 1),
    (10, 7, 33, 20),
    (TILE_PX - 5, 3, 10, 8),
    (TILE_PX + 20, TILE_PX + 4, 36, 20),
    (0, TILE_PX - 1, 60, 2),
]


@pytest.fixture(scope="module")
def four_tiles() -> bytes:
    return vlaecodec.encode(photo(TILE_PX + 30, TILE_PX + 60, seed=1), 10, texture=0)


def crop(pixels: np.ndarray, region: tuple[int, int, int, int]) -> np.ndarray:
    left, top, width, height = region
    return pixels[top : top + height, left : left + width]


def test_a_region_is_the_crop_of_the_whole(four_tiles) -> None:
    whole = decode_pixels(four_tiles)
    for region in REGIONS:
        assert np.array_equal(decode_pixels(four_tiles, region=region), crop(whole, region))


@pytest.mark.parametrize("options", [{"texture": 1}, {"lossless": True}])
def test_regions_with_texture_and_of_exact_pixels(options) -> None:
    data = vlaecodec.encode(photo(40, TILE_PX + 20, seed=1), 10, **options)
    whole = decode_pixels(data)
    for region in ((5, 6, 20, 10), (TILE_PX - 4, 0, 9, 40), (TILE_PX + 2, 30, 7, 10)):
        assert np.array_equal(decode_pixels(data, region=region), crop(whole, region))


def test_texture_sees_what_is_around_a_region_and_its_tile() -> None:
    data = vlaecodec.encode(photo(TILE_PX + 12, 24, seed=1), 10, texture=1)
    whole = decode_pixels(data)
    for bottom in (TILE_PX - 4, TILE_PX - 2, TILE_PX, TILE_PX + 12):
        region = (3, bottom - 8, 20, 8)
        assert np.array_equal(decode_pixels(data, region=region), crop(whole, region))


def test_only_the_tiles_needed_are_decoded(four_tiles, monkeypatch) -> None:
    calls = []
    decode_latent = latent_coder.decode_latent
    monkeypatch.setattr(
        latent_coder,
        "decode_latent",
        lambda *a: calls.append(a) or decode_latent(*a),
    )
    decode_pixels(four_tiles, region=(10, 10, 20, 20))
    assert len(calls) == 4  # all touch: the tiles beside it are narrower than the halo
    view = plan_view(5 * TILE_PX, 4 * TILE_PX, (10, 10, 20, 20), 80)
    assert [tile.index for tile in view.tiles] == [0]
    assert view.needed == {0, 1, 5, 6}
    view = plan_view(5 * TILE_PX, 4 * TILE_PX, (3000, 2000, 20, 20), 80, texture_px=72)
    assert [tile.index for tile in view.tiles] == [7, 8, 12, 13]
    assert (view.drawn.left, view.drawn.top) == (2928 - 2 * TILE_PX, 1928 - TILE_PX)
    assert (view.drawn.right, view.drawn.bottom) == (3092 - 2 * TILE_PX, 2092 - TILE_PX)


def test_what_is_not_needed_may_not_even_decode() -> None:
    """A tile far away that does not decode is noticed in the whole picture, not in the region."""
    data = vlaecodec.encode(photo(20, 3 * TILE_PX, seed=1), 5, texture=0)
    container = read_container(data)
    tiles = list(container.latents)
    tiles[2] = Tile(tiles[2].payload[:-4], tiles[2].pixel_crc)
    forged = write_container(container.header, tiles)
    with pytest.raises(ReproductionError):
        decode_pixels(forged)
    region = (100, 0, 50, 20)
    assert np.array_equal(decode_pixels(forged, region=region), decode_pixels(data, region=region))


def test_alpha_is_cropped_too() -> None:
    image = Image.fromarray(photo(40, 50))
    image.putalpha(Image.fromarray(photo(40, 50, seed=2)[..., 0]))
    data = vlaecodec.encode(image, lossless=True)
    part = vlaecodec.decode(data, region=(7, 8, 20, 10))
    assert part.tobytes() == image.crop((7, 8, 27, 18)).tobytes()


@pytest.mark.parametrize(
    "region", [(-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 61, 1), (0, 40, 1, 1), (59, 39, 2, 1)]
)
def test_regions_outside_the_picture_are_refused(region) -> None:
    data = vlaecodec.encode(photo(40, 60), 10)
    with pytest.raises(ParameterError, match="not within the picture of 60 x 40"):
        decode_pixels(data, region=region)


def averages(pixels: np.ndarray, factor: int) -> np.ndarray:
    rows, columns = pixels.shape[0] // factor, pixels.shape[1] // factor
    cut = pixels[: rows * factor, : columns * factor].astype(float)
    return cut.reshape(rows, factor, columns, factor, 3).mean((1, 3))


@pytest.mark.parametrize(("factor", "psnr_db"), [(8, 48), (4, 48), (2, 45)])
def test_thumbnails_are_near_block_averages_of_the_mean_image(factor, psnr_db) -> None:
    """Blocks of the trunk are left out; with this model that is what it costs at most."""
    with Image.open(CROP) as picture:
        data = vlaecodec.encode(picture.crop((0, 0, 128, 96)), 60)
    assert choose_factor(128, 96, 128 // factor) == factor
    small = np.asarray(vlaecodec.decode_thumbnail(data, 128 // factor))
    expected = averages(decode_pixels(data, texture=0), factor)
    assert 20 * np.log10(255 / np.sqrt(np.square(small - expected).mean())) > psnr_db
    assert np.array_equal(small, np.asarray(vlaecodec.decode_thumbnail(data, 128 // factor)))


def test_thumbnails_of_large_pictures_are_the_same_in_blocks(four_tiles) -> None:
    small = np.asarray(vlaecodec.decode_thumbnail(four_tiles, 256)).astype(float)
    whole = Image.fromarray(decode_pixels(four_tiles))
    reference = np.asarray(whole.resize(small.shape[1::-1], Image.Resampling.BOX)).astype(float)
    assert np.abs(small - reference).mean() < 3
    assert max(small.shape) == 256


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7)])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_thumbnails_of_every_kind(size, mode) -> None:
    image = Image.fromarray(photo(*size)).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(255 - photo(*size)[..., 0]))
    small = vlaecodec.decode_thumbnail(vlaecodec.encode(image, 40), 64)
    assert small.mode == mode
    assert max(small.size) == min(64, max(size))


def test_a_thumbnail_takes_a_part_of_the_work_of_a_full_decode() -> None:
    """In the process's own CPU seconds, which other programs' load hardly changes."""
    data = vlaecodec.encode(photo(512, 512, seed=3), 20, texture=1)

    def least_cpu_seconds(decode: Callable[[bytes], object]) -> float:
        found = []
        for _ in range(3):
            start = time.process_time()
            decode(data)
            found.append(time.process_time() - start)
        return min(found)

    thumbnail = least_cpu_seconds(lambda d: vlaecodec.decode_thumbnail(d, 64))
    assert thumbnail < least_cpu_seconds(vlaecodec.decode) / 2  # a fifth or less on a quiet machine


def test_thumbnails_of_damaged_files_show_what_there_is(four_tiles) -> None:
    broken = bytearray(four_tiles)
    broken[-20] ^= 1
    with pytest.warns(LossWarning, match="1 of 4"):
        small = np.asarray(vlaecodec.decode_thumbnail(bytes(broken), 100, keep_going=True))
    assert (small[-1, -1] != 128).any()
    with pytest.warns(LossWarning, match="1 of 4"):
        decode_pixels(bytes(broken), keep_going=True)
    _, layout = read_header(four_tiles)
    for offset in np.cumsum([layout.latents_start, *layout.latent_sizes[:-1]]) + 8 * np.arange(4):
        broken[offset] ^= 1
    with pytest.raises(DamagedError, match="every tile"):
        vlaecodec.decode_thumbnail(bytes(broken), 100, keep_going=True)


def test_files_may_come_as_any_bytes() -> None:
    image = Image.fromarray(photo(20, 30)).convert("RGBA")
    image.putpixel((0, 0), (1, 2, 3, 4))
    data = vlaecodec.encode(image, 30)
    expected = np.asarray(vlaecodec.decode(data))
    for same in (memoryview(data), bytearray(data)):
        assert np.array_equal(np.asarray(vlaecodec.decode(same)), expected)


@pytest.mark.parametrize("region", [(0, 0, 4), ("a", 0, 1, 1), (0.5, 0, 1, 1)])
def test_regions_that_are_none_are_refused(region, four_tiles) -> None:
    with pytest.raises(ParameterError, match="four whole numbers"):
        vlaecodec.decode(four_tiles, region=region)
