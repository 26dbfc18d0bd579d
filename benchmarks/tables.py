"""Stored results as tables of text, for README.md and for the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from benchmarks.codecs import OURS
from benchmarks.curves import BD_MEASURES, points_of
from vlaecodec.comparison import MEASURES

RATES_BPP = (0.15, 0.25, 0.5, 1.0)
LIKENESS_BPP = 0.25
PUBLISHED = " (published, not run)"
TITLES = {
    name: f"{title}, {unit}" if unit else title for name, (title, unit, _) in MEASURES.items()
}
WAYS = ("encode", "decode")
GROWING = {"mean image": "", "full texture": "texture_", "lossless": "lossless_"}
"""Modes that are measured by size of picture, and what their keys begin with."""
PEAKS = {f"{prefix}encode_and_decode_gib": f"memory, {mode}" for mode, prefix in GROWING.items()}
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
    """Mean PSNR at a few rates, and the BD-rates of vlaecodec against each other codec.

    published: with the curves that were not run, and what each BD-rate was taken over.
    """
    low, high = record["bd_rate_bpp"]
    comparisons = record["bd_rate"].get(OURS, {})
    curves = {name: points_of(means, "psnr_db") for name, means in record["mean"].items()}
    if published:
        for name, curve in record["published"]["curves"].items():
            curves[name + PUBLISHED] = points_of(curve["points"], "psnr_db")
    rows = []
    for name, curve in curves.items():
        found = comparisons.get(name.removesuffix(PUBLISHED), {})
        cells = [_at(curve, rate, 2) for rate in RATES_BPP]
        rows.append([name, *cells, *(bd_cell(found, key, published) for key in BD_MEASURES)])
    return Table(
        f"{count(record)}, whole files, mean PSNR (RGB, dB) at a rate; {made_with(record)}:",
        [
            "codec",
            *(f"{r} bpp" for r in RATES_BPP),
            *(f"our BD-rate, {MEASURES[key][0].removesuffix(', RGB')}" for key in BD_MEASURES),
        ],
        rows,
        [
            "BD-rate: how much less (-) rate ours needs for the same quality, of the mean curves, "
            f"over what both reach within {low} to {high} bpp of the other codec"
            + (" (in brackets)" if published else "")
            + ", MS-SSIM in dB. Rivals as in "
            "Pillow: JPEG 4:2:0 optimised, WebP method 6, JPEG 2000 with the 9/7 wavelet and "
            "colour transform, AVIF 4:4:4 speed 6, JPEG XL effort 7."
        ],
    )


def likeness_table(record: Record, rate_bpp: float = LIKENESS_BPP, explained: bool = True) -> Table:
    """All measures of likeness at one rate, of every codec that has files on both sides of it.

    explained: with notes on what they mean.
    """
    rows = []
    for name, means in record["mean"].items():
        cells = [_at(points_of(means, key), rate_bpp, MEASURES[key][2]) for key in MEASURES]
        if any(cell != "-" for cell in cells):
            rows.append([name, *cells])
    shown = [i for i, _ in enumerate(MEASURES, 1) if any(row[i] != "-" for row in rows)]
    kept = [[row[0], *(row[i] for i in shown)] for row in rows]
    return Table(
        f"{count(record)}, means at {rate_bpp:g} bpp; {made_with(record)}:",
        ["codec", *(list(TITLES.values())[i - 1] for i in shown)],
        kept,
        _likeness_notes(record, kept) if explained else [],
    )


def _likeness_notes(record: Record, rows: list[list[str]]) -> list[str]:
    note = (
        "The two distances fall with likeness and compare statistics of texture, not samples; "
        "the other measures rise. Drawn texture gains in the former and pays in the latter. "
        "SSIMULACRA2 is by a port to numpy, not the reference program. Between a "
        "codec's settings, means are interpolated over log rate by monotone cubics."
    )
    measured = [
        (len(points_of(means, key)), len(means))
        for means in record["mean"].values()
        for key in MEASURES
    ]
    if any(0 < points < settings for points, settings in measured):
        note += " The slower measures were taken at some settings only."
    if any("-" in row for row in rows):
        note += " A dash: not measured there."
    return [note]


def lossless_table(record: Record) -> Table:
    """Mean bits per sub-pixel of exact and nearly exact files."""
    means = record["mean"]
    pictures = len(next(iter(record["results"].values())))
    return Table(
        f"Lossless, Kodak, {pictures} photos, whole files; {made_with(record)}:",
        ["codec", *means],
        [["bits per sub-pixel", *(f"{mean['rate_bpsp']:.3f}" for mean in means.values())]],
        [
            "PNG as Pillow optimises it, WebP at method 6, JPEG XL at effort 7. Every decoded file "
            "was compared with its photo, sample by sample."
        ],
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
    """Median seconds for a 768 x 512 photo, in process; start-up, growth and raster order below."""
    rows = [
        [name, *(_cell(row.get(key), 3) for key in ("encode_s", "decode_s"))]
        for name, row in {**record["modes"], **record["rivals"]}.items()
    ]
    largest, memory = record["sizes"][-1], record["memory"][-1]
    process = record["process"]
    notes = [
        f"A whole process, started cold: info {process['info_s']:.2f} s, encode "
        f"{process['encode_s']:.2f} s, decode (mean image) {process['decode_s']:.2f} s.",
        f"A {largest['megapixels']:.0f}-megapixel photo: encode {largest['encode_s']:.1f} s, "
        f"decode {largest['decode_s']:.1f} s, peak memory "
        f"{memory['encode_and_decode_gib']:.2f} GiB (mean image).",
        *_growth_notes(record),
    ]
    if "raster" in record:
        notes.append(
            "The same pixels, weights and entropy coder in raster order, one pixel a step: "
            f"{record['raster']['seconds_ratio']:.0f} times the seconds to decode "
            f"({record['raster']['width_px']} x {record['raster']['height_px']}, lossless)."
        )
    return Table(
        f"Seconds for a 768 x 512 photo, in process, {record['threads']} threads, all in one run; "
        f"{made_with(record)}:",
        ["codec", "encode", "decode"],
        rows,
        notes,
    )


def _growth_notes(record: Record) -> list[str]:
    growth = record.get("growth", {})
    notes = []
    for mode, prefix in GROWING.items():
        if f"{prefix}decode_exponent" not in growth:
            continue
        largest = max(r["megapixels"] for r in record["sizes"] if f"{prefix}decode_s" in r)
        powers = [growth[f"{prefix}{way}_exponent"] for way in WAYS]
        spreads = [100 * growth[f"{prefix}{way}_spread"] for way in WAYS]
        notes.append(
            f"Seconds grow with pixels to the power {powers[0]:.2f} (encode) and {powers[1]:.2f} "
            f"(decode) from {growth['from_mp']:g} to {largest:.0f} megapixels, {mode}; seconds "
            f"per pixel differ by at most {spreads[0]:.0f} % and {spreads[1]:.0f} %."
        )
    return notes


def sizes_table(record: Record) -> Table:
    """Seconds and peak memory by size of picture."""
    columns = [f"{prefix}{way}_s" for prefix in GROWING.values() for way in WAYS]
    labels = [f"{mode}, {way}" for mode in GROWING for way in WAYS]
    rows = []
    for row, memory in zip(record["sizes"], record["memory"], strict=True):
        name = f"{row['width_px']} x {row['height_px']}, {row['megapixels']:.1f} MP"
        cells = [_cell(row.get(column), 2) for column in columns]
        rows.append([name, *cells, *(_cell(memory.get(key), 2) for key in PEAKS)])
    return Table(
        f"Seconds, and peak memory of a process in GiB, by size, {record['threads']} threads; "
        f"{made_with(record)}:",
        ["pixels", *labels, *PEAKS.values()],
        rows,
    )


def threads_table(record: Record) -> Table:
    """Seconds by threads."""
    return Table(
        f"Seconds for a 768 x 512 photo by threads; {made_with(record)}:",
        ["threads", "mode", "encode", "decode"],
        [
            [str(row["threads"]), row["mode"], *(f"{row[f'{w}_s']:.3f}" for w in WAYS)]
            for row in record["by_threads"]
        ],
    )


def read_record(path: Path) -> Record:
    """A stored result."""
    record: Record = json.loads(path.read_text())
    return record


TABLES: dict[str, tuple[Callable[[Record], Table], ...]] = {
    "kodak.json": (rate_distortion_table, likeness_table),
    "lossless.json": (lossless_table,),
    "texture.json": (texture_table,),
    "speed.json": (speed_table,),
}
"""README's, by the name of the stored result."""

PAGE_TABLES: dict[str, tuple[Callable[[Record], Table], ...]] = {
    **TABLES,
    "kodak.json": (
        partial(rate_distortion_table, published=True),
        *(partial(likeness_table, rate_bpp=r, explained=r == RATES_BPP[-1]) for r in RATES_BPP),
    ),
    "speed.json": (speed_table, sizes_table, threads_table),
}
"""The report's."""


def _at(points: Iterable[tuple[float, float]], rate_bpp: float, decimals: int) -> str:
    """A mean measure at a rate, monotone cubics over log rate between settings; else a dash."""
    known = dict(sorted(points))
    if len(known) < 2 or not min(known) <= rate_bpp <= max(known):
        return "-"
    curve = PchipInterpolator(np.log(list(known)), list(known.values()))
    return f"{curve(np.log(rate_bpp)):.{decimals}f}"


def bd_cell(found: Record, measure: str, overlap: bool) -> str:
    """A BD-rate, and the rates that it was taken over if asked for; nothing where there is none."""
    if measure not in found:
        return ""
    over = " ({:.2f} to {:.2f})".format(*found[measure]["reference_bpp"]) if overlap else ""
    return f"{found[measure]['percent']:+.1f} %{over}"


def count(record: Record) -> str:
    """The photos of a rate-distortion record in words."""
    pictures = {row["picture"] for row in record["rows"]}
    name = "Kodak" if all(p.startswith("kodim") for p in pictures) else "Own pictures"
    return f"{name}, {len(pictures)} photo{'s' if len(pictures) > 1 else ''}"


def _cell(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
