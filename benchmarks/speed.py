"""Seconds and memory, ours and the rivals', in one run on one machine.

python -m benchmarks.speed PHOTO --output benchmarks/results/speed.json
"""

from __future__ import annotations

import concurrent.futures
import io
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image

import vlaecodec
from benchmarks.serial_context import load_mbt2018, seconds_mbt2018
from benchmarks.timing import median_seconds
from vlaecodec.registry import find_model

SIZES = ((768, 512), (1216, 832), (2400, 1600), (6000, 4000))
"""Pixels: 0.4, 1, 3.8 and 24 megapixels."""


PIXEL_MODES_BELOW_MP = 2.0
"""Modes that work pixel by pixel are measured on pictures under this size."""


def measure_ours(image: Image.Image, quality: float, runs: int) -> dict[str, float]:
    """Encode and decode in process, model loaded."""
    data = vlaecodec.encode(image, quality)
    row = {
        "megapixels": image.width * image.height / 1e6,
        "rate_bpp": 8 * len(data) / (image.width * image.height),
        "encode_s": median_seconds(lambda: vlaecodec.encode(image, quality), runs),
        "decode_s": median_seconds(lambda: vlaecodec.decode(data, texture=0), runs),
    }
    if row["megapixels"] < PIXEL_MODES_BELOW_MP:
        exact = vlaecodec.encode(image, lossless=True)
        row |= {
            "texture_decode_s": median_seconds(lambda: vlaecodec.decode(data, texture=1), runs),
            "lossless_encode_s": median_seconds(
                lambda: vlaecodec.encode(image, lossless=True), runs
            ),
            "lossless_decode_s": median_seconds(lambda: vlaecodec.decode(exact), runs),
        }
    return row


def measure_pillow(image: Image.Image, runs: int, name: str, **options: Any) -> dict[str, float]:
    """The same through one of Pillow's codecs."""

    def encode() -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, name, **options)
        return buffer.getvalue()

    data = encode()
    return {
        "encode_s": median_seconds(encode, runs),
        "decode_s": median_seconds(lambda: Image.open(io.BytesIO(data)).load(), runs),
    }


def measure_serial_context(image: Image.Image, runs: int) -> dict[str, float] | None:
    """CompressAI's mbt2018 on the same picture, or None if it is not installed."""
    model = load_mbt2018()
    if model is None:
        return None
    tensor = torch.from_numpy(np.asarray(image).transpose(2, 0, 1)[None] / 255).float()
    times = [seconds_mbt2018(model, tensor) for _ in range(runs)]
    encode_s, decode_s = (statistics.median(column) for column in zip(*times, strict=True))
    return {"encode_s": encode_s, "decode_s": decode_s}


def _peak_memory(pixels: Any, quality: float) -> tuple[int, int]:
    image = Image.fromarray(pixels)
    data = vlaecodec.encode(image, quality)
    encoded_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    vlaecodec.decode(data, texture=0)
    return encoded_kib, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure_memory(image: Image.Image, quality: float) -> dict[str, float]:
    """Peak resident memory of a fresh process that encodes, then decodes."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        encoded_kib, both_kib = pool.submit(_peak_memory, np.asarray(image), quality).result()
    return {"encode_gib": encoded_kib / 2**20, "encode_and_decode_gib": both_kib / 2**20}


def measure_process(name: str, data: bytes, runs: int) -> float:
    """Median seconds of a whole `vlaecodec NAME` process that reads a file."""
    command = [sys.executable, "-m", "vlaecodec", name, "-"]
    return median_seconds(
        lambda: subprocess.run(command, input=data, check=True, capture_output=True), runs
    )


@click.command()
@click.argument("photo", type=click.Path(exists=True, path_type=Path))
@click.option("--quality", default=50.0, show_default=True)
@click.option("--runs", default=7, show_default=True, help="Counted runs of the small picture.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def main(photo: Path, quality: float, runs: int, output: Path | None) -> None:
    """Measure on PHOTO, resized to several sizes."""
    original = Image.open(photo).convert("RGB")
    small = original.resize(SIZES[0], Image.Resampling.LANCZOS)
    data = vlaecodec.encode(small, quality)
    record: dict[str, Any] = {
        "model": find_model().fingerprint.hex(),
        "threads": torch.get_num_threads(),
        "ours": [],
        "rivals": {
            "JPEG": measure_pillow(small, runs, "JPEG", quality=75, optimize=True),
            "WebP m6": measure_pillow(small, runs, "WEBP", quality=70, method=6),
            "AVIF s6": measure_pillow(small, runs, "AVIF", quality=60, speed=6),
        },
        "process": {f"{n}_s": measure_process(n, data, runs) for n in ("info", "verify")},
    }
    for width, height in SIZES:
        image = original.resize((width, height), Image.Resampling.LANCZOS)
        row = measure_ours(image, quality, runs if width < 1000 else 3)
        record["ours"].append(row)
        click.echo("  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    sizes, seconds = (
        np.log([row[key] for row in record["ours"]]) for key in ("megapixels", "decode_s")
    )
    record["decode_growth_exponent"] = float(np.polyfit(sizes, seconds, 1)[0])
    record["memory_24mp"] = measure_memory(
        original.resize(SIZES[-1], Image.Resampling.LANCZOS), quality
    )
    serial = measure_serial_context(small, 3)
    if serial is not None:
        record["rivals"]["mbt2018 (CompressAI)"] = serial
        record["decode_ratio_to_serial"] = serial["decode_s"] / record["ours"][0]["decode_s"]
    click.echo(json.dumps({k: v for k, v in record.items() if k != "ours"}, indent=1))
    if output is not None:
        output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
