import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlaecodec.entropy.ans import ESCAPE_LIMIT, AnsStack, CodingTables
from vlaecodec.entropy.tables import (
    FREQUENCY_SUM,
    FrequencyTables,
    latent_tables,
    posterior_tables,
)
from vlaecodec.errors import DamagedError

LATENT = CodingTables(latent_tables())
POSTERIOR = CodingTables(posterior_tables())

seeds = st.integers(0, 2**32 - 1)


def random_symbols(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, len(LATENT.tables), count)
    symbols = rng.normal(0, 3, count).round().astype(np.int32)
    wild = rng.random(count) < 0.02
    symbols[wild] = rng.integers(-ESCAPE_LIMIT, ESCAPE_LIMIT, int(wild.sum()))
    return symbols, indices


@given(seeds, st.integers(0, 300))
def test_pop_undoes_push_down_to_the_initial_state(seed: int, count: int) -> None:
    symbols, indices = random_symbols(seed, count)
    stack = AnsStack()
    stack.push(symbols, indices, LATENT)
    stack = AnsStack(stack.words())
    assert np.array_equal(stack.pop(indices, LATENT), symbols)
    assert stack.is_empty()


@given(seeds)
def test_push_undoes_pop(seed: int) -> None:
    """What bits-back coding rests on: a sample can be put back, and nothing has changed."""
    symbols, indices = random_symbols(seed, 500)
    stack = AnsStack()
    stack.push(symbols, indices, LATENT)
    before = stack.words()
    drawn = np.random.default_rng(seed).integers(0, len(POSTERIOR.tables), 40)
    sample = stack.pop(drawn, POSTERIOR)
    assert stack.size_bits() < 32 * len(before)
    stack.push(sample, drawn, POSTERIOR)
    assert np.array_equal(stack.words(), before)


def test_popped_samples_follow_the_table() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 2**32, 4000, dtype=np.uint64).astype(np.uint32)
    noise[-1] |= 1
    index = len(POSTERIOR.tables) - 1
    sample = AnsStack(noise).pop(np.full(10_000, index), POSTERIOR)
    assert abs(sample.mean()) < 0.4
    assert sample.std() == pytest.approx(2 ** (index / 5), rel=0.05)


def test_size_is_the_information_content() -> None:
    rng = np.random.default_rng(1)
    table = LATENT.tables.table(300)
    weights = table[:-1] / table[:-1].sum()
    symbols = rng.choice(len(weights), 5000, p=weights)
    expected = -np.log2(table[symbols] / FREQUENCY_SUM).sum()
    stack = AnsStack()
    stack.push((symbols + LATENT.tables.lows[300]).astype(np.int32), np.full(5000, 300), LATENT)
    assert math.isclose(stack.size_bits(), expected, rel_tol=0.002, abs_tol=64)


def test_frequencies_are_hit_exactly() -> None:
    """Awkward tables cost what their integers say, so the coder uses those very integers."""
    frequencies = np.array([1, 3, FREQUENCY_SUM - 11, 7], np.int32)
    tables = CodingTables(
        FrequencyTables(
            frequencies, np.array([0, 4], np.int32), np.zeros(1, np.int32), escape=False
        )
    )
    for symbol, frequency in enumerate(frequencies):
        # On an empty stack the first table entry is free, hence something below it.
        stack = AnsStack(np.array([123456789, 987654321], np.uint32))
        start, count = stack.size_bits(), 1000
        stack.push(np.full(count, symbol, np.int32), np.zeros(count, np.int64), tables)
        expected = count * math.log2(FREQUENCY_SUM / frequency)
        assert abs(stack.size_bits() - start - expected) < 2


def test_impossible_symbols_are_refused_before_anything_changes() -> None:
    stack = AnsStack()
    stack.push(np.array([1], np.int32), np.array([0]), LATENT)
    before = stack.words()
    with pytest.raises(DamagedError):
        stack.push(np.array([0, 10_000], np.int32), np.array([0, 0]), POSTERIOR)
    with pytest.raises(DamagedError):
        stack.push(np.array([ESCAPE_LIMIT], np.int32), np.array([0]), LATENT)
    assert np.array_equal(stack.words(), before)


def test_a_final_zero_word_is_refused() -> None:
    with pytest.raises(DamagedError):
        AnsStack(np.array([5, 0], np.uint32))
