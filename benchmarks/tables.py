"""Stored results as tables of text, for README.md and for the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.codecs import OURS
from benchmarks.curves import curve_of

RATES_BPP = (0.15, 0.25, 0.5, 1.0)
Record = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption; the first column names the rows."""

    caption: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def to_markdown(self) -> str:
        """Caption, table and notes, each a paragraph."""
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, *self.rows)]
        lines.insert(1, "|" + "---|" * len(self.columns))
        return "\n\n".join([self.caption, "\n".join(lines), *self.notes])


def made_with(record: Record) -> str:
    """The model and the commit that a record belongs to."""
    commit = record.get("commit")
    if commit is None:
        return f"model {record['model']}, commit not recorded"
    changed = " with changes" if record.get("uncommitted_changes") else ""
    return f"model {record['model']}, commit {commit[:12]}{changed}"


def rate_distortion_table(record: Record, published: bool = False) -> Table:
    """Mean PSNR at a few rates, and the BD-rates of vlaecodec against each other codec."""
    low, high = record["bd_rate_bpp"]
    comparisons = record["bd_rate"].get(OURS, {})
    curves = {name: curve_of(means, "psnr_db") for name, means in record["mean"].items()}
    if published:
        for name, curve in record["published"]["curves"].items():
            curves[f"{name} (published, not run)"] = curve_of(curve["points"], "psnr_db")
    rows = []
    for name, curve in curves.items():
        found = comparisons.get(name.removesuffix(" (published, not run)"), {})
        cells = [psnr_at(curve, rate) for rate in RATES_BPP]
        rows.append([name, *cells, *(bd_cell(found, key) for key in ("psnr_db", "ms_ssim"))])
    return Table(
        f"{count(record)}, whole files, mean PSNR (RGB, dB) at a rate; {made_with(record)}:",
        ["codec", *(f"{r} bpp" for r in RATES_BPP), "our BD-rate, PSNR", "our BD-rate, MS-SSIM"],
        rows,
        [
            "BD-rate: how much less (-) rate ours needs for the same quality, of the mean curves, "
            f"over what both reach within {low} to {high} bpp of the other codec. Rivals as in "
            "Pillow: JPEG 4:2:0 optimised, WebP method 6, JPEG 2000 with the 9/7 wavelet and "
            "colour transform, AVIF 4:4:4 speed 6, JPEG XL effort 7."
        ],
    )


def lossless_table(record: Record) -> Table:
    """Mean bits per sub-pixel of exact and nearly exact files."""
    means = record["mean"]
    pictures = len(next(iter(record["results"].values())))
    return Table(
        f"Lossless, Kodak, {pictures} photos, whole files; {made_with(record)}:",
        ["codec", *means],
        [["bits per sub-pixel", *(f"{mean['rate_bpsp']:.3f}" for mean in means.values())]],
    )


def texture_table(record: Record) -> Table:
    """How near textures come to the photos', at equal bytes."""
    pictures = len(next(iter(next(iter(record["results"].values())).values())))
    means = record["mean"]
    rows = []
    for name in next(iter(means.values())):
        cells = [
            f"{r['sliced_wasserstein']:.1f} / {r['spectrum_distance']:.2f} / {r['psnr_db']:.2f} dB"
            for r in (of_rate[name] for of_rate in means.values())
        ]
        rows.append([name, *cells])
    return Table(
        f"Texture, {pictures} Kodak photos at equal bytes; patch distance (sliced Wasserstein) "
        f"and spectrum distance to the photo, less is nearer, and the price in PSNR; "
        f"{made_with(record)}:",
        ["codec", *(f"{m['mean image']['rate_bpp']:.2f} bpp" for m in means.values())],
        rows,
    )


def speed_table(record: Record) -> Table:
    """Median seconds for a 768 x 512 photo, in process."""
    rows = [
        [name, *(_seconds(row.get(key)) for key in ("encode_s", "decode_s"))]
        for name, row in {**record["modes"], **record["rivals"]}.items()
    ]
    largest, memory = record["sizes"][-1], record["memory"][-1]
    notes = [
        f"A {largest['megapixels']:.0f}-megapixel photo: encode {largest['encode_s']:.1f} s, "
        f"decode {largest['decode_s']:.1f} s, peak memory "
        f"{memory['encode_and_decode_gib']:.2f} GiB."
    ]
    for row in record.get("thumbnails", []):
        notes.append(
            f"A thumbnail of a {row['width_px']} x {row['height_px']} photo, from averages of "
            f"{row['averages_of_px']} pixels a side: {row['thumbnail_s']:.2f} s, "
            f"{row['ratio_to_recommended']:.1f} times as fast as decoding it with recommended "
            f"texture, {row['ratio_to_mean_image']:.1f} times as without texture."
        )
    growth = record.get("growth", {})
    if "decode_exponent" in growth:
        notes.append(
            f"Seconds grow with pixels to the power {growth['encode_exponent']:.2f} (encode) and "
            f"{growth['decode_exponent']:.2f} (decode) from {growth['from_mp']:g} megapixel on; "
            f"seconds per pixel differ by at most {100 * growth['encode_spread']:.0f} % and "
            f"{100 * growth['decode_spread']:.0f} %."
        )
    if "raster" in record:
        notes.append(
            "The same pixels, weights and entropy coder in raster order, one pixel a step: "
            f"{record['raster']['seconds_ratio']:.0f} times the seconds to decode "
            f"({record['raster']['width_px']} x {record['raster']['height_px']}, lossless)."
        )
    return Table(
        f"Seconds for a 768 x 512 photo, in process, {record['threads']} threads, one run; "
        f"{made_with(record)}:",
        ["codec", "encode", "decode"],
        rows,
        notes,
    )


def read_record(path: Path) -> Record:
    """A stored result."""
    record: Record = json.loads(path.read_text())
    return record


TABLES: dict[str, Callable[[Record], Table]] = {
    "kodak.json": rate_distortion_table,
    "lossless.json": lossless_table,
    "texture.json": texture_table,
    "speed.json": speed_table,
}
"""By the name of the stored result."""


def psnr_at(curve: Iterable[tuple[float, float]], rate_bpp: float) -> str:
    """PSNR of a curve at a rate, linear over log rate; a dash outside the curve."""
    points = sorted(curve)
    if not points or not points[0][0] <= rate_bpp <= points[-1][0]:
        return "-"
    rates, psnrs = np.array(points).T
    return f"{np.interp(np.log(rate_bpp), np.log(rates), psnrs):.2f}"


def bd_cell(found: Record, measure: str) -> str:
    """A BD-rate, or nothing where there is none."""
    return f"{found[measure]['percent']:+.1f} %" if measure in found else ""


def count(record: Record) -> str:
    """The photos of a rate-distortion record in words."""
    pictures = {row["picture"] for row in record["rows"]}
    name = "Kodak" if all(p.startswith("kodim") for p in pictures) else "Own pictures"
    return f"{name}, {len(pictures)} photos"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
