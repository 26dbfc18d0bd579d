"""Tables of rates and similarity: lossy files, search, texture, exact files."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.interpolate import PchipInterpolator

from benchmarks.kit.codecs import OURS, TUNED
from benchmarks.kit.curves import BD_MEASURES, points_of
from benchmarks.kit.flip import MEASURES
from benchmarks.kit.tables import (
    Record,
    Table,
    lay_out,
    made_with,
    name_photos,
    photos_of,
)

RATES_BPP = (0.15, 0.25, 0.5, 1.0)
LIKENESS_BPP = 0.25
TITLES = {
    name: f"{title}, {unit}" if unit else title for name, (title, unit, _) in MEASURES.items()
}
EFFORT_MEASURES = {"psnr_db": "PSNR", "ms_ssim": "MS-SSIM"}


def rate_distortion_table(record: Record) -> Table:
    """Mean PSNR at a few rates, and the BD-rates of vlaecodec against each other codec."""
    low, high = record["bd_rate_bpp"]
    comparisons = record["bd_rate"].get(OURS, {})
    tuned = record["bd_rate"].get(TUNED, {})
    curves = {name: points_of(means, "psnr_db") for name, means in record["mean"].items()}
    measures = [key for key in BD_MEASURES if any(key in of for of in comparisons.values())]
    rows = []
    for name, curve in curves.items():
        found = comparisons.get(name, {})
        cells = [_at(curve, rate, 2) for rate in RATES_BPP]
        if all(cell == "-" for cell in cells):
            continue  # near-lossless files are larger than that
        cells += [bd_cell(found, key) for key in measures]
        if tuned:
            cells.append(bd_cell(tuned.get(name, {}), "psnr_db"))
        rows.append([name, *cells])
    return Table(
        f"{photos_of(record)}, whole files, mean PSNR (RGB, dB) at a rate; {made_with(record)}:",
        [
            "codec",
            *(f"{r} bpp" for r in RATES_BPP),
            *(f"our BD-rate, {MEASURES[key][0].removesuffix(', RGB')}" for key in measures),
            *(["BD-rate tuned for PSNR, PSNR"] if tuned else []),
        ],
        rows,
        [
            "BD-rate: how much less (-) rate ours needs for the same quality, of the mean curves, "
            f"over what both reach within {low} to {high} bpp of the other codec, MS-SSIM in dB. "
            "Rivals as in Pillow: JPEG 4:2:0 optimised, WebP method 6, JPEG 2000 with the 9/7 "
            "wavelet and colour transform, AVIF 4:4:4 speed 6, JPEG XL effort 7."
            + _tuned_model(record)
        ],
    )


def similarity_table(record: Record) -> Table:
    """All measures of similarity at LIKENESS_BPP, of codecs that have files on both sides of it."""
    rows = []
    for name, means in record["mean"].items():
        cells = [_at(points_of(means, key), LIKENESS_BPP, MEASURES[key][2]) for key in MEASURES]
        if any(cell != "-" for cell in cells):
            rows.append([name, *cells])
    shown = [i for i, _ in enumerate(MEASURES, 1) if any(row[i] != "-" for row in rows)]
    kept = [[row[0], *(row[i] for i in shown)] for row in rows]
    return Table(
        f"{photos_of(record)}, means at {LIKENESS_BPP:g} bpp; {made_with(record)}:",
        ["codec", *(list(TITLES.values())[i - 1] for i in shown)],
        kept,
        _similarity_notes(record, kept),
    )


def _tuned_model(record: Record) -> str:
    """Which model the tuned files are of: a record's own is the default one."""
    found = record.get("codecs", {}).get(TUNED)
    return f" Tuned for PSNR: model {found['model']}." if found else ""


def _similarity_notes(record: Record, rows: list[list[str]]) -> list[str]:
    note = (
        "FLIP and the two distances fall with similarity, the other measures rise. The distances "
        "compare statistics of texture, not samples; drawn texture gains in these and pays in "
        "the others. SSIMULACRA2 is by a port to numpy, not the reference program. Between a "
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


def effort_table(record: Record) -> Table:
    """What searching at encode time gains: BD-rates of each effort, and its seconds."""
    names = [n for n in record["bd_rate"] if n != OURS]
    others = [n for n in (OURS, "AVIF") if n in record["mean"]]
    rows = []
    for name in names:
        found = record["bd_rate"][name]
        seconds = np.mean([row["encode_s"] for row in record["mean"][name]])
        cells = [bd_cell(found[n], key, overlap=True) for n in others for key in EFFORT_MEASURES]
        rows.append([name, *cells, f"{seconds:.1f}"])
    columns = [f"against {n}, {label}" for n in others for label in EFFORT_MEASURES.values()]
    return Table(
        f"Search when encoding, {photos_of(record)}, BD-rates, and mean seconds with threads: "
        f"{record['threads']}; {made_with(record)}:",
        ["codec", *columns, "encode, s"],
        rows,
        [
            "In brackets the rates of the other codec that a BD-rate was taken over."
            + _tuned_model(record)
        ],
    )


def lossless_table(record: Record) -> Table:
    """Exact and nearly exact files: mean bits per sub-pixel and seconds."""
    pictures = next(iter(record["results"].values()))
    return lay_out(
        f"Lossless, {name_photos(pictures)}, whole files, threads: {record['threads']}; "
        f"{made_with(record)}:",
        "codec",
        record["mean"],
        {
            "bits per sub-pixel": "{rate_bpsp:.3f}",
            "of our lossless files'": "{ratio_to_lossless:.3f}",
            "encode, s": "{encode_s:.2f}",
            "decode, s": "{decode_s:.2f}",
        },
        [
            "PNG as Pillow optimises it, WebP at method 6, JPEG XL at effort 7. Every decoded file "
            "was compared with its photo, sample by sample."
        ],
    )


def texture_table(record: Record) -> Table:
    """How near textures come to the photos', at equal bytes."""
    means = record["mean"]
    rows: dict[str, Record] = {}
    for index, of_rate in enumerate(means.values()):
        for name, mean in of_rate.items():
            rows.setdefault(name, {})[f"rate{index}"] = mean
    pictures = next(iter(next(iter(record["results"].values())).values()))
    has_vgg = "vgg_frechet" in next(iter(means.values()))["mean image"]
    parts = [
        "sliced_wasserstein]:.1f} /",
        "spectrum_distance]:.2f} /",
        *(["vgg_frechet]:.0f} /"] if has_vgg else []),
        "psnr_db]:.2f} dB",
    ]
    return lay_out(
        f"Texture, {name_photos(pictures)} at equal bytes; patch distance (sliced Wasserstein), "
        f"spectrum distance{', Frechet distance by VGG-16' * has_vgg} to the photo, less is "
        f"nearer, and the price in PSNR; {made_with(record)}:",
        "codec",
        rows,
        {
            f"{of_rate['mean image']['rate_bpp']:.2f} bpp": " ".join(
                f"{{rate{index}[{part}" for part in parts
            )
            for index, of_rate in enumerate(means.values())
        },
    )


def _at(points: Iterable[tuple[float, float]], rate_bpp: float, decimals: int) -> str:
    """A mean measure at a rate, monotone cubics over log rate between settings; else a dash."""
    known = dict(sorted(points))
    if len(known) < 2 or not min(known) <= rate_bpp <= max(known):
        return "-"
    curve = PchipInterpolator(np.log(list(known)), list(known.values()))
    return f"{curve(np.log(rate_bpp)):.{decimals}f}"


def bd_cell(found: Record, measure: str, *, overlap: bool = False) -> str:
    """A BD-rate, and the rates that it was taken over if asked for; nothing where there is none."""
    if measure not in found:
        return ""
    over = " ({:.2f} to {:.2f})".format(*found[measure]["reference_bpp"]) if overlap else ""
    return f"{found[measure]['percent']:+.1f} %{over}"
