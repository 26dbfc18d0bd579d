"""What `encode --roi` and `--keep auto` buy, against the same encoder without them.

python -m benchmarks.detail IMAGES... --crop 384x256 --output benchmarks/results/detail.json

The region of interest is the middle quarter of each picture, with the default gain. Differences at
equal bytes are the ones that count: the same quality with a region of interest is a larger file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import vlaecodec
from benchmarks.pictures import open_pictures, parse_size
from benchmarks.record import check_output, describe_run, print_table, write_record
from benchmarks.texture import draw_sheet
from vlaecodec.bitstream.header import read_header
from vlaecodec.cli.progress import progress_bar
from vlaecodec.codec.rate_control import encode_to_target
from vlaecodec.latents.importance import AUTO_KEEP, ROI_GAIN
from vlaecodec.metrics.distortion import MS_SSIM_MIN_PX, ms_ssim, psnr_db
from vlaecodec.metrics.texture import sliced_wasserstein, spectrum_distance

QUALITY = 40.0
MEASURES = {
    "size_bytes": ("bytes", 0),
    "psnr_db": ("PSNR, dB", 2),
    "psnr_inside_db": ("inside", 2),
    "psnr_outside_db": ("outside", 2),
    "ms_ssim": ("MS-SSIM", 4),
    "sliced_wasserstein": ("patch SWD", 1),
    "spectrum_distance": ("spectrum", 3),
}
"""Each measure's column and decimals. PSNR and MS-SSIM are of the mean image; the two distances,
which fall with likeness, of what the file shows, with the texture that it recommends."""

Pixels = NDArray[np.uint8]
Row = dict[str, Any]


def crop_centre(image: Image.Image, size: tuple[int, int] | None) -> Image.Image:
    """The middle of a picture, or all of it where it is not larger."""
    if size is None:
        return image
    width, height = min(size[0], image.width), min(size[1], image.height)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def middle_quarter(image: Image.Image) -> tuple[int, int, int, int]:
    """Left, top, width, height."""
    width, height = image.width // 2, image.height // 2
    return (image.width - width) // 2, (image.height - height) // 2, width, height


def measure(original: Pixels, data: bytes, shown: Pixels, region: tuple[int, int, int, int]) -> Row:
    """All measures of a file. shown: what it decodes to."""
    left, top, width, height = region
    inside = np.zeros(original.shape[:2], bool)
    inside[top : top + height, left : left + width] = True
    mean = np.asarray(vlaecodec.decode(data, texture=0))
    header = read_header(data)[0]
    return {
        "size_bytes": len(data),
        "quality": header.quality,
        "strength": header.texture,
        "psnr_db": psnr_db(original, mean),
        "psnr_inside_db": psnr_db(original[inside], mean[inside]),
        "psnr_outside_db": psnr_db(original[~inside], mean[~inside]),
        "ms_ssim": ms_ssim(original, mean) if min(original.shape[:2]) >= MS_SSIM_MIN_PX else None,
        "sliced_wasserstein": sliced_wasserstein(original, shown).mean,
        "spectrum_distance": spectrum_distance(original, shown),
    }


def code_all(image: Image.Image, quality: float) -> dict[str, bytes]:
    """A picture's files: plain, with a region of interest twice, and with less texture."""
    region = middle_quarter(image)
    plain = vlaecodec.encode(image, quality)
    size = len(plain)
    return {
        "plain": plain,
        "roi, same quality": vlaecodec.encode(image, quality, roi=region),
        "roi, same bytes": encode_to_target(image, target_size=size, roi=region),
        "keep auto, same bytes": encode_to_target(image, target_size=size, keep="auto"),
    }


def summarise(rows: list[Row]) -> dict[str, Row]:
    """Means over the pictures, of each measure that every picture has."""
    names = dict.fromkeys(row["name"] for row in rows)
    groups = {name: [row for row in rows if row["name"] == name] for name in names}
    return {
        name: {
            key: float(np.mean([row[key] for row in group]))
            for key in MEASURES
            if all(row[key] is not None for row in group)
        }
        for name, group in groups.items()
    }


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Write a PNG to look at.")
@click.option("--crop", metavar="WxH", help="Only the middle of each picture.")
@click.option("-q", "--quality", type=click.FloatRange(1, 100), default=QUALITY, show_default=True)
def main(
    images: tuple[Path, ...],
    output: Path | None,
    sheet: Path | None,
    crop: str | None,
    quality: float,
) -> None:
    """Measure regions of interest and texture that is not kept, on IMAGES, files or folders."""
    check_output(output)
    size = None if crop is None else parse_size(crop)
    pictures = {name: crop_centre(p, size) for name, p in open_pictures(images).items()}
    rows: list[Row] = []
    drawn: list[dict[str, Pixels]] = []
    with progress_bar("detail", quiet=False) as progress:
        for done, (name, image) in enumerate(pictures.items(), 1):
            original, files = np.asarray(image), code_all(image, quality)
            region = middle_quarter(image)
            shown = {kind: np.asarray(vlaecodec.decode(data)) for kind, data in files.items()}
            rows += [
                {"picture": name, "name": kind, **measure(original, data, shown[kind], region)}
                for kind, data in files.items()
            ]
            captions = {f"{kind}, {len(files[kind])} bytes": x for kind, x in shown.items()}
            drawn.append({"original": original, **captions})
            if progress is not None:
                progress(done / len(pictures))
    summary = summarise(rows)
    columns = [key for key in MEASURES if all(key in mean for mean in summary.values())]
    cells = [
        [name, *(f"{mean[key]:.{MEASURES[key][1]}f}" for key in columns)]
        for name, mean in summary.items()
    ]
    print_table(["mean", *(MEASURES[key][0] for key in columns)], cells)
    if sheet is not None:
        draw_sheet(drawn).save(sheet)
    settings = {"quality": quality, "crop_px": size, "roi_gain": ROI_GAIN, "keep": AUTO_KEEP}
    write_record(output, {**describe_run(), **settings, "mean": summary, "rows": rows})


if __name__ == "__main__":
    main()
