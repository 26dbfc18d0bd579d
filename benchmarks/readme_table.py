"""Put the stored results into README.md, between its markers.

python -m benchmarks.readme_table
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rate_distortion import mean_curve

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- results: written by benchmarks/readme_table.py -->\n", "<!-- end of results -->"
RATES_BPP = (0.15, 0.25, 0.5, 1.0)


def psnr_at(curve: list[tuple[float, float]], rate_bpp: float) -> str:
    """PSNR of a curve at a rate, linear over log rate; a dash outside the curve."""
    rates, psnrs = np.array(sorted(curve)).T
    if not rates[0] <= rate_bpp <= rates[-1]:
        return "-"
    return f"{np.interp(np.log(rate_bpp), np.log(rates), psnrs):.2f}"


def rate_distortion_table(record: dict[str, Any]) -> list[str]:
    """Mean PSNR at a few rates, and the BD-rate of vlaecodec against each rival."""
    low, high = record["rates_bpp"]
    lines = [
        f"Kodak, 24 photos, whole files, mean PSNR (RGB, dB) at a rate; model `{record['model']}`:",
        "",
        "| codec | " + " | ".join(f"{r} bpp" for r in RATES_BPP) + " | our BD-rate against it |",
        "|---|" + "---|" * (len(RATES_BPP) + 1),
    ]
    for name, pictures in record["results"].items():
        curve = mean_curve([row for rows in pictures.values() for row in rows])
        cells = [psnr_at(curve, rate) for rate in RATES_BPP]
        gain = record["bd_rate_percent"].get(name)
        cells.append("" if gain is None else f"{gain:+.1f} %")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"BD-rate: how much less (-) rate ours needs for the same PSNR, {low} to {high} bpp of the",
        "rival. Rivals as in Pillow: JPEG 4:2:0 optimised, WebP method 6, JPEG 2000 with the 9/7",
        "wavelet and colour transform, AVIF 4:4:4 speed 6.",
    ]
    return lines


def speed_table(record: dict[str, Any]) -> list[str]:
    """Median seconds for a 768 x 512 photo, in process."""
    lines = [
        "",
        f"Seconds for a 768 x 512 photo, in process, {record['threads']} threads, one run:",
        "",
        "| codec | encode | decode |",
        "|---|---|---|",
    ]
    ours = record["ours"][0]
    modes = {
        "vlaecodec, mean image": {"encode_s": ours["encode_s"], "decode_s": ours["decode_s"]},
        "with texture": {"encode_s": ours["encode_s"], "decode_s": ours["texture_decode_s"]},
        "lossless": {
            "encode_s": ours["lossless_encode_s"],
            "decode_s": ours["lossless_decode_s"],
        },
    }
    rows = {**modes, **record["rivals"]}
    lines += [f"| {n} | {r['encode_s']:.3f} | {r['decode_s']:.3f} |" for n, r in rows.items()]
    largest, memory = record["ours"][-1], record["memory_24mp"]
    times = f"encode {largest['encode_s']:.1f} s, decode {largest['decode_s']:.1f} s"
    peak = f"{memory['encode_and_decode_gib']:.2f} GiB"
    lines += ["", f"A {largest['megapixels']:.0f}-megapixel photo: {times}, peak memory {peak}."]
    return lines


def lossless_table(record: dict[str, Any]) -> list[str]:
    """Mean bits per sub-pixel of exact and nearly exact files."""
    means = record["mean"]
    return [
        "",
        f"Lossless, Kodak, 24 photos, whole files, bits per sub-pixel; model `{record['model']}`:",
        "",
        "| " + " | ".join(means) + " |",
        "|---" * len(means) + "|",
        "| " + " | ".join(f"{mean['rate_bpsp']:.3f}" for mean in means.values()) + " |",
    ]


def texture_table(record: dict[str, Any]) -> list[str]:
    """How near textures come to the photos', at equal bytes."""
    count = len(next(iter(next(iter(record["results"].values())).values())))
    lines = [
        "",
        f"Texture, {count} Kodak photos at equal bytes; patch distance (sliced Wasserstein) and",
        "spectrum distance to the photo, less is nearer, and the price in PSNR; model "
        f"`{record['model']}`:",
        "",
        "| codec | "
        + " | ".join(f"{m['mean image']['rate_bpp']:.2f} bpp" for m in record["mean"].values())
        + " |",
        "|---" * (len(record["mean"]) + 1) + "|",
    ]
    for name in next(iter(record["mean"].values())):
        rows = [means[name] for means in record["mean"].values()]
        cells = [
            f"{r['sliced_wasserstein']:.1f} / {r['spectrum_distance']:.2f} / {r['psnr_db']:.2f} dB"
            for r in rows
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def render() -> str:
    """The text between the markers."""
    lossless = json.loads((RESULTS / "lossless.json").read_text())
    texture = json.loads((RESULTS / "texture.json").read_text())
    rates = json.loads((RESULTS / "kodak.json").read_text())
    speed = json.loads((RESULTS / "speed.json").read_text())
    tables = (
        rate_distortion_table(rates)
        + lossless_table(lossless)
        + texture_table(texture)
        + speed_table(speed)
    )
    return "\n".join(tables) + "\n"


def insert(readme: str) -> str:
    """README text with fresh results."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + render() + END + rest.split(END)[1]


def main() -> None:
    """Rewrite README.md."""
    path = ROOT / "README.md"
    path.write_text(insert(path.read_text()))


if __name__ == "__main__":
    main()
