"""The real decoder agrees with the one written from FORMAT.md, sample for sample."""

from pathlib import Path

import numpy as np
import pytest

import vlaecodec
from tests.golden import reference_decoder
from vlaecodec.bitstream.header import read_header
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import LossWarning
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.model.registry import find_fingerprint

DECODE = Path(__file__).parent / "decode"
PHOTOS = sorted(p for p in DECODE.glob("*.vlae") if not p.stem.startswith(("digit", "colour")))


def weights_of(data: bytes) -> Path:
    if data[5] & 8:
        return Path()  # stored as WebP: no model
    return find_fingerprint(read_header(data)[0].fingerprint).folder / WEIGHTS_NAME


@pytest.mark.parametrize("path", PHOTOS, ids=lambda p: p.stem)
def test_both_decoders_agree(path) -> None:
    data = path.read_bytes()
    header = read_header(data)[0]
    # One pixel at a time is slow: the larger pictures are compared without texture.
    small = header.width * header.height < 10_000
    exact = header.max_error is not None
    weights = weights_of(data)
    pixels = reference_decoder.decode(data, weights, None if small else 0, preview=not small)
    options = {} if small else {"preview": True} if exact else {"texture": 0}
    assert np.array_equal(pixels, decode_pixels(data, **options))


@pytest.mark.parametrize("path", PHOTOS, ids=lambda p: p.stem)
def test_both_find_the_same_beside_the_picture(path) -> None:
    data = path.read_bytes()
    alpha, sections = reference_decoder.read_extras(data)
    image = vlaecodec.decode(data)
    assert (alpha is None) == (image.mode in ("RGB", "L"))
    if alpha is not None:
        assert np.array_equal(alpha, np.asarray(image.getchannel("A")))
    found = {1: image.info.get("icc_profile"), 3: image.info.get("xmp")}
    found[2] = image.info.get("exif", b"").removeprefix(b"Exif\0\0") or None
    assert sections == {kind: value for kind, value in found.items() if value}
    if "everything" in path.stem:
        assert alpha is not None
        assert len(sections) == 3


@pytest.mark.parametrize("share", [0.01, 0.3, 0.55, 0.75])
def test_both_show_the_same_of_a_damaged_tile(share) -> None:
    data = bytearray((DECODE / "robust.vlae").read_bytes())
    layout = read_header(data)[1]
    data[layout.latents_start + int(share * layout.latent_sizes[0])] ^= 1
    with pytest.warns(LossWarning, match="without their details"):
        shown = decode_pixels(data, keep_going=True)
    assert np.array_equal(reference_decoder.decode(bytes(data), weights_of(data), 0), shown)


def test_both_decoders_draw_the_same_texture() -> None:
    data = (DECODE / "odd.vlae").read_bytes()
    for strength in (1, 77, 128):
        pixels = reference_decoder.decode(data, weights_of(data), strength)
        assert np.array_equal(pixels, decode_pixels(data, texture=strength / 128))
