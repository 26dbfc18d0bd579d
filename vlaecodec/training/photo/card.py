"""The model card: what a model is, how it was trained, and how it learned."""

from __future__ import annotations

import math

from vlaecodec.model.registry import LOOKS, PSNR, Tune
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.training.checkpoint import Progress

_TEMPLATE = """# {name}

{summary}.

| | |
|---|---|
| weights | SHA-256 `{sha256}`, {size_mb:.1f} MB |
| fingerprint in files | `{fingerprint}` |
| architecture | {architecture} |
| trained | {steps:,} steps, {gigapixels:.2f} gigapixels, {hours:.2f} hours |

## Data and training

{data}

The exported weights are a Polyak average. Checkpoints are chosen on the validation photos alone.

## Learning curve

Validation photos, 256 x 256 centre crops, estimated rate (no files), averaged weights. The
objective is rate + lambda * squared error, weighted by lambda**-0.5, averaged over five qualities.
Lossless: bits per sub-pixel of latents and pixels together, as the local decoder estimates them.

| megapixels seen | seconds | objective | {heads} |
|---|---|---|{rules}
{rows}

## Figures

Measured on whole files with this very model: `benchmarks/results/`, each with the fingerprint it
belongs to; README.md quotes them.

## Limits

- Tuned for {measure} on photographs; line art, text and screenshots cost more than they should.
- Trained on photos with sides of 256 to 608 pixels; very large smooth areas were rare.
- All losses were still falling when training stopped. Drawings came late and are few: at full
  strength flat areas of drawings may get faint grain (recommended strengths there are near 0).
- The training photos come from public collections of mixed and partly unclear licence; they are not
  part of this repository.
"""


_LIKENESSES = {PSNR: ("PSNR", "psnr_db", "dB"), LOOKS: ("looks", "ms_ssim_db", "dB of MS-SSIM")}
"""For each tuning the measure's name, what the learning curve calls it, and its unit."""


def show_sizes(architecture: Architecture) -> str:
    """All sizes in a row."""
    return ", ".join(f"{k} {v}" for k, v in architecture.to_dict().items())


def model_card(
    name: str,
    summary: str,
    data: str,
    sha256: str,
    size_bytes: int,
    architecture: Architecture,
    progress: Progress,
    tuned_for: Tune = PSNR,
) -> str:
    """Markdown for models/NAME/MODEL_CARD.md."""
    measure, key, unit = _LIKENESSES[tuned_for]
    positions = sorted({key.split("@")[1] for row in progress.curve for key in row if "@" in key})
    # The lowest two are where lossless files are smallest.
    lossless = positions[:2]
    heads = [f"bpp / {unit} at {p}" for p in positions]
    heads += [f"lossless bpsp at {p}" for p in lossless]
    lines = []
    for row in progress.curve:
        if f"{key}@{positions[0]}" not in row:
            continue  # not measured yet
        points = [f"{row[f'bpp@{p}']:.3f} / {row[f'{key}@{p}']:.2f}" for p in positions]
        start = [f"{row['pixels'] / 1e6:.0f}", f"{row['seconds']:.0f}", f"{row['loss']:.3f}"]
        exact = [(row[f"bpp@{p}"] + row.get(f"pixel_bpp@{p}", math.nan)) / 3 for p in lossless]
        points += ["" if math.isnan(bpsp) else f"{bpsp:.3f}" for bpsp in exact]
        lines.append("| " + " | ".join(start + points) + " |")
    return _TEMPLATE.format(
        name=name,
        summary=summary[:1].upper() + summary[1:],
        data=data,
        sha256=sha256,
        fingerprint=sha256[:8],
        size_mb=size_bytes / 1e6,
        architecture=show_sizes(architecture),
        steps=progress.steps,
        gigapixels=progress.pixels / 1e9,
        hours=progress.seconds / 3600,
        heads=" | ".join(heads),
        rules="---|" * len(heads),
        rows="\n".join(lines),
        measure=measure,
    )
