"""Rate-distortion curves from rows of measurements, and comparisons of curves."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.kit.bd_rate import Curve, bd_rate
from vlaecodec.metrics.distortion import ms_ssim_db

Row = dict[str, Any]

MEANS = (
    "rate_bpp",
    "psnr_db",
    "psnr_yuv_db",
    "ms_ssim",
    "ssimulacra2",
    "flip",
    "sliced_wasserstein",
    "spectrum_distance",
    "encode_s",
    "decode_s",
)
BD_MEASURES = ("psnr_db", "ms_ssim", "ssimulacra2", "flip")
"""The measures of BD-rates: MS-SSIM in dB, FLIP with its sign turned, so that it rises."""


def mean_rows(rows: Iterable[Row]) -> list[Row]:
    """One codec's means over its pictures for each setting, by rate.

    A measure that any picture lacks has no mean: one over fewer pictures would not compare.
    """
    by_setting: dict[float, list[Row]] = {}
    for row in rows:
        by_setting.setdefault(row["setting"], []).append(row)
    means: list[Row] = []
    for setting, chosen in by_setting.items():
        mean: Row = {"setting": setting}
        for key in MEANS:
            values = [row[key] for row in chosen if row.get(key) is not None]
            if len(values) == len(chosen):
                mean[key] = float(np.mean(values))
        means.append(mean)
    return sorted(means, key=lambda row: row["rate_bpp"])


def points_of(rows: Iterable[Row], measure: str) -> list[tuple[float, float]]:
    """Rate and measure of rows by rate, the rows without that measure left out."""
    found = [(row["rate_bpp"], row[measure]) for row in rows if row.get(measure) is not None]
    return sorted(found)


def curve_of(rows: Iterable[Row], measure: str) -> list[tuple[float, float]]:
    """Rate and quality of rows, as BD_MEASURES says, for BD-rates.

    Where a larger file is not better, as happens at the ends of a rival's scale, it is left out.
    """
    points: list[tuple[float, float]] = []
    for rate, value in points_of(rows, measure):
        quality = _rising(measure, value)
        if not points or (quality > points[-1][1] and rate > points[-1][0]):
            points.append((rate, quality))
    return points


def _rising(measure: str, value: float) -> float:
    """A measure as BD-rates take it."""
    if measure == "ms_ssim":
        return ms_ssim_db(value)
    return -value if measure == "flip" else value


def rises_with_quality(rows: Iterable[Row]) -> bool:
    """Whether each higher setting gave a larger file and a better picture."""
    ordered = sorted(rows, key=lambda row: row["setting"])
    pairs = list(itertools.pairwise(ordered))
    return all(a[key] < b[key] for a, b in pairs for key in ("size_bytes", "psnr_db"))


def compare_curves(
    reference: Iterable[Row], tested: Iterable[Row], rates_bpp: tuple[float, float]
) -> dict[str, Any]:
    """BD-rates of two mean curves for each of BD_MEASURES that both have, with their overlaps."""
    theirs, ours = list(reference), list(tested)
    found = {
        measure: _bd_record(curve_of(theirs, measure), curve_of(ours, measure), rates_bpp)
        for measure in BD_MEASURES
    }
    return {measure: value for measure, value in found.items() if value is not None}


def read_published(path: Path) -> dict[str, dict[str, Any]]:
    """Curves of codecs that were not run: source and points, by codec.

    The file is CSV with the columns codec, bpp, psnr_db, and ms_ssim and source where known.
    Raises click.UsageError if it is not.
    """
    curves: dict[str, dict[str, Any]] = {}
    try:
        with path.open(newline="") as file:
            for line in csv.DictReader(file):
                point = {"rate_bpp": float(line["bpp"]), "psnr_db": float(line["psnr_db"])}
                if line.get("ms_ssim"):
                    point["ms_ssim"] = float(line["ms_ssim"])
                source = line.get("source") or path.name
                curve = curves.setdefault(line["codec"], {"source": source, "points": []})
                curve["points"].append(point)
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path}: not a table of published curves: {error}") from error
    return curves


def check_published_pictures(names: Collection[str]) -> None:
    """Raises click.UsageError unless the pictures are those that published means are over."""
    if set(names) != {f"kodim{number:02}" for number in range(1, 25)}:
        raise click.UsageError("published curves are means over the 24 Kodak photos, no others")


def _bd_record(
    reference: Curve, tested: Curve, rates_bpp: tuple[float, float]
) -> dict[str, Any] | None:
    """None if either curve is missing or they share no quality."""
    if min(len(reference), len(tested)) < 2:
        return None
    try:
        found = asdict(bd_rate(reference, tested, rates_bpp))
    except ValueError:
        return None
    return {
        "percent": round(found.pop("percent"), 2),
        **{key: [round(end, 4) for end in ends] for key, ends in found.items()},
    }
