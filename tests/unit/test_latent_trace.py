import numpy as np
import pytest
import torch

from tests.unit.test_latent_coder import CODE, SIZES, latents
from vlaecodec.analysis.trace import rebuild_latent, trace_latent
from vlaecodec.entropy.tables import latent_tables
from vlaecodec.latents.coder import encode_latent
from vlaecodec.networks.photo.architecture import PASSES
from vlaecodec.networks.photo.prior import pass_mask


@pytest.mark.parametrize(
    ("size", "bits_back"), [(s, False) for s in SIZES] + [((9, 7), True), ((16, 24), True)]
)
def test_a_trace_adds_up_and_goes_back_to_the_latents(tiny_model, size, bits_back) -> None:
    y = latents(tiny_model, *size)
    words, latent = encode_latent(tiny_model, y, CODE, bits_back=bits_back)
    trace = trace_latent(tiny_model, words, CODE, size)
    assert trace.size == size
    total_bits = trace.top_bits.sum() + sum(bits.sum() for bits in trace.pass_bits)
    # The stack holds whole words, and a flag, which costs 6 bits where it is 1.
    assert -8 <= 32 * len(words) - total_bits <= 64
    assert np.array_equal(rebuild_latent(tiny_model, trace.top, trace.symbols, CODE, size), latent)


def test_fewer_passes_keep_what_those_tell(tiny_model) -> None:
    size = (8, 12)
    words, latent = encode_latent(tiny_model, latents(tiny_model, *size), CODE)
    trace = trace_latent(tiny_model, words, CODE, size)
    quarters = latent.reshape(4, -1, *size)
    for passes in range(PASSES):
        fewer = rebuild_latent(tiny_model, trace.top, trace.symbols[:passes], CODE, size)
        cpu = torch.device("cpu")
        known = sum(
            (pass_mask(k, *size, cpu) for k in range(passes)), start=torch.zeros(4, 1, *size)
        )
        same = (fewer.reshape(quarters.shape) == quarters).all(1)
        assert same[known[:, 0].numpy() > 0].all()
        assert not same.all()


def test_another_top_latent_moves_what_is_predicted(tiny_model) -> None:
    size = (8, 12)
    words, latent = encode_latent(tiny_model, latents(tiny_model, *size), CODE)
    trace = trace_latent(tiny_model, words, CODE, size)
    moved = rebuild_latent(tiny_model, trace.top + 16, trace.symbols, CODE, size)
    assert not np.array_equal(moved, latent)


def test_code_lengths_are_those_of_the_tables() -> None:
    tables = latent_tables()
    for index in (0, 100, len(tables) - 1):
        frequencies, low = tables.table(index), int(tables.lows[index])
        symbols = low + np.arange(len(frequencies) - 1)
        lengths = tables.code_lengths(symbols, np.full(symbols.shape, index))
        assert np.allclose(2.0**-lengths * 2**24, frequencies[:-1])
        outside = np.array([low - 1, low + len(frequencies) - 1, 20000])
        lengths = tables.code_lengths(outside, np.full(3, index), escape_bits=16)
        assert np.allclose(lengths, 24 - np.log2(frequencies[-1]) + 16)
