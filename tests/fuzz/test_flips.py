"""Damage of every kind to a whole file: a typed error, or the same picture; never anything else."""

import contextlib
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import vlaecodec
from tests.conftest import photo
from tests.forge import forge_section, forge_words
from tests.picture_files import SRGB
from vlaecodec.bitstream.container import read_container
from vlaecodec.bitstream.header import read_header
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import DamagedError, LossWarning, ReproductionError, VlaeError
from vlaecodec.picture.sections import read_sections

PIXELS = photo(40, 56, seed=9)
DATA = vlaecodec.encode(PIXELS, 30)
DECODED = decode_pixels(DATA)


@pytest.mark.parametrize("offset", range(len(DATA)))
def test_any_flipped_byte_is_noticed(offset: int) -> None:
    broken = bytearray(DATA)
    broken[offset] ^= 0xFF
    with pytest.raises(VlaeError):
        decode_pixels(bytes(broken))


def picture_with_everything() -> Image.Image:
    image = Image.fromarray(photo(16, 24))
    image.putalpha(Image.fromarray(photo(16, 24, seed=3)[..., 0]))
    exif = Image.Exif()
    exif[0x010F] = "Someone"
    image.info |= {"icc_profile": SRGB, "exif": exif.tobytes(), "xmp": b"<x/>"}
    return image


WHOLE = vlaecodec.encode(picture_with_everything(), 10)
SECTIONS = slice(read_header(WHOLE)[1].start, read_header(WHOLE)[1].latents_start)


@pytest.mark.parametrize("offset", range(SECTIONS.stop))
def test_any_flipped_byte_before_the_latents_is_noticed(offset: int) -> None:
    broken = bytearray(WHOLE)
    broken[offset] ^= 0xFF
    with pytest.raises(VlaeError):
        vlaecodec.decode(bytes(broken))


@pytest.mark.parametrize("offset", range(SECTIONS.start, SECTIONS.stop, 7))
def test_the_picture_outlives_its_sections(offset: int) -> None:
    broken = bytearray(WHOLE)
    broken[offset] ^= 0xFF
    with pytest.warns(LossWarning, match="left out"):
        rescued = vlaecodec.decode(bytes(broken), keep_going=True)
    whole = vlaecodec.decode(WHOLE)
    assert rescued.convert("RGB").tobytes() == whole.convert("RGB").tobytes()


@settings(max_examples=200)
@given(st.sampled_from(sorted(read_container(WHOLE).sections)), st.data())
def test_any_section_behind_its_checksum_is_a_typed_error_or_harmless(section, data) -> None:
    stored = read_container(WHOLE).sections[section]
    kind = data.draw(st.sampled_from(["noise", "flip", "cut", "more"]))
    if kind == "noise":
        stored = data.draw(st.binary(max_size=60))
    elif kind == "flip":
        place = data.draw(st.integers(0, len(stored) - 1))
        stored = stored[:place] + bytes([stored[place] ^ 0x55]) + stored[place + 1 :]
    elif kind == "cut":
        stored = stored[: data.draw(st.integers(0, len(stored) - 1))]
    else:
        stored += data.draw(st.binary(min_size=1, max_size=9))
    container = read_container(forge_section(WHOLE, section, stored))
    with contextlib.suppress(DamagedError):
        read_sections(container, keep_going=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LossWarning)
        alpha, _ = read_sections(container, keep_going=True)
    assert alpha is None or alpha.shape == (16, 24)


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


@settings(max_examples=150)
@given(st.integers(0, len(DATA)), st.integers(0, len(DATA)))
def test_missing_pieces_are_noticed(first: int, second: int) -> None:
    low, high = sorted((first, second))
    if low == high:
        return
    with pytest.raises(VlaeError):
        decode_pixels(DATA[:low] + DATA[high:])
