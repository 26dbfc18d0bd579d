"""Drawings, screens, icons and mixed pages against other codecs at equal bytes.

    bin/benchmark drawings --output benchmarks/results/drawings.json

For each picture of `drawn_pictures` and each quality: our bytes and PSNR, whether the file is
exact, and the best PSNR that AVIF, WebP and JPEG reach in at most these bytes, at any setting.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import vlaecodec
from benchmarks.photo.drawn_pictures import PICTURES
from vlaecodec.analysis.codecs import Rival, largest_within, list_rivals
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.metrics.distortion import psnr_db

QUALITIES = (10.0, 30.0, 50.0, 70.0, 90.0)
RIVALS = ("avif", "webp", "jpeg")


@dataclass(frozen=True)
class Row:
    """One picture at one quality. PSNR is None where the picture is exact."""

    picture: str
    quality: float
    size_bytes: int
    coding: str
    psnr_db: float | None
    rivals_psnr_db: dict[str, float | None]
    """None where a rival has no file as small as ours."""

    @property
    def lead_db(self) -> float:
        """By how much we are ahead of the best rival at our bytes."""
        best = max((v for v in self.rivals_psnr_db.values() if v is not None), default=-math.inf)
        return (math.inf if self.psnr_db is None else self.psnr_db) - best


def measure(name: str, quality: float, rivals: list[Rival]) -> Row:
    """Code one picture, and let every rival try with as many bytes."""
    image = PICTURES[name]()
    original = np.asarray(image)
    data = vlaecodec.encode(image, quality)
    likeness = psnr_db(original, decode_pixels(data))
    theirs = {rival.name: _best_psnr(rival, image, len(data)) for rival in rivals}
    info = vlaecodec.read_info(data)
    ours = likeness if math.isfinite(likeness) else None
    return Row(name, quality, len(data), info.coding, ours, theirs)


def _best_psnr(rival: Rival, image: Image.Image, size_bytes: int) -> float | None:
    _, data = largest_within(rival, image, size_bytes)
    if len(data) > size_bytes:
        return None
    return psnr_db(np.asarray(image), np.asarray(rival.decode(data)))


def table(rows: list[Row]) -> str:
    """Markdown."""
    names = list(rows[0].rivals_psnr_db)
    lines = [f"| picture | -q | bytes | coding | dB | {' | '.join(names)} | ahead |"]
    lines.append("|---" * (6 + len(names)) + "|")
    for row in rows:
        theirs = [_shown(v, "none so small") for v in row.rivals_psnr_db.values()]
        cells = [row.picture, f"{row.quality:g}", str(row.size_bytes), row.coding]
        cells += [_shown(row.psnr_db, "exact"), *theirs, f"{row.lead_db:+.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:.1f}"


def main() -> None:
    """Measure, print the table, store the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", choices=PICTURES, action="append", help="default: all")
    parser.add_argument("--quality", type=float, action="append", help="default: 10 to 90")
    parser.add_argument("--output", type=Path, help="JSON")
    options = parser.parse_args()
    installed = list_rivals()
    rivals = [installed[name] for name in RIVALS if installed[name].library is not None]
    rows = []
    for name in options.picture or PICTURES:
        for quality in options.quality or QUALITIES:
            rows.append(measure(name, quality, rivals))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(table(rows))
    if options.output is not None:
        options.output.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
