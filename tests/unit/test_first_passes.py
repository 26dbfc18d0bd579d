"""What the end of a tile's words tells: the first passes as they were, later ones as predicted."""

import numpy as np
import pytest

from tests.unit.test_latent_coder import CODE, latents
from vlaecodec.analysis.trace import rebuild_latent, trace_latent
from vlaecodec.errors import DamagedError
from vlaecodec.frozen.passes import gather_pass
from vlaecodec.latents import coder as latent_coder
from vlaecodec.networks.photo.architecture import PASSES

SIZE = (20, 24)


def needed_words(model, words: np.ndarray) -> list[int]:
    """How many words from the end h and each pass need, those before it included."""
    left: list[int] = []

    class Watched(latent_coder.LatentStack):
        def pop(self, kind, indices):
            symbols = super().pop(kind, indices)
            if kind in ("top", "latent"):
                left.append(min([len(self.ans.words()) - 2, *left]))
            return symbols

    before, latent_coder.LatentStack = latent_coder.LatentStack, Watched
    try:
        latent_coder.decode_latent(model, words, CODE, *SIZE)
    finally:
        latent_coder.LatentStack = before
    return [len(words) - count for count in left]


@pytest.mark.parametrize("bits_back", [False, True])
def test_every_end_tells_the_passes_that_need_no_more_and_nothing_wrong(
    tiny_model, bits_back
) -> None:
    y = latents(tiny_model, *SIZE)
    words, whole = latent_coder.encode_latent(tiny_model, y, CODE, bits_back=bits_back)
    trace = trace_latent(tiny_model, words, CODE, SIZE)
    by_top, *needed = needed_words(tiny_model, words)
    assert 2 < by_top < needed[0] < needed[1] < needed[2] < len(words)
    counts = {n + d for n in (by_top, *needed[:-1]) for d in (-1, 0, 1)} | {1, len(words) // 2}
    for count in sorted(counts):
        passes = sum(n <= count for n in needed[:-1])
        if count < by_top:
            with pytest.raises(DamagedError, match="top latent"):
                latent_coder.decode_first_passes(tiny_model, words[-count:], CODE, *SIZE)
            continue
        latent = latent_coder.decode_first_passes(tiny_model, words[-count:], CODE, *SIZE)
        expected = rebuild_latent(tiny_model, trace.top, trace.symbols[:passes], CODE, SIZE)
        assert np.array_equal(latent, expected)
        for number in range(passes):
            assert np.array_equal(gather_pass(latent, number), gather_pass(whole, number))
    assert len(needed) == PASSES


def test_of_nothing_no_network_runs(tiny_model, monkeypatch) -> None:
    monkeypatch.setattr(latent_coder, "LatentPredictor", None)
    with pytest.raises(DamagedError, match="nothing"):
        latent_coder.decode_first_passes(tiny_model, np.zeros(0, np.uint32), CODE, *SIZE)
