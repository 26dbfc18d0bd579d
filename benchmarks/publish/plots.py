"""The plots of docs/results.md: which curves of a stored result they show."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.kit.codecs import OURS
from benchmarks.kit.curves import points_of
from benchmarks.kit.tables import Record, photos_of
from benchmarks.publish.chart import Series, draw_chart
from vlaecodec.metrics.distortion import ms_ssim_db

SHOWN_BPP = (0.08, 2.0)
AXES = {
    "psnr_db": ("PSNR over RGB", "dB"),
    "ms_ssim": ("MS-SSIM as -10 log10(1 - x)", "dB"),
    "ssimulacra2": ("SSIMULACRA2", ""),
    "sliced_wasserstein": ("Patch distance (sliced Wasserstein), less is nearer", ""),
}
"""Title and unit of each measure that is drawn."""


def draw_charts(record: Record) -> dict[str, str]:
    """An SVG for each measure that a rate-distortion record holds of ours."""
    charts = {}
    for measure, (title, unit) in AXES.items():
        series = list_series(record, measure)
        if any(line.is_ours for line in series):
            heading = f"{title}: {photos_of(record)}, means, whole files"
            charts[measure] = draw_chart(heading, unit, series, SHOWN_BPP)
    return charts


def list_series(record: Record, measure: str) -> list[Series]:
    """All curves of two points or more, ours first, published ones last."""
    curves = {name: (means, False) for name, means in record["mean"].items()}
    published = record["published"]["curves"].items()
    found = [
        Series(name, _points(rows, measure), is_published=is_published, is_ours=name == OURS)
        for name, (rows, is_published) in (
            *curves.items(),
            *((name, (curve["points"], True)) for name, curve in published),
        )
    ]
    return [series for series in found if len(series.points) > 1]


def _points(rows: Sequence[Record], measure: str) -> list[tuple[float, float]]:
    points = points_of(rows, measure)
    return [(r, ms_ssim_db(v)) for r, v in points] if measure == "ms_ssim" else points
