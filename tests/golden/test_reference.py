"""The real decoder agrees with the one written from FORMAT.md, sample for sample."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.golden import reference_decoder
from vlaecodec.codec import decode_pixels
from vlaecodec.model import WEIGHTS_NAME
from vlaecodec.registry import find_model

DECODE = Path(__file__).parent / "decode"


@pytest.mark.parametrize("name", sorted(json.loads((DECODE / "digests.json").read_text())))
def test_both_decoders_agree(name) -> None:
    data = (DECODE / name).read_bytes()
    pixels = reference_decoder.decode(data, find_model().folder / WEIGHTS_NAME)
    assert np.array_equal(pixels, decode_pixels(data))
