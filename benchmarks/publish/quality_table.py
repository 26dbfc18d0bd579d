"""What each -q gives: rate, SSIMULACRA2, and settings of JPEG XL and AVIF with the same score.

bin/benchmark quality_table [RECORD]

Writes the table into docs/guide.md and for `encode --help`. RECORD, made by rate_distortion with
SSIMULACRA2, replaces the stored one; its means are what is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.kit.codecs import OURS, TARGETED
from benchmarks.kit.record import RESULTS, ROOT, write_record, write_text
from benchmarks.kit.tables import Record, Table, lay_out, made_with, read_record
from vlaecodec.cli.commands.encode import QUALITIES

STORED = RESULTS / "qualities.json"
GUIDE = ROOT / "docs" / "guide.md"
BEGIN = "<!-- qualities: written by bin/benchmark quality_table -->\n"
END = "<!-- end of qualities -->"
JPEG_XL, AVIF = "JPEG XL", "AVIF"
MEASURE = "ssimulacra2"
INDENT = "  "

Row = dict[str, Any]


def jxl_distance(quality: float) -> float:
    """What `cjxl -d` is for a quality, as libjxl's JxlEncoderDistanceFromQuality has it."""
    if quality >= 100:
        return 0.0
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def alike(means: list[Row], score: float) -> float | None:
    """The setting whose mean SSIMULACRA2 is that, on the line between two; None outside of all."""
    points = sorted((mean[MEASURE], mean["setting"]) for mean in means)
    scores, settings = zip(*points, strict=True)
    if not scores[0] <= score <= scores[-1]:
        return None
    return float(np.interp(score, scores, settings))


def quality_table(record: Record) -> Table:
    """A row for each measured quality."""
    means = record["mean"]
    rows = {}
    for mean in sorted(means[OURS], key=lambda mean: mean["setting"]):
        jxl, avif = (alike(means[name], mean[MEASURE]) for name in (JPEG_XL, AVIF))
        distance = None if jxl is None else jxl_distance(jxl)
        rows[f"{mean['setting']:g}"] = mean | {"jxl": distance, "avif": avif}
    return lay_out(
        f"Means of {len(record['pictures'])} validation photos of about 0.15 megapixels; "
        f"{made_with(record)}:",
        "-q",
        rows,
        {
            "bits per pixel": "{rate_bpp:.2f}",
            "SSIMULACRA2": "{ssimulacra2:.0f}",
            "cjxl -d": "{jxl:.1f}",
            "AVIF quality": "{avif:.0f}",
        },
    )


def rates_at_targets(rows: list[Row]) -> list[Row]:
    """For each target the mean rate of ours, and of others at that SSIMULACRA2 on each picture."""
    pictures = dict.fromkeys(row["picture"] for row in rows)
    ours = [row for row in rows if row["codec"] == TARGETED]
    found = []
    for target in dict.fromkeys(row["setting"] for row in ours):
        rates: Row = {"target": target}
        rates[OURS] = float(np.mean([r["rate_bpp"] for r in ours if r["setting"] == target]))
        for name in (AVIF, JPEG_XL):
            rates[name] = float(np.mean([_rate_at(rows, name, p, target) for p in pictures]))
        found.append(rates)
    return found


def _rate_at(rows: list[Row], codec: str, picture: str, score: float) -> float:
    """On the line between the measured files of a codec and picture."""
    chosen = [row for row in rows if (row["codec"], row["picture"]) == (codec, picture)]
    points = sorted((row[MEASURE], row["rate_bpp"]) for row in chosen)
    scores, rates = zip(*points, strict=True)
    return float(np.interp(score, scores, rates))


def target_table(record: Record) -> Table:
    """What files by `--target-ssimulacra2` take, and others at the same."""
    return lay_out(
        "On the same photos, each of which meets the target, bits per pixel:",
        "--target-ssimulacra2",
        {f"{rates['target']:g}": rates for rates in record["at_targets"]},
        {name: f"{{{name}:.2f}}" for name in (OURS, AVIF, JPEG_XL)},
        [
            "Beyond what the networks reach on a photo, files become near-lossless, and far "
            "larger: that is most photos at 80."
        ],
    )


def help_text(table: Table) -> str:
    """The rows in columns, as `encode --help` shows them."""
    cells = [table.columns, *table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    lines = [
        INDENT + "  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in cells
    ]
    return "\n".join(lines) + "\n"


def insert(guide: str, record: Record) -> str:
    """The guide's text with the table and what targets take."""
    before, rest = guide.split(BEGIN)
    tables = (quality_table(record), target_table(record))
    text = "\n\n".join(table.to_markdown() for table in tables) + "\n"
    return before + BEGIN + text + END + rest.split(END)[1]


def keep_means(record: Record) -> Record:
    """A record without its rows, and of its means what the table takes."""
    left_out = ("rows", "published", "bd_rate", "bd_rate_bpp", "rises_with_quality")
    kept = {key: value for key, value in record.items() if key not in left_out}
    kept["mean"] = {
        name: [{key: mean[key] for key in ("setting", "rate_bpp", MEASURE)} for mean in means]
        for name, means in record["mean"].items()
    }
    kept["at_targets"] = rates_at_targets(record["rows"])
    return kept


@click.command()
@click.argument(
    "record_path",
    metavar="[RECORD]",
    required=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
def main(record_path: Path | None) -> None:
    """Rewrite the tables from RECORD, which is stored then, or from the stored one."""
    if record_path is not None:
        write_record(STORED, keep_means(read_record(record_path)))
    record = read_record(STORED)
    write_text(GUIDE, insert(GUIDE.read_text(), record))
    write_text(QUALITIES, help_text(quality_table(record)))


if __name__ == "__main__":
    main()
