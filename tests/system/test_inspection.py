from pathlib import Path

import numpy as np
import pytest

import vlaecodec
from tests.conftest import photo
from vlaecodec.analysis.heat_map import LONGEST_PX, draw_panels, draw_sheet, shown_size, to_colours
from vlaecodec.analysis.inspection import (
    draw_texture,
    inspect_file,
    position_areas,
    reconstruct_trace,
    root_mean_square,
)
from vlaecodec.analysis.trace import trace_file
from vlaecodec.bitstream.container import read_container
from vlaecodec.bitstream.tiles import TILE_PX
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import DamagedError
from vlaecodec.pixels.texture import blend

PHOTO = photo(73, 101)
HEADER_BITS = 8 * 40
GOLDEN = Path(__file__).parents[1] / "golden" / "decode"


@pytest.fixture(scope="module")
def lossy() -> bytes:
    return vlaecodec.encode(PHOTO, 40, texture=0.5)


def test_the_layers_of_a_lossy_file(lossy) -> None:
    found = inspect_file(lossy)
    assert [layer.name for layer in found.layers] == ["top latent", "anchor", "rest"]
    assert 0 < found.side_bits < HEADER_BITS + 64
    assert all(layer.bits.shape == (5, 7) for layer in found.layers)
    top, anchor, rest = (layer.psnr_db for layer in found.layers)
    assert top < anchor < rest == float("inf")
    assert np.array_equal(found.layers[2].shown, decode_pixels(lossy, texture=0))
    assert np.array_equal(found.picture, decode_pixels(lossy))


@pytest.mark.parametrize("options", [{"lossless": True}, {"max_error": 2}])
@pytest.mark.parametrize("pixels", [PHOTO, PHOTO[..., 0]], ids=["colour", "grey"])
def test_the_pixels_of_an_exact_file(pixels, options) -> None:
    data = vlaecodec.encode(pixels, only_nets=True, **options)
    found = inspect_file(data)
    exact = found.layers[-1]
    assert exact.name == "pixels"
    # Of two stacks, each ends with up to a word that is not full.
    assert 0 < found.side_bits < HEADER_BITS + 2 * 64
    assert exact.total_bits / 8 / len(data) > 0.5
    assert np.array_equal(exact.shown, decode_pixels(data))


def test_pixels_cost_what_their_tile_holds() -> None:
    data = vlaecodec.encode(photo(150, 130), 5, lossless=True, only_nets=True)
    (tile,) = read_container(data).pixels
    bits = inspect_file(data).layers[-1].total_bits
    assert bits == pytest.approx(8 * len(tile.payload), abs=64)


def test_damaged_pixels_have_no_cost_to_tell() -> None:
    data = bytearray(vlaecodec.encode(PHOTO, lossless=True, only_nets=True))
    data[-20] ^= 1
    with pytest.raises(DamagedError, match="pixels of"):
        inspect_file(bytes(data))


def test_the_map_of_texture_is_that_of_the_draw(lossy) -> None:
    trace = trace_file(lossy)
    base = reconstruct_trace(trace)
    drawn = draw_texture(trace, base)
    assert np.array_equal(blend(base.mean, drawn, 64), decode_pixels(lossy))
    rms = inspect_file(lossy).texture_rms
    assert rms[0, 0] == pytest.approx(np.sqrt((drawn[:16, :16].astype(float) ** 2).mean()))
    assert rms[-1, -1] == pytest.approx(np.sqrt((drawn[64:, 96:].astype(float) ** 2).mean()))


def test_bits_lie_where_the_detail_is() -> None:
    pixels = np.full((64, 128, 3), 128, np.uint8)
    pixels[:, 64:] = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    found = inspect_file(vlaecodec.encode(pixels, 60, only_nets=True))
    for layer in found.layers[1:]:
        assert layer.bits[:, 5:].sum() > 3 * layer.bits[:, :3].sum()


def test_several_tiles_make_one_map() -> None:
    pixels = photo(40, TILE_PX + 40)
    data = vlaecodec.encode(pixels, 10, texture=0)
    trace = trace_file(data)
    assert len(trace.tiles) == 2
    assert trace.bits(slice(None)).shape == (3, 67)
    parts = [sum(b.sum() for b in tile.pass_bits) for tile in trace.tiles]
    assert trace.bits(slice(None))[:, 64:].sum() == pytest.approx(parts[1])
    assert trace.top_bits().sum() == pytest.approx(sum(t.top_bits.sum() for t in trace.tiles))
    assert np.array_equal(reconstruct_trace(trace).mean, decode_pixels(data))


def test_positions_at_the_edges_are_smaller() -> None:
    assert position_areas(17, 33).tolist() == [[256, 256, 16], [16, 16, 1]]
    even = np.full((17, 33, 3), -3, np.int16)
    assert np.allclose(root_mean_square(even), 3)


def test_a_sheet_has_all_panels(lossy) -> None:
    panels = draw_panels(inspect_file(lossy))
    assert len(panels) == 9
    assert len({panel.pixels.shape for panel in panels}) == 1
    sheet = np.asarray(draw_sheet(panels))
    for panel in panels:
        # Each picture lies somewhere on the sheet, whole.
        height, width = panel.pixels.shape[:2]
        starts = np.argwhere((sheet == panel.pixels[0, 0]).all(-1))
        assert any(
            np.array_equal(sheet[y : y + height, x : x + width], panel.pixels) for y, x in starts
        )
    heat = [panel.detail for panel in panels if panel.heat]
    assert len(heat) == 5
    assert all(detail.startswith("0 to ") for detail in heat)
    # The longest caption fits, too.
    assert (sheet[:, -10:] == 255).all()


def test_sizes_and_colours_of_panels() -> None:
    assert shown_size(768, 512) == (768, 512)
    assert shown_size(6000, 4000) == (LONGEST_PX, 512)
    assert shown_size(64, 40) == (256, 160)
    assert shown_size(5000, 1) == (LONGEST_PX, 1)
    lightness = to_colours(np.linspace(-1, 2, 60)) @ np.array([0.3, 0.6, 0.1])
    assert (np.diff(lightness) >= 0).all()
    assert lightness[0] < 1
    assert lightness[-1] > 240
