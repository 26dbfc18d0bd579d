"""How long to search for cheaper latents: what `--effort` and `--tune` ask for."""

from __future__ import annotations

from dataclasses import dataclass

from vlaecodec.errors import ParameterError
from vlaecodec.model.registry import TUNES, ModelEntry

EFFORT_STEPS = {1: 0, 2: 15, 3: 25, 4: 40, 5: 65, 6: 100, 7: 160, 8: 250, 9: 400}
"""Descent steps for each effort."""

DEFAULT_EFFORT = 1
"""One pass; rounding by rate alone, which would cost no time, gained 0.3 % and is left out."""

OTHER_TUNE_EFFORT = 5
"""The default where the model was trained for another metric: only search optimises this one."""

LEARNING_RATE = 0.01
"""Of Adam, in quantisation steps."""

OTHER_TUNE_LEARNING_RATE = 0.015
"""The optimum of another metric lies further away."""


@dataclass(frozen=True)
class Search:
    """How to search, and for what."""

    steps: int
    """Of descent; 0: the analysis network's guess is taken."""
    tune: str
    """One of TUNES."""
    learning_rate: float


def plan_search(effort: int | None, tune: str, entry: ModelEntry) -> Search:
    """The search of an effort; None is the default one. Raises ParameterError.

    tune: the metric to minimise. entry: the model, which was trained for it or not.
    """
    if tune not in TUNES:
        raise ParameterError(f"tune must be {' or '.join(TUNES)}, not {tune!r}")
    trained = tune == entry.tuned_for
    if effort is None:
        effort = DEFAULT_EFFORT if trained else OTHER_TUNE_EFFORT
    if not isinstance(effort, int) or effort not in EFFORT_STEPS:
        raise ParameterError(f"effort must be a whole number from 1 to 9, not {effort!r}")
    if not (trained or EFFORT_STEPS[effort]):
        raise ParameterError(
            f"{entry.name} is tuned for {entry.tuned_for}: tuning for {tune} takes effort 2 or more"
        )
    learning_rate = LEARNING_RATE if trained else OTHER_TUNE_LEARNING_RATE
    return Search(EFFORT_STEPS[effort], tune, learning_rate)
