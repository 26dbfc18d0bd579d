"""A robust file's tile that is damaged shows what its first passes tell."""

import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from vlaecodec.bitstream.container import Tile, make_robust, read_container, write_container
from vlaecodec.bitstream.header import read_header
from vlaecodec.bitstream.pieces import checks_size
from vlaecodec.codec.decode import decode_pixels, verify
from vlaecodec.errors import DamagedError, LossWarning
from vlaecodec.metrics.distortion import psnr_db

PICTURE = np.asarray(Image.open(Path(__file__).parents[1] / "golden" / "photo.png"))
PLAIN = vlaecodec.encode(PICTURE, 90, only_nets=True)
ROBUST = make_robust(PLAIN)
START = read_header(PLAIN)[1].start
SIZE = len(read_container(PLAIN).latents[0].payload)  # type: ignore[union-attr]
COARSE = "1 of 1 tiles are damaged: they are shown without their details"


def damaged(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 0x10]) + data[offset + 1 :]


def rescue(data: bytes) -> np.ndarray:
    with pytest.warns(LossWarning, match=COARSE):
        return decode_pixels(data, keep_going=True)


def test_it_costs_four_bytes_a_piece() -> None:
    end = len(ROBUST) - len(PLAIN)
    assert end == START + 8 + checks_size(SIZE)
    assert 16 <= checks_size(SIZE) <= 60
    assert ROBUST[START : len(PLAIN)] == PLAIN[START:]
    assert decode_pixels(ROBUST).tobytes() == decode_pixels(PLAIN).tobytes()


def test_the_nearer_to_the_beginning_the_damage_the_better_the_picture() -> None:
    """Words are taken from the end, so the beginning is the last pass."""
    whole = decode_pixels(PLAIN)
    found = []
    for share in (0.02, 0.3, 0.55, 0.75):
        data = damaged(ROBUST, START + int(share * SIZE))
        with pytest.raises(DamagedError):
            vlaecodec.decode(data)
        found.append(psnr_db(whole, rescue(data)))
    assert found[0] > found[1] + 1 > found[2] + 2 > found[3] + 3
    assert found[3] > 12


def test_without_the_top_latent_or_the_checks_the_tile_is_lost() -> None:
    for data in (damaged(ROBUST, START + SIZE - 1), damaged(PLAIN, START)):
        with pytest.raises(DamagedError, match="every tile is damaged"):
            decode_pixels(data, keep_going=True)


def test_damage_to_a_check_costs_what_lies_before_it() -> None:
    data = damaged(ROBUST, START)
    last = len(PLAIN) + checks_size(SIZE) - 4
    assert not np.array_equal(rescue(damaged(data, last)), decode_pixels(PLAIN))
    with pytest.raises(DamagedError, match="every tile"):
        decode_pixels(damaged(data, len(PLAIN)), keep_going=True)
    with pytest.raises(DamagedError, match="second header or the checks"):
        verify(damaged(ROBUST, last))


def test_thumbnails_and_regions_show_the_same() -> None:
    data = damaged(ROBUST, START)
    shown = rescue(data)
    with pytest.warns(LossWarning, match=COARSE):
        part = decode_pixels(data, keep_going=True, region=(20, 10, 40, 30))
    assert np.array_equal(part, shown[10:40, 20:60])
    with pytest.warns(LossWarning, match=COARSE):
        assert max(vlaecodec.decode_thumbnail(data, 64, keep_going=True).size) == 64


@pytest.mark.parametrize("seed", range(8))
def test_an_end_that_is_forged_gives_a_picture_or_one_error(seed) -> None:
    container = read_container(ROBUST)
    payload = np.random.default_rng(seed).bytes(SIZE - 1) + b"\1"
    forged = write_container(container.header, [Tile(payload, 0)])
    # The checks of its pieces fit; the tile's does not.
    assert read_container(damaged(forged, START), keep_going=True).ends[0]
    with warnings.catch_warnings(), suppress(DamagedError):
        warnings.simplefilter("ignore")
        assert decode_pixels(damaged(forged, START), keep_going=True).shape == PICTURE.shape


def test_a_small_models_file_is_lost_whole() -> None:
    digit = Image.fromarray(np.eye(28, dtype=np.uint8) * 255)
    data = vlaecodec.encode(digit, model="mnist-dynamic", robust=True)
    with pytest.raises(DamagedError, match="every tile"):
        vlaecodec.decode(damaged(data, read_header(data)[1].start), keep_going=True)


def test_a_header_that_is_damaged_too_is_restored() -> None:
    data = damaged(damaged(ROBUST, START), 3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shown = decode_pixels(data, keep_going=True)
    assert [w.category for w in caught] == [LossWarning, LossWarning]
    assert np.array_equal(shown, rescue(damaged(ROBUST, START)))


def test_a_lossless_file_shows_the_lossy_picture_as_far_as_it_is_known() -> None:
    data = vlaecodec.encode(PICTURE, 90, lossless=True, robust=True, only_nets=True)
    broken = damaged(data, read_header(data)[1].start)
    with pytest.raises(DamagedError):
        decode_pixels(broken)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shown = decode_pixels(broken, keep_going=True)
    assert len(caught) == 2
    assert 20 < psnr_db(PICTURE, shown) < 45
