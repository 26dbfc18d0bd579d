import math

import numpy as np
import pytest

from vlaecodec.entropy.scales import FRACTIONS, SCALES, latent_scale
from vlaecodec.entropy.tables import (
    FREQUENCY_SUM,
    FrequencyTables,
    flag_tables,
    gaussian_masses,
    latent_tables,
    posterior_tables,
    to_frequencies,
    top_tables,
)


@pytest.mark.parametrize("make", [latent_tables, posterior_tables, top_tables, flag_tables])
def test_families_are_valid(make) -> None:
    make().check()


def test_frequencies_follow_the_masses() -> None:
    masses = np.array([0.5, 0.25, 0.25, 1e-30])
    frequencies = to_frequencies(masses)
    assert frequencies.sum() == FREQUENCY_SUM
    assert frequencies[3] == 1
    assert abs(frequencies[0] / FREQUENCY_SUM - 0.5) < 1e-6


def test_gaussian_masses_sum_to_one_and_keep_their_tails() -> None:
    masses = gaussian_masses(-60, 60, 0.25, 3.0)
    assert masses.sum() == pytest.approx(1.0)
    assert masses[0] > 0
    assert masses[-1] > 0


def test_coding_cost_of_a_gaussian_is_its_entropy() -> None:
    tables, index = latent_tables(), 40
    scale = latent_scale(index)
    frequencies = tables.table(index * FRACTIONS) / FREQUENCY_SUM
    entropy_bits = -(frequencies * np.log2(frequencies)).sum()
    assert entropy_bits == pytest.approx(0.5 * math.log2(2 * math.pi * math.e * scale**2), abs=0.01)


def test_the_fraction_moves_the_mean() -> None:
    tables = latent_tables()
    for scale in (0, 20, SCALES - 1):
        for fraction in range(FRACTIONS):
            index = scale * FRACTIONS + fraction
            frequencies = tables.table(index)[:-1].astype(float)
            symbols = tables.lows[index] + np.arange(len(frequencies))
            mean = (symbols * frequencies).sum() / frequencies.sum()
            # Below half a step a Gaussian this narrow rounds to whole symbols.
            tolerance = 0.51 if scale == 0 else 0.02
            assert mean == pytest.approx(fraction / FRACTIONS, abs=tolerance)


def test_bad_tables_are_refused() -> None:
    good = flag_tables()
    bad = FrequencyTables(good.frequencies - 1, good.starts, good.lows, escape=False)
    with pytest.raises(ValueError, match="sum to"):
        bad.check()
