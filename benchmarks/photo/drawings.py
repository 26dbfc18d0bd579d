"""Drawings, screens, icons and mixed pages against other codecs at equal bytes.

    bin/benchmark drawings --output benchmarks/results/drawings.json

For each picture of `drawn_pictures` and each quality: our bytes and PSNR, whether the file is
exact, and the best PSNR that AVIF, WebP and JPEG reach in at most these bytes, at any setting.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image

import vlaecodec
from benchmarks.kit.progress import each
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.tables import Table
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
    psnr = psnr_db(original, decode_pixels(data))
    theirs = {rival.name: _best_psnr(rival, image, len(data)) for rival in rivals}
    info = vlaecodec.read_info(data)
    ours = psnr if math.isfinite(psnr) else None
    return Row(name, quality, len(data), info.coding, ours, theirs)


def _best_psnr(rival: Rival, image: Image.Image, size_bytes: int) -> float | None:
    _, data = largest_within(rival, image, size_bytes)
    if len(data) > size_bytes:
        return None
    return psnr_db(np.asarray(image), np.asarray(rival.decode(data)))


def drawings_table(rows: list[Row]) -> Table:
    """A row for each picture and quality."""
    names = list(rows[0].rivals_psnr_db)
    cells = []
    for row in rows:
        theirs = [_shown(v, "none so small") for v in row.rivals_psnr_db.values()]
        ours = [row.picture, f"{row.quality:g}", str(row.size_bytes), row.coding]
        cells.append([*ours, _shown(row.psnr_db, "exact"), *theirs, f"{row.lead_db:+.1f}"])
    return Table("", ["picture", "-q", "bytes", "coding", "dB", *names, "ahead"], cells)


def _shown(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:.1f}"


@click.command()
@click.option("--picture", "pictures", multiple=True, type=click.Choice(list(PICTURES)))
@click.option("--quality", "qualities", multiple=True, type=float)
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
def main(pictures: tuple[str, ...], qualities: tuple[float, ...], output: Path | None) -> None:
    """Measure all drawings at qualities from 10 to 90, or those that are asked for."""
    check_output(output)
    installed = list_rivals()
    rivals = [installed[name] for name in RIVALS if installed[name].library is not None]
    work = [(name, quality) for name in pictures or PICTURES for quality in qualities or QUALITIES]
    rows = [measure(name, quality, rivals) for name, quality in each("drawings", work)]
    drawings_table(rows).print()
    write_record(output, {**describe_run(), "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
