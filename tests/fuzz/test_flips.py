"""Damage of every kind to a whole file: a typed error, or the same picture; never anything else."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vlaecodec
from tests.conftest import photo
from vlaecodec.codec import decode_pixels
from vlaecodec.errors import VlaeError

PIXELS = photo(40, 56, seed=9)
DATA = vlaecodec.encode(PIXELS, 30)
DECODED = decode_pixels(DATA)


@pytest.mark.parametrize("offset", range(len(DATA)))
def test_any_flipped_byte_is_noticed(offset: int) -> None:
    broken = bytearray(DATA)
    broken[offset] ^= 0xFF
    with pytest.raises(VlaeError):
        decode_pixels(bytes(broken))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_noise_after_a_good_start_is_noticed(tail: bytes) -> None:
    data = DATA[: len(DATA) // 2] + tail
    with contextlib.suppress(VlaeError):
        assert np.array_equal(decode_pixels(data), DECODED)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(DATA)), st.integers(0, len(DATA)))
def test_missing_pieces_are_noticed(first: int, second: int) -> None:
    low, high = sorted((first, second))
    if low == high:
        return
    with pytest.raises(VlaeError):
        decode_pixels(DATA[:low] + DATA[high:])
