import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.conftest import photo
from vlaecodec.bitstream.header import METADATA_MAX_BYTES, Section
from vlaecodec.errors import DamagedError, LossWarning, ParameterError
from vlaecodec.picture.alpha import decode_alpha, encode_alpha
from vlaecodec.picture.metadata import Metadata, metadata_of, read_metadata, write_metadata


def exif_block(orientation: int, order: str = ">") -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[0x0110], exif[0x0112], exif[0x8298] = "A camera", orientation, "Someone"
    return exif.tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
def test_only_the_orientation_changes(order) -> None:
    kept = metadata_of({"exif": exif_block(6, order)}).exif
    assert kept is not None
    differing = [a for a, b in zip(exif_block(6, order), kept, strict=True) if a != b]
    assert differing == [6]
    back = Image.Exif()
    back.load(kept)
    assert (back[0x0110], back[0x0112], back[0x8298]) == ("A camera", 1, "Someone")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "number"), [(1, "B"), (4, "I"), (6, "b"), (8, "h"), (9, "i")])
def test_orientations_of_other_types_are_reset_too(order, kind, number) -> None:
    block = bytearray(exif_block(6, order))
    entry = block.index(struct.pack(f"{order}H", 0x0112))
    struct.pack_into(f"{order}HI", block, entry + 2, kind, 1)
    block[entry + 8 : entry + 12] = struct.pack(f"{order}{number}", 6).ljust(4, b"\0")
    kept = metadata_of({"exif": bytes(block)}).exif
    back = Image.Exif()
    back.load(kept)
    assert back[0x0112] in (1, b"\1")


def test_orientation_is_reset_in_xmp_too() -> None:
    for before in (b'<r tiff:Orientation="6"/>', b"<tiff:Orientation>8</tiff:Orientation>"):
        after = metadata_of({"xmp": before}).xmp
        assert after == before.replace(b"6", b"1").replace(b"8", b"1")


@pytest.mark.parametrize("exif", [b"", b"MM", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"])
def test_exif_that_is_none_is_left_out(exif) -> None:
    """Kept, it would make writers of other formats fail."""
    with pytest.warns(LossWarning, match="the EXIF cannot be read: left out"):
        assert metadata_of({"exif": b"Exif\0\0" + exif}).exif is None


def test_sections_hold_everything() -> None:
    metadata = Metadata(b"profile" * 100, exif_block(1), b"<xmp/>")
    found: dict[str, bytes] = {}
    for section, stored in write_metadata(metadata).items():
        found |= read_metadata(section, stored).as_info()
    assert Metadata(**found) == metadata


def test_sections_are_bounded_before_they_are_expanded() -> None:
    with pytest.raises(ParameterError, match="strip leaves it out"):
        write_metadata(Metadata(xmp=bytes(METADATA_MAX_BYTES + 1)))
    bomb = zlib.compress(bytes(2**28), 9)
    with pytest.raises(DamagedError, match="end"):
        read_metadata(Section.XMP, bomb)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (40, 30)])
def test_alpha_comes_back(size) -> None:
    alpha = photo(*size)[..., 0]
    assert np.array_equal(decode_alpha(encode_alpha(alpha), size[1], size[0]), alpha)


def test_alpha_wider_than_a_webp_can_be() -> None:
    alpha = np.tile(np.arange(256, dtype=np.uint8), (2, 80))
    stored = encode_alpha(alpha)
    assert stored.startswith(b"\x89PNG")
    assert np.array_equal(decode_alpha(stored, *alpha.shape[::-1]), alpha)


def test_alpha_of_another_size_is_refused_before_it_is_decoded() -> None:
    stored = encode_alpha(np.zeros((20, 30), np.uint8))
    for size in ((20, 30), (30, 21), (16000, 16000)):
        with pytest.raises(DamagedError, match="size"):
            decode_alpha(stored, *size)
