"""A header that is stored twice: damage to one of them does not lose the picture."""

import pytest

import vlaecodec
from tests.conftest import photo
from vlaecodec.bitstream.container import make_robust, read_container
from vlaecodec.bitstream.header import read_header
from vlaecodec.cli.files import read_vlae
from vlaecodec.codec.decode import verify
from vlaecodec.errors import DamagedError, LossWarning, VlaeError

PLAIN = vlaecodec.encode(photo(24, 40), 30)
ROBUST = make_robust(PLAIN)
HEAD_SIZE = read_header(PLAIN)[1].start


def test_it_costs_a_header_and_eight_bytes() -> None:
    assert len(ROBUST) == len(PLAIN) + HEAD_SIZE + 8
    assert read_container(ROBUST).latents == read_container(PLAIN).latents
    assert read_header(ROBUST)[0].robust
    assert not read_header(PLAIN)[0].robust
    assert vlaecodec.read_info(ROBUST).complete


@pytest.mark.parametrize("offset", range(HEAD_SIZE))
def test_any_damage_to_the_header_is_an_error_and_can_be_undone(offset, tmp_path) -> None:
    broken = bytearray(ROBUST)
    broken[offset] ^= 0xFF
    with pytest.raises(DamagedError, match="takes its copy"):
        read_container(bytes(broken))
    with pytest.warns(LossWarning, match="its copy is taken"):
        rescued = read_container(bytes(broken), keep_going=True)
    assert rescued == read_container(ROBUST)
    path = tmp_path / "broken.vlae"
    path.write_bytes(broken)
    assert read_vlae(str(path)) == broken


@pytest.mark.parametrize("offset", range(len(PLAIN), len(ROBUST)))
def test_damage_to_the_copy_alone_does_no_harm_to_the_picture(offset) -> None:
    broken = bytearray(ROBUST)
    broken[offset] ^= 0xFF
    assert read_container(bytes(broken)).latents == read_container(PLAIN).latents
    with pytest.raises(DamagedError, match="second header or the checks"):
        verify(bytes(broken))


@pytest.mark.parametrize("size", range(0, len(PLAIN), 5))
def test_a_file_that_is_cut_off_or_longer_is_noticed(size) -> None:
    for data in (ROBUST[:size], ROBUST + bytes(1 + size)):
        with pytest.raises(VlaeError):
            read_container(data)


def test_the_header_of_a_plain_file_has_no_copy() -> None:
    broken = bytearray(PLAIN)
    broken[15] ^= 1
    with pytest.raises(DamagedError, match=r"the header is damaged$"):
        read_container(bytes(broken), keep_going=True)


def test_encode_writes_it_and_decode_takes_it() -> None:
    data = vlaecodec.encode(photo(24, 40), 30, robust=True)
    assert data == ROBUST
    broken = b"\0\0" + data[2:]
    with pytest.warns(LossWarning, match="its copy"):
        rescued = vlaecodec.decode(broken, keep_going=True)
    assert rescued.tobytes() == vlaecodec.decode(PLAIN).tobytes()
