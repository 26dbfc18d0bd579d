"""Damage of every kind to a whole file: a typed error, or the same picture; never anything else."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vlaecodec
from tests.conftest import photo
from tests.forge import forge_words
from vlaecodec.codec import decode_pixels
from vlaecodec.errors import ReproductionError, VlaeError

PIXELS = photo(40, 56, seed=9)
DATA = vlaecodec.encode(PIXELS, 30)
DECODED = decode_pixels(DATA)


@pytest.mark.parametrize("offset", range(len(DATA)))
def test_any_flipped_byte_is_noticed(offset: int) -> None:
    broken = bytearray(DATA)
    broken[offset] ^= 0xFF
    with pytest.raises(VlaeError):
        decode_pixels(bytes(broken))


@settings(max_examples=150)
@given(st.data())
def test_damage_behind_the_checksums_is_a_typed_error(data) -> None:
    """What a forger can do: any words at all, with checksums that hold."""

    def change(words: np.ndarray) -> np.ndarray:
        kind = data.draw(st.sampled_from(["flip", "noise", "cut", "more"]))
        if kind == "flip":
            place = data.draw(st.integers(0, len(words) - 1))
            words[place] ^= np.uint32(data.draw(st.integers(1, 2**32 - 1)))
        elif kind == "noise":
            seed = data.draw(st.integers(0, 2**32 - 1))
            words = np.random.default_rng(seed).integers(0, 2**32, 40, dtype=np.uint32)
        elif kind == "cut":
            words = words[: data.draw(st.integers(0, len(words) - 1))]
        else:
            words = np.append(words, np.uint32(data.draw(st.integers(0, 2**32 - 1))))
        return words

    with pytest.raises(ReproductionError):
        decode_pixels(forge_words(DATA, change))


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_noise_after_a_good_start_is_noticed(tail: bytes) -> None:
    data = DATA[: len(DATA) // 2] + tail
    with contextlib.suppress(VlaeError):
        assert np.array_equal(decode_pixels(data), DECODED)


@settings(max_examples=150)
@given(st.integers(0, len(DATA)), st.integers(0, len(DATA)))
def test_missing_pieces_are_noticed(first: int, second: int) -> None:
    low, high = sorted((first, second))
    if low == high:
        return
    with pytest.raises(VlaeError):
        decode_pixels(DATA[:low] + DATA[high:])
