import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlaecodec.bitstream.container import Tile, read_container, write_container
from vlaecodec.bitstream.header import (
    LOSSY_SECTIONS,
    MAGIC,
    SEED_MAX,
    VERSION,
    Header,
    Section,
    quality_to_code,
    read_header,
)
from vlaecodec.bitstream.tiles import TILE_PX, tile_boxes, tile_count
from vlaecodec.errors import DamagedError, ParameterError, UnsupportedError, VlaeError

HEADER = Header(768, 512, quality_to_code(50), b"\x01\x02\x03\x04")

sides = st.integers(1, 5000)
payloads = st.integers(0, 40).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))


def sample(words: int = 5) -> bytes:
    return write_container(HEADER, [Tile(bytes(range(4 * words)), 99)])


@given(sides, sides, st.floats(1, 100), st.binary(min_size=4, max_size=4), st.data())
def test_read_undoes_write(width, height, quality, fingerprint, data) -> None:
    texture, seed = data.draw(st.integers(0, 128)), data.draw(st.integers(0, SEED_MAX))
    max_error = data.draw(st.none() | st.integers(0, 15))
    grey = data.draw(st.booleans())
    kinds = [one for one in Section if one not in LOSSY_SECTIONS or max_error is None]
    sections = data.draw(st.dictionaries(st.sampled_from(kinds), st.binary(max_size=300)))
    code = quality_to_code(quality)
    header = Header(width, height, code, fingerprint, texture, seed, max_error, grey)

    def tiles() -> list[Tile]:
        return [
            Tile(data.draw(payloads), data.draw(st.integers(0, 2**32 - 1)))
            for _ in range(tile_count(width, height))
        ]

    latents, pixels = tiles(), [] if max_error is None else tiles()
    written = write_container(header, latents, pixels, sections)
    container = read_container(written)
    assert container.header == header
    assert container.latents == latents
    assert container.pixels == pixels
    assert container.sections == sections
    layout = read_header(written)[1]
    assert layout.end == len(written)
    cut = read_container(written[: layout.latents_end])
    assert cut.latents == latents
    assert cut.sections == sections
    assert cut.pixels == [None] * len(pixels)


@given(sides, sides)
def test_tiles_cover_the_picture_once(width, height) -> None:
    boxes = list(tile_boxes(width, height))
    assert len(boxes) == tile_count(width, height)
    assert sum((b.right - b.left) * (b.bottom - b.top) for b in boxes) == width * height
    assert all(b.right - b.left <= TILE_PX and b.bottom - b.top <= TILE_PX for b in boxes)


def test_overhead_of_a_photo_is_at_most_32_bytes() -> None:
    payload = bytes(60_000)
    assert len(write_container(HEADER, [Tile(payload, 0)])) - len(payload) <= 32


@given(st.binary(max_size=80))
def test_noise_behind_a_good_start_is_refused(noise: bytes) -> None:
    for start in (b"", MAGIC, MAGIC + bytes([VERSION])):
        with pytest.raises(VlaeError):
            read_container(start + noise)


def test_every_truncation_is_refused() -> None:
    data = sample()
    for size in range(len(data)):
        with pytest.raises(DamagedError):
            read_container(data[:size])


@given(st.integers(0, 8 * len(sample()) - 1))
def test_every_flipped_bit_is_noticed(bit) -> None:
    data = bytearray(sample())
    data[bit // 8] ^= 1 << bit % 8
    try:
        container = read_container(bytes(data))
    except VlaeError:
        return
    # The checksum of the decoded pixels is itself checked only after decoding.
    assert bit // 8 >= len(data) - 4
    assert container.latents != read_container(sample()).latents


def test_trailing_bytes_are_refused() -> None:
    with pytest.raises(DamagedError, match="follow"):
        read_container(sample() + b"x")


def test_a_newer_version_is_named() -> None:
    data = bytearray(sample())
    data[4] = 9
    with pytest.raises(UnsupportedError, match="version 9"):
        read_header(bytes(data))


def test_limits_come_before_allocation() -> None:
    with pytest.raises(ParameterError, match="limit"):
        read_container(sample(), max_pixels=1000)
    # 65536 x 65536 pixels in a few bytes: the tile table cannot be there.
    huge = bytearray(sample())
    huge[10:14] = b"\xff\xff\xff\xff"
    with pytest.raises(DamagedError):
        read_header(bytes(huge))


def test_damage_to_one_tile_leaves_the_others() -> None:
    header = Header(2 * TILE_PX, 10, 5000, b"abcd")
    tiles = [Tile(b"12345678", 1), Tile(b"abcdefgh", 2)]
    data = bytearray(write_container(header, tiles))
    data[data.index(b"1234")] ^= 1
    with pytest.raises(DamagedError, match="tile 1 of 2"):
        read_container(bytes(data))
    container = read_container(bytes(data), keep_going=True)
    assert container.latents == [None, tiles[1]]


def test_damage_to_a_section_leaves_the_rest() -> None:
    sections = {Section.ALPHA: b"alpha", Section.EXIF: b"about"}
    tile = Tile(b"12345678", 1)
    data = bytearray(write_container(HEADER, [tile], None, sections))
    data[data.index(b"alpha")] ^= 1
    with pytest.raises(DamagedError, match="alpha channel is damaged"):
        read_container(bytes(data))
    container = read_container(bytes(data), keep_going=True)
    assert container.sections == {Section.ALPHA: None, Section.EXIF: b"about"}
    assert container.latents == [tile]


def test_sections_have_a_limit() -> None:
    with pytest.raises(ParameterError, match="XMP takes 16777217 bytes"):
        write_container(HEADER, [Tile(b"", 0)], None, {Section.XMP: bytes(2**24 + 1)})


@pytest.mark.parametrize("quality", [0, 0.99, 100.01, -5, float("nan")])
def test_quality_outside_its_range_is_refused(quality) -> None:
    with pytest.raises(ParameterError):
        quality_to_code(quality)
