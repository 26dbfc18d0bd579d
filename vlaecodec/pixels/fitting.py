"""The encoder's choice of a tile's corrections: weighted least squares, and what they save.

All residuals being known, the encoder predicts a tile once; corrections change means and scales
alone, so what they would have been is computed from what was predicted without them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.scales import MEAN_UNITS, SCALE_UNITS, residual_scale
from vlaecodec.frozen.bands import do_all
from vlaecodec.frozen.layers import Floats
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.photo.distribution import CLASSES, DISTRIBUTION
from vlaecodec.pixels.correction import (
    COEFFICIENT_LIMIT,
    COEFFICIENT_UNIT,
    Correction,
    correct,
    corrected_grids,
)
from vlaecodec.pixels.kernel import Ints, classes_of
from vlaecodec.pixels.passes import Passes
from vlaecodec.pixels.residual import ResidualGrid
from vlaecodec.pixels.residual_coder import row_bits, value_bits

FIT_PIXELS = 2**15
"""A correction is fitted on one to two times as many pixels of a sub-grid, where it has them."""

MIN_PIXELS = 2**14
"""Smaller tiles gain less than the coefficients cost."""

MIN_SAMPLES = 1000
"""A class with fewer samples is left as it is."""

SHIFTS = (0, -12, -8, -4, 4, 8, 12)
"""Shifts of scales that are tried; the first is none."""

_RIDGE = 1e-4
_OUTLIER_SCALES = 3.0


def fit_all(
    model: PhotoModel, values: Ints, passes: Passes, predicted: list[Ints], grid: ResidualGrid
) -> dict[int, Correction | None]:
    """For each sub-grid that may have one the correction that suits it best, if it pays.

    values: residuals in steps, [3, 1, H, W]. passes: with all residuals known. predicted: mean,
    scale and tail of each sub-grid's samples, [3, 3 colours, pixels].
    """
    numbers = corrected_grids(len(passes.grids))
    found: dict[int, Correction | None] = dict.fromkeys(numbers)
    if passes.height * passes.width < MIN_PIXELS:
        return found

    def fit(number: int) -> None:
        sample = _take_sample(values, passes, number, predicted[number])
        found[number] = _fit(model, sample, grid)

    do_all(fit, list(numbers))
    return found


def apply_all(
    corrections: dict[int, Correction | None], passes: Passes, predicted: list[Ints]
) -> None:
    """Correct what was predicted with all residuals known."""
    jobs = [
        (number, correction, rows)
        for number, correction in corrections.items()
        if correction is not None
        for rows in passes.blocks_of(passes.grids[number])
    ]

    def apply(job: tuple[int, Correction, slice]) -> None:
        number, correction, rows = job
        subgrid = passes.grids[number]
        columns = subgrid.size(passes.height, passes.width)[1]
        seen = passes.inputs(subgrid, rows)[: passes.linear_inputs(number)]
        part = predicted[number][:, :, columns * rows.start : columns * rows.stop]
        part[:2] = correct(correction, seen, passes.known(subgrid, rows), part[0], part[1])

    do_all(apply, jobs)


@dataclass(frozen=True)
class Sample:
    """Some rows of a sub-grid."""

    seen: Floats
    """What its pixels see, as far as linear predictors do: [inputs, n], grey levels."""
    own: Floats
    """Their residuals, [3, n], grey levels; colours in coding order, here and below."""
    symbols: Ints
    """The same in steps."""
    means: Ints
    scales: Ints
    tails: Ints
    """What was predicted, [3, n], in DISTRIBUTION units."""
    part: float
    """Of the sub-grid's pixels."""


def _take_sample(values: Ints, passes: Passes, number: int, predicted: Ints) -> Sample:
    """Evenly spread rows, of FIT_PIXELS or more pixels together, where there are so many."""
    subgrid = passes.grids[number]
    rows, columns = subgrid.size(passes.height, passes.width)
    lines = slice(0, rows, max(1, rows * columns // FIT_PIXELS))
    chosen = predicted.reshape(3, 3, rows, columns)[:, :, lines].reshape(3, 3, -1)
    means, scales, tails = chosen
    return Sample(
        passes.inputs(subgrid, lines)[: passes.linear_inputs(number)],
        passes.known(subgrid, lines),
        values[:, 0][(slice(None), *subgrid.places)][:, lines].reshape(3, -1),
        means,
        scales,
        tails,
        part=chosen.shape[2] / (rows * columns),
    )


def _fit(model: PhotoModel, sample: Sample, grid: ResidualGrid) -> Correction | None:
    """The correction that suits a sub-grid best, or None if none is worth its bytes."""
    fitted = fit_means(sample.seen, sample.own, sample.means, sample.scales)
    moved, _ = correct(fitted, sample.seen, sample.own, sample.means, sample.scales)
    unmoved_bits, moved_bits = (
        _bits_by_class(model, sample, grid, each) for each in (sample.means, moved)
    )
    none = Correction.from_rows(np.zeros_like(fitted.to_rows()))
    shifted = replace(none, shift=_cheapest_shifts(unmoved_bits))
    fitted = replace(fitted, shift=_cheapest_shifts(moved_bits))
    # Each class takes what is cheapest for it.
    rows_of = np.stack([each.to_rows() for each in (none, shifted, fitted)])
    costs = np.stack([unmoved_bits[0], unmoved_bits.min(0), moved_bits.min(0)]).sum(2)
    costs /= sample.part
    costs += [[row_bits(model, row) for row in each] for each in rows_of]
    best = costs.argmin(0)
    if not best.any():
        return None
    return Correction.from_rows(rows_of[best, np.arange(CLASSES)])


def _cheapest_shifts(bits: NDArray[np.float64]) -> Ints:
    """Of bits [SHIFTS, CLASSES, 3]."""
    return np.array(SHIFTS, np.int32)[bits.argmin(0)]


def _bits_by_class(
    model: PhotoModel, sample: Sample, grid: ResidualGrid, means: Ints
) -> NDArray[np.float64]:
    """What samples cost with each of SHIFTS, added up by class and colour: [SHIFTS, CLASSES, 3]."""
    slots = (3 * classes_of(sample.scales) + np.arange(3)[:, None]).ravel()
    costs = []
    for shift in SHIFTS:
        shifted = np.clip(sample.scales + shift, DISTRIBUTION.low, DISTRIBUTION.high)
        index = grid.select_tables(means, shifted, sample.tails)
        bits = value_bits(model, sample.symbols, index)
        costs.append(np.bincount(slots, bits.ravel(), 3 * CLASSES).reshape(CLASSES, 3))
    return np.stack(costs)


def fit_means(seen: Floats, own: Floats, mean: Ints, scale: Ints) -> Correction:
    """The weighted least squares of what the means miss; scales are left as they are.

    seen [inputs, n], own [3, n]: what pixels see and their own residuals, grey levels. mean, scale:
    what was predicted, [3, n] in coding order, in MEAN_UNITS and SCALE_UNITS.
    """
    inputs, count = seen.shape
    fitted = np.zeros((CLASSES, 1 + inputs + 2, 3), np.int32)
    ones = np.ones((1, count), np.float32)
    regressors = np.ascontiguousarray(np.concatenate([ones, seen, own[:2]]).T)
    for number in range(3):
        used = 1 + inputs + number
        missed = own[number] - mean[number] / MEAN_UNITS
        spread = residual_scale(scale[number] / SCALE_UNITS)
        # Outliers count with their root.
        trust = np.sqrt(np.minimum(1, _OUTLIER_SCALES * spread / (np.abs(missed) + 1e-9)))
        weight = trust / (spread + 0.3)
        classes = classes_of(scale[number])
        for of_class in range(CLASSES):
            chosen = np.flatnonzero(classes == of_class)
            if len(chosen) < MIN_SAMPLES:
                continue
            # In float64: what is fitted must not depend on the order in which sums are formed.
            rows = (regressors[chosen, :used] * weight[chosen, None]).astype(np.float64)
            normal = rows.T @ rows
            normal += np.eye(used) * (len(rows) * _RIDGE + np.diagonal(normal) * _RIDGE)
            solution = np.linalg.solve(normal, rows.T @ (missed * weight)[chosen])
            fitted[of_class, :used, number] = np.clip(
                np.floor(solution * COEFFICIENT_UNIT + 0.5),
                -COEFFICIENT_LIMIT,
                COEFFICIENT_LIMIT - 1,
            )
    shift = np.zeros((CLASSES, 3), np.int32)
    return Correction(fitted[:, 1 : 1 + inputs], fitted[:, 1 + inputs :], fitted[:, 0], shift)
