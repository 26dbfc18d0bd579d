"""What -q means: the table in the guide and in `encode --help`."""

import pytest
from click.testing import CliRunner

from benchmarks.publish import quality_table
from benchmarks.publish.quality_table import (
    alike,
    help_text,
    jxl_distance,
    keep_means,
    rates_at_targets,
)
from vlaecodec.cli.commands.encode import QUALITIES, encode

MEAN = {"setting": 1.0, "rate_bpp": 0.1, "ssimulacra2": 5.0, "psnr_db": 30.0}
RECORD = quality_table.read_record(quality_table.STORED)


@pytest.mark.parametrize(
    ("quality", "distance"), [(100, 0), (99, 0.19), (90, 1), (30, 6.4), (10, 15.2667), (0, 25)]
)
def test_jpeg_xl_qualities_are_distances(quality: float, distance: float) -> None:
    """As cjxl itself translates -q to -d."""
    assert jxl_distance(quality) == pytest.approx(distance, abs=1e-3)


def test_what_is_alike_lies_between_two_measured_settings() -> None:
    means = [{"ssimulacra2": 50.0, "setting": 40}, {"ssimulacra2": 70.0, "setting": 60}]
    assert alike(means, 55.0) == pytest.approx(45)
    assert alike(means[::-1], 70.0) == pytest.approx(60)
    assert alike(means, 71.0) is None
    assert alike(means, 49.0) is None


def test_the_guide_and_the_help_quote_the_stored_results() -> None:
    guide = quality_table.GUIDE.read_text()
    assert quality_table.insert(guide, RECORD) == guide
    assert help_text(quality_table.quality_table(RECORD)) == QUALITIES.read_text()


def test_the_table_rises() -> None:
    rows = quality_table.quality_table(RECORD).rows
    for column in (0, 1, 2):
        values = [float(row[column]) for row in rows]
        assert values == sorted(values)
    distances = [float(row[3]) for row in rows if row[3] != "-"]
    assert distances == sorted(distances, reverse=True)


def test_the_help_ends_with_it() -> None:
    shown = CliRunner().invoke(encode, ["--help"]).output
    rows = quality_table.quality_table(RECORD).rows
    assert [line.split() for line in shown.splitlines()][-len(rows) :] == rows


def test_targets_are_compared_on_each_picture() -> None:
    rows = [
        {"codec": codec, "picture": p, "setting": s, "rate_bpp": r, "ssimulacra2": q}
        for codec, p, s, r, q in (
            ("vlaecodec, by SSIMULACRA2", "a", 70, 1.0, 70.1),
            ("vlaecodec, by SSIMULACRA2", "b", 70, 3.0, 70.1),
            *((name, "a", s, s / 10, 60.0 + s) for name in ("AVIF", "JPEG XL") for s in (0, 20)),
            *((name, "b", s, s / 5, 60.0 + s) for name in ("AVIF", "JPEG XL") for s in (0, 20)),
        )
    ]
    (found,) = rates_at_targets(rows)
    assert found == pytest.approx({"target": 70, "vlaecodec": 2.0, "AVIF": 1.5, "JPEG XL": 1.5})
    kept = keep_means({"commit": "c", "mean": {"x": [MEAN]}, "rows": rows, "bd_rate": {}})
    assert kept["mean"] == {"x": [{"setting": 1.0, "rate_bpp": 0.1, "ssimulacra2": 5.0}]}
    assert set(kept) == {"commit", "mean", "at_targets"}
