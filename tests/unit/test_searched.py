"""Search never makes a file larger at the same quality."""

import pytest

from vlaecodec.bitstream.container import Tile
from vlaecodec.codec.interface import Draft
from vlaecodec.codec.searched import code_no_larger


def draft_of(quality_code: int, size_bytes: int) -> Draft:
    return Draft(quality_code, [Tile(bytes(size_bytes), 0)])


@pytest.mark.parametrize(
    ("growth", "quality"), [(0.97, 50 * 256), (1.0, 50 * 256), (1.01, 12700), (1.2, 11400)]
)
def test_what_is_larger_is_coded_a_little_coarser(growth: float, quality: int) -> None:
    """Sizes of a codec that follows the slope that is assumed, but for whole bytes."""
    plain = draft_of(50 * 256, 10_000)

    def code(quality_code: int) -> Draft:
        slope = 1.035 ** ((quality_code - 50 * 256) / 256)
        return draft_of(quality_code, round(10_000 * growth * slope))

    found = code_no_larger(code, 50 * 256, plain)
    assert len(found.latents[0].payload) <= 10_000
    assert found is not plain
    assert found.quality_code >= quality


def test_what_stays_larger_is_left() -> None:
    plain = draft_of(50 * 256, 100)
    assert code_no_larger(lambda code: draft_of(code, 101), 50 * 256, plain) is plain
    assert code_no_larger(lambda code: draft_of(code, 500), 2 * 256, plain) is plain
