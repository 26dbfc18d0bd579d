"""The encoder's choice of a tile's corrections: weighted least squares, and what they save.

All residuals being known, the encoder predicts a tile once; corrections change means and scales
alone, so what they would have been is computed from what was predicted without them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product

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
"""A correction is fitted on about so many pixels of a sub-grid, where it has them."""

WEIGHED_PIXELS = 2**13
"""What it saves is seen on about so many of these."""

MIN_PIXELS = 2**14
"""Smaller tiles gain less than the coefficients cost."""

MIN_SAMPLES = 1000
"""A class with fewer samples is left as it is."""

SHIFTS = (0, -32, -24, -16, -12, -8, -4, 4, 8, 12, 16, 24, 32)
"""Shifts of scales that are tried; the first is none."""

OPTIMISM_BITS = 2 / math.log(2)
"""How much less each coefficient saves, on as many pixels as it was fitted on, on others: one nat
for the fit to what is chance there (Akaike 1974), and as much for weights that are not quite
right."""

_SPREADS = residual_scale(
    np.arange(DISTRIBUTION.low, DISTRIBUTION.high + 1, dtype=np.float32) / SCALE_UNITS
)
_RIDGES = (1e-4, 4e-3)
"""Fits that are tried: sharp scans want the weak ridge, noisy ones the strong one."""

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

    samples: dict[int, Sample] = {}

    def take(number: int) -> None:
        samples[number] = _take_sample(values, passes, number, predicted[number])

    do_all(take, list(numbers))
    means = fit_means([samples[number] for number in numbers])

    def choose(number: int) -> None:
        found[number] = _choose(model, means[number - numbers[0]], samples[number], grid)

    do_all(choose, list(numbers))
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

    def thinned(self, step: int) -> Sample:
        """One of so many pixels."""
        pixels = slice(None, None, step)
        return Sample(
            np.ascontiguousarray(self.seen[:, pixels]),
            np.ascontiguousarray(self.own[:, pixels]),
            self.symbols[:, pixels],
            self.means[:, pixels],
            self.scales[:, pixels],
            self.tails[:, pixels],
            self.part * len(range(0, self.seen.shape[1], step)) / self.seen.shape[1],
        )


def _take_sample(values: Ints, passes: Passes, number: int, predicted: Ints) -> Sample:
    """Evenly spread rows, of about FIT_PIXELS pixels together, where there are so many."""
    subgrid = passes.grids[number]
    rows, columns = subgrid.size(passes.height, passes.width)
    lines = slice(0, rows, _odd(rows * columns // FIT_PIXELS))
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


def _odd(step: int) -> int:
    """So that every place of the blocks that a JPEG had, if it was one, is among what is taken."""
    return step | 1


def _choose(
    model: PhotoModel, fits: list[Correction], sample: Sample, grid: ResidualGrid
) -> Correction | None:
    """Of fitted means with the shifts that suit them what is worth its bytes, for each class."""
    some = sample.thinned(_odd(sample.seen.shape[1] // WEIGHED_PIXELS))
    none = Correction.from_rows(np.zeros_like(fits[0].to_rows()))
    bits = _bits_by_class(model, some, grid, some.means)
    tried, all_bits = [none], [bits[0]]
    for number, each in enumerate([none, *fits]):
        if number:
            moved, _ = correct(each, some.seen, some.own, some.means, some.scales)
            bits = _bits_by_class(model, some, grid, moved)
        tried.append(replace(each, shift=_cheapest_shifts(bits)))
        all_bits.append(bits.min(0))
    rows_of = np.stack([each.to_rows() for each in tried])
    costs = np.stack(all_bits).sum(2) / some.part
    costs += [[row_bits(model, row) for row in each] for each in rows_of]
    costs += OPTIMISM_BITS * (1 / sample.part - 1) * np.count_nonzero(rows_of, axis=2)
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


def fit_means(samples: list[Sample]) -> list[list[Correction]]:
    """The weighted least squares of what each sample's means miss; scales are left as they are.

    For each sample one correction for each of _RIDGES.
    """
    inputs = [len(sample.seen) for sample in samples]
    fitted = [np.zeros((len(_RIDGES), CLASSES, 1 + count + 2, 3), np.int32) for count in inputs]
    regressors: list[Floats] = [np.empty((0, 0), np.float32)] * len(samples)

    def gather(number: int) -> None:
        sample = samples[number]
        ones = np.ones((1, sample.seen.shape[1]), np.float32)
        rows = np.concatenate([ones, sample.seen, sample.own[:2]])
        regressors[number] = np.ascontiguousarray(rows.T)

    def fit(job: tuple[int, int]) -> None:
        number, colour = job
        solutions = _fit_colour(regressors[number], samples[number], colour)
        fitted[number][:, :, : solutions.shape[2], colour] = solutions

    numbers = range(len(samples))
    do_all(gather, list(numbers))
    do_all(fit, list(product(numbers, range(3))))
    shift = np.zeros((CLASSES, 3), np.int32)
    return [
        [Correction(fit[:, 1 : 1 + count], fit[:, 1 + count :], fit[:, 0], shift) for fit in fits]
        for count, fits in zip(inputs, fitted, strict=True)
    ]


def _fit_colour(regressors: Floats, sample: Sample, colour: int) -> Ints:
    """For each class the coefficients of one, what pixels see, and the colours before.

    regressors: [n, inputs], for the last colour. Returns [_RIDGES, CLASSES, inputs].
    """
    used = regressors.shape[1] - 2 + colour
    scale = sample.scales[colour]
    missed = sample.own[colour] - sample.means[colour] / np.float32(MEAN_UNITS)
    spread = _SPREADS.take(scale - DISTRIBUTION.low)
    # Outliers count with their root.
    trust = np.sqrt(np.minimum(1, _OUTLIER_SCALES * spread / (np.abs(missed) + 1e-9)))
    weight = trust / (spread + np.float32(0.3))
    classes = classes_of(scale)
    fitted = np.zeros((len(_RIDGES), CLASSES, used), np.int32)
    for of_class in range(CLASSES):
        chosen = np.flatnonzero(classes == of_class)
        if len(chosen) < MIN_SAMPLES:
            continue
        rows = regressors.take(chosen, axis=0)[:, :used]
        rows *= weight[chosen, None]
        normal = (rows.T @ rows).astype(np.float64)
        right = rows.T @ (missed * weight)[chosen]
        for number, ridge in enumerate(_RIDGES):
            added = ridge * (len(rows) + np.diagonal(normal))
            solution = np.linalg.solve(normal + np.diag(added), right)
            whole = np.floor(solution * COEFFICIENT_UNIT + 0.5)
            limits = -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT - 1
            fitted[number, of_class] = np.clip(whole, *limits)
    return fitted
