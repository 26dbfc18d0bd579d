"""One HTML page of the stored results that needs no network; and plots for docs/results.md.

bin/benchmark report [PHOTOS...] --output report.html

PHOTOS are coded afresh at equal bytes, to look at beside one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from textwrap import dedent

import click
import numpy as np

from benchmarks.kit.codecs import OURS
from benchmarks.kit.curves import points_of
from benchmarks.kit.pictures import open_pictures
from benchmarks.kit.progress import each
from benchmarks.kit.record import RESULTS, ROOT, check_output, write_text
from benchmarks.kit.tables import Record, Table, made_at, made_with, photos_of, read_record
from benchmarks.photo.texture import encode_near
from benchmarks.publish.chart import Axis, Series, draw_chart
from benchmarks.publish.contents import PAGE_TABLES, SMALL_MODELS
from vlaecodec.analysis.codecs import list_rivals
from vlaecodec.analysis.comparison import compare_at_bytes
from vlaecodec.analysis.html.comparer import render_comparison
from vlaecodec.analysis.html.document import render_document, render_table
from vlaecodec.metrics.distortion import ms_ssim_db

CHART_BPP = (0.08, 2.0)
CHARTS = {
    "psnr_db": Axis("PSNR over RGB", "dB", 2),
    "ms_ssim": Axis("MS-SSIM as -10 log10(1 - x)", "dB", 2),
    "ssimulacra2": Axis("SSIMULACRA2", "", 1),
    "sliced_wasserstein": Axis("Patch distance (sliced Wasserstein), less is nearer", "", 1),
    "spectrum_distance": Axis("Spectrum distance, less is nearer", "", 2),
}
RATE_DISTORTION = "kodak.json"
TITLES = {
    "kodak.json": "Lossy",
    "effort.json": "Search when encoding",
    "lossless.json": "Lossless and near-lossless",
    "texture.json": "Texture",
    "speed.json": "Speed",
    "photo_features.json": "What photos' latents know",
    "paper.json": "The paper's data sets",
    "paper_ablations.json": "What each part is worth",
    "bits_back.json": "Data sets and single images as files",
    "representation.json": "What the latent knows",
    "cifar10.json": "CIFAR-10",
    "small_lossless.json": "CIFAR-10 with other codecs",
    "cifar10_ablations.json": "What each part is worth on CIFAR-10",
    "levels.json": "What is sent and what is drawn",
}
COMMANDS = ROOT / "CONTRIBUTING.md"


def chart_series(record: Record, measure: str) -> list[Series]:
    """All mean points of a rate-distortion record, ours first, published ones last."""
    curves = {name: (means, False) for name, means in record["mean"].items()}
    published = record["published"]["curves"].items()
    found = [
        Series(name, _shown(rows, measure), is_published=is_published, is_ours=name == OURS)
        for name, (rows, is_published) in (
            *curves.items(),
            *((name, (curve["points"], True)) for name, curve in published),
        )
    ]
    return [series for series in found if len(series.points) > 1]


def _shown(rows: Sequence[Record], measure: str) -> list[tuple[float, float]]:
    points = points_of(rows, measure)
    return [(r, ms_ssim_db(v)) for r, v in points] if measure == "ms_ssim" else points


def draw_charts(record: Record) -> dict[str, str]:
    """An SVG for each measure that the record holds."""
    charts = {}
    for measure, axis in CHARTS.items():
        series = chart_series(record, measure)
        if any(line.is_ours for line in series):
            heading = f"{axis.title}: {photos_of(record)}, means, whole files"
            charts[measure] = draw_chart(replace(axis, title=heading), series, CHART_BPP)
    return charts


def render_results(results: Path) -> list[str]:
    """Sections for all stored results that are there."""
    sections = []
    for name, builders in PAGE_TABLES.items():
        if not (results / name).exists():
            continue
        record = read_record(results / name)
        sections.append(f"<h2>{TITLES[name]}</h2>")
        if name == RATE_DISTORTION:
            sections += [
                f'<div class="chart" tabindex="0" aria-label="Curves: arrow keys go from point to '
                f'point">{chart}<div class="tip" role="status" hidden></div></div>'
                for chart in draw_charts(record).values()
            ]
            sections.append(
                "<p>Point at a curve to read its figures, or focus a chart and use the arrow keys: "
                "left and right along a curve, up and down to the next.</p>"
            )
        sections += [_render(build(record)) for build in builders]
        if name == RATE_DISTORTION:
            sections += [f"<p>{escape(source)}</p>" for source in _sources(record)]
    return sections


def render_pictures(photos: Sequence[Path], rate_bpp: float) -> list[str]:
    """A comparer of each photo at that rate."""
    pictures = open_pictures(photos)
    rivals = [r for r in map(list_rivals().get, ("avif", "webp")) if r is not None and r.library]
    sections = []
    for name, image in each("pictures", list(pictures.items())):
        original = np.asarray(image)
        candidates = compare_at_bytes(original, encode_near(image, rate_bpp), rivals)
        sections.append(render_comparison(name, original, candidates))
    return [f"<h2>Pictures at equal bytes, about {rate_bpp:g} bpp</h2>", *sections]


def render_reproduction(results: Path) -> list[str]:
    """What the results were made with, and the commands that make them."""
    items = []
    for name in PAGE_TABLES:
        if (results / name).exists():
            record = read_record(results / name)
            versions = record.get("versions") or {}
            text = ", ".join(f"{n} {v}" for n, v in versions.items() if v) or "not recorded"
            made = made_at(record) if name in SMALL_MODELS else made_with(record)
            facts = f"{made}; threads: {record.get('threads', 'not recorded')}"
            if record.get("load_average") is not None:
                facts += f" of {record['cores']} cores, load before the run: "
                facts += f"{record['load_average']:g}"
            items.append(f"<li>{escape(name)}: {escape(facts)}; versions: {escape(text)}</li>")
    commands = COMMANDS.read_text().split("## Measuring\n\n")[1].split("\n\n")[0]
    return [
        "<h2>How to reproduce</h2>",
        f"<p>The stored results, in benchmarks/results:</p><ul>{''.join(items)}</ul>",
        "<p>In a checkout of that commit, with Kodak's 24 photos in a folder kodak:</p>"
        f"<pre>{escape(dedent(commands))}</pre>",
    ]


def _render(table: Table) -> str:
    return render_table(table.caption, table.columns, table.rows, table.notes)


def _sources(record: Record) -> list[str]:
    curves = record["published"]["curves"]
    if not curves:
        return []
    listed = "; ".join(f"{name}: {curve['source']}" for name, curve in curves.items())
    return [f"Published curves were not run here; they are their authors' figures. {listed}."]


@click.command()
@click.argument("photos", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The page.")
@click.option("--rate", default=0.2, show_default=True, help="Of the photos' files, bpp.")
@click.option(
    "--results", default=RESULTS, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--plots", type=click.Path(exists=True, file_okay=False, path_type=Path), help="SVGs go here."
)
def main(
    photos: tuple[Path, ...], output: Path, rate: float, results: Path, plots: Path | None
) -> None:
    """Write the page, with PHOTOS to compare."""
    check_output(output)
    pictures = render_pictures(photos, rate) if photos else []
    sections = [*render_results(results), *pictures, *render_reproduction(results)]
    script = Path(__file__).with_name("chart.js").read_text()
    write_text(output, render_document("vlaecodec: measured", sections, [script]))
    if plots is not None and (results / RATE_DISTORTION).exists():
        for measure, chart in draw_charts(read_record(results / RATE_DISTORTION)).items():
            write_text(plots / f"{measure}.svg", chart + "\n")


if __name__ == "__main__":
    main()
