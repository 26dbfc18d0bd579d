"""Integer probability tables, the only probabilities the entropy coder ever sees.

They are computed once, when a model is exported, and shipped with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.scales import (
    CODE_SCALE_OCTAVE,
    CODE_SCALES,
    CODE_UNITS,
    FRACTIONS,
    LOGIT_LIMIT,
    LOGIT_UNITS,
    RESIDUAL_ENTRIES,
    RESIDUAL_ROWS,
    SCALES,
    TAIL_LEVELS,
    TAIL_RATIO,
    TOP_LIMIT,
    TOP_SCALE_OCTAVE,
    TOP_SCALES,
    TOP_STEPS,
    latent_scale,
    residual_scale,
    tail_logit,
)

FREQUENCY_BITS = 24
FREQUENCY_SUM = 2**FREQUENCY_BITS

_TAIL = 4.5
"""Tables reach this many standard deviations; what lies beyond is escaped or impossible."""


@dataclass(frozen=True)
class FrequencyTables:
    """A family of tables; table t gives symbol `lows[t] + i` the frequency `table(t)[i]`.

    Frequencies are at least 1 and sum to 2**24. With `escape`, a table's last entry stands for
    every symbol outside the table.
    """

    frequencies: NDArray[np.int32]
    starts: NDArray[np.int32]
    lows: NDArray[np.int32]
    escape: bool

    def __len__(self) -> int:
        return len(self.lows)

    def table(self, index: int) -> NDArray[np.int32]:
        """Frequencies of one table, int32 [n]."""
        return self.frequencies[self.starts[index] : self.starts[index + 1]]

    @cached_property
    def entry_bits(self) -> NDArray[np.float64]:
        """-log2 of the probability of every entry, laid out as `frequencies`."""
        return FREQUENCY_BITS - np.log2(self.frequencies)

    def code_lengths(
        self,
        symbols: NDArray[np.integer],
        indices: NDArray[np.integer],
        escape_bits: float = 0,
    ) -> NDArray[np.float64]:
        """What each symbol costs with the table of its index, in bits; int arrays of one shape.

        escape_bits: what an escaped symbol costs beside its escape.
        """
        starts = self.starts.take(indices)
        entries = symbols.astype(np.int64) - self.lows.take(indices)
        if not self.escape:
            return self.entry_bits.take(starts + entries)
        last = self.starts.take(indices + 1) - starts - 1
        escaped = (entries < 0) | (entries >= last)
        entries = np.where(escaped, last, entries)
        return self.entry_bits.take(starts + entries) + escape_bits * escaped

    def check(self) -> None:
        """Raise ValueError unless every table is usable."""
        sizes = np.diff(self.starts)
        ends = self.starts[0], self.starts[-1]
        if len(sizes) != len(self.lows) or ends != (0, len(self.frequencies)) or sizes.min() < 2:
            raise ValueError("frequency tables have inconsistent sizes")
        sums = np.add.reduceat(self.frequencies.astype(np.int64), self.starts[:-1])
        if np.any(self.frequencies < 1) or np.any(sums != FREQUENCY_SUM):
            raise ValueError("frequencies must be at least 1 and sum to 2**24")


def to_frequencies(masses: NDArray[np.float64]) -> NDArray[np.int32]:
    """Integers of at least 1 that sum to 2**24, in proportion to `masses` as nearly as can be."""
    spare = FREQUENCY_SUM - len(masses)
    exact = masses / masses.sum() * spare
    whole = np.floor(exact).astype(np.int64)
    rest = int(spare - whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:rest]] += 1
    return (whole + 1).astype(np.int32)


def gaussian_masses(low: int, high: int, mean: float, scale: float) -> NDArray[np.float64]:
    """The mass of N(mean, scale**2) on the unit interval around each of low..high."""
    edges = (np.arange(low, high + 2) - 0.5 - mean) / (scale * math.sqrt(2))
    cumulative = np.array([0.5 * math.erfc(-e) for e in edges])
    upper = np.array([0.5 * math.erfc(e) for e in edges])
    # Differences of the smaller tail keep their digits.
    return np.where(edges[1:] <= 0, np.diff(cumulative), -np.diff(upper))


def _collect(tables: list[tuple[int, NDArray[np.float64]]], *, escape: bool) -> FrequencyTables:
    frequencies = [to_frequencies(masses) for _, masses in tables]
    starts = np.concatenate([[0], np.cumsum([len(f) for f in frequencies])])
    return FrequencyTables(
        np.concatenate(frequencies),
        starts.astype(np.int32),
        np.array([low for low, _ in tables], np.int32),
        escape,
    )


def latent_tables() -> FrequencyTables:
    """Tables of y: index scale * FRACTIONS + fraction of the mean, with escape."""
    tables = []
    for scale in (latent_scale(i) for i in range(SCALES)):
        reach = math.ceil(_TAIL * scale) + 1
        for fraction in range(FRACTIONS):
            mean = fraction / FRACTIONS
            masses = gaussian_masses(-reach, reach + 1, mean, scale)
            escape = max(1.0 - masses.sum(), 0.0)
            tables.append((-reach, np.append(masses, escape)))
    return _collect(tables, escape=True)


def posterior_tables() -> FrequencyTables:
    """Tables of h - mean under q(h | y1), one for each scale index."""
    tables = []
    for index in range(TOP_SCALES):
        scale = 2 ** (index / TOP_SCALE_OCTAVE)
        reach = math.ceil(_TAIL * scale)
        tables.append((-reach, gaussian_masses(-reach, reach, 0.0, scale)))
    return _collect(tables, escape=False)


def top_tables() -> FrequencyTables:
    """Tables of h under its prior N(0, 1): 0 on the fine grid, 1 for h rounded to whole deviations.

    The second serves the deterministic fallback, which has no bits back to pay for a fine grid.
    """
    reach = TOP_LIMIT + math.ceil(_TAIL * 2 ** ((TOP_SCALES - 1) / TOP_SCALE_OCTAVE))
    coarse = TOP_LIMIT // TOP_STEPS
    return _collect(
        [
            (-reach, gaussian_masses(-reach, reach, 0.0, TOP_STEPS)),
            (-coarse, gaussian_masses(-coarse, coarse, 0.0, 1.0)),
        ],
        escape=False,
    )


def flag_tables() -> FrequencyTables:
    """One table for a flag that is nearly always 0."""
    return _collect([(0, np.array([63 / 64, 1 / 64]))], escape=False)


def residual_tables() -> FrequencyTables:
    """Tables of the local decoder's residuals, with escape; all of RESIDUAL_ENTRIES entries.

    A model may have some of other RESIDUAL_ROWS and entries.

    Index (tail level * RESIDUAL_ROWS + scale row) * FRACTIONS + fraction of the mean. A sample is a
    mixture of two logistics, one TAIL_RATIO times as wide as the other.
    """
    reach = RESIDUAL_ENTRIES // 2
    tables = []
    for level in range(TAIL_LEVELS):
        weight = 1 / (1 + math.exp(-tail_logit(level)))
        for scale in (residual_scale(row) for row in range(RESIDUAL_ROWS)):
            for fraction in range(FRACTIONS):
                mean = fraction / FRACTIONS
                masses = (1 - weight) * logistic_masses(-reach, reach - 2, mean, scale)
                masses += weight * logistic_masses(-reach, reach - 2, mean, scale * TAIL_RATIO)
                tables.append((-reach, np.append(masses, max(1.0 - masses.sum(), 0.0))))
    return _collect(tables, escape=True)


def logistic_masses(low: int, high: int, mean: float, scale: float) -> NDArray[np.float64]:
    """The mass of a logistic on the unit interval around each of low..high."""
    a, h = np.abs(np.arange(low, high + 1) - mean) / scale, 0.5 / scale
    return -np.expm1(-2 * h) * np.exp(h - a) / ((1 + np.exp(-a - h)) * (1 + np.exp(-a + h)))


def code_tables() -> FrequencyTables:
    """One table of a small image's latent under its prior N(0, 1), with escape."""
    reach = round(1.5 * _TAIL * CODE_UNITS)
    masses = gaussian_masses(-reach, reach, 0.0, CODE_UNITS)
    return _collect([(-reach, np.append(masses, max(1.0 - masses.sum(), 0.0)))], escape=True)


def code_posterior_tables() -> FrequencyTables:
    """Tables of that latent less its mean under q(z | x), one for each scale index."""
    tables = []
    for index in range(CODE_SCALES):
        scale = 2 ** (index / CODE_SCALE_OCTAVE)
        reach = math.ceil(_TAIL * scale)
        tables.append((-reach, gaussian_masses(-reach, reach, 0.0, scale)))
    return _collect(tables, escape=False)


def logit_tables() -> FrequencyTables:
    """Tables of a black or white pixel, one for each logit from -LOGIT_LIMIT to LOGIT_LIMIT."""
    tables = []
    for logit in range(-LOGIT_LIMIT, LOGIT_LIMIT + 1):
        white = 1 / (1 + math.exp(-logit / LOGIT_UNITS))
        tables.append((0, np.array([1 - white, white])))
    return _collect(tables, escape=False)


def small_model_tables() -> dict[str, FrequencyTables]:
    """Every family of tables that a model for small images ships, by name."""
    return {
        "latent": latent_tables(),
        "code": code_tables(),
        "posterior": code_posterior_tables(),
        "logit": logit_tables(),
    }


def model_tables() -> dict[str, FrequencyTables]:
    """Every family of tables that a model ships, by name."""
    return {
        "latent": latent_tables(),
        "posterior": posterior_tables(),
        "top": top_tables(),
        "flag": flag_tables(),
        "residual": residual_tables(),
    }
