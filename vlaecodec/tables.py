"""Integer probability tables, the only probabilities the entropy coder ever sees.

They are computed once, when a model is exported, and shipped with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FREQUENCY_BITS = 24
FREQUENCY_SUM = 2**FREQUENCY_BITS

SCALES = 64
"""How many scales of y the entropy coder distinguishes."""

SCALE_MIN = 0.11
"""The smallest scale, in quantisation steps."""

SCALE_RATIO = 1.12
"""Each scale is this many times the one before."""

FRACTIONS = 8
"""Means of the anchor are resolved to this part of a quantisation step."""

TOP_STEPS = 8
"""Grid steps of the top latent per standard deviation of its prior."""

TOP_SCALES = 16
"""Posterior scale j of the top latent stands for 2**(j / TOP_SCALE_OCTAVE) grid steps."""

TOP_SCALE_OCTAVE = 5

TOP_LIMIT = 40
"""Means of q(h | y1) stay within this many grid steps of zero."""

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


def latent_scale(index: float) -> float:
    """The standard deviation, in quantisation steps, that a scale index stands for."""
    return SCALE_MIN * SCALE_RATIO**index


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
