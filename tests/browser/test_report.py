"""The report of stored results, as a person uses it."""

import json
import re
import shutil
from math import log10
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.kit.record import RESULTS
from benchmarks.photo import rate_distortion
from benchmarks.publish import report
from tests.conftest import photo


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    Image.fromarray(photo(176, 192)).save(folder / "scene.png")
    shutil.copy(RESULTS / "lossless.json", folder)
    arguments = [str(folder / "scene.png"), "--output", str(folder / "kodak.json"), "--runs", "1"]
    arguments += ["--realism", "--sparse"]
    for codec in ("vlaecodec", "WebP"):
        arguments += ["--codec", codec]
    done = CliRunner().invoke(rate_distortion.main, arguments)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def page(results) -> Path:
    output = results / "report.html"
    arguments = [str(results / "scene.png"), "--output", str(output), "--results", str(results)]
    done = CliRunner().invoke(report.main, [*arguments, "--plots", str(results), "--rate", "0.5"])
    assert done.exit_code == 0, done.output
    return output


def figures(results) -> set[str]:
    """What tooltips may say: the mean points of the record within the charts, and nothing else."""
    means = json.loads((results / "kodak.json").read_text())["mean"]
    said = set()
    for name, rows in means.items():
        for row in rows:
            values = [f"{row['psnr_db']:.2f} dB", f"{-10 * log10(1 - row['ms_ssim']):.2f} dB"]
            if "sliced_wasserstein" in row:
                values += [f"{row['sliced_wasserstein']:.1f}", f"{row['spectrum_distance']:.2f}"]
            if report.CHART_BPP[0] <= row["rate_bpp"] <= report.CHART_BPP[1]:
                said |= {f"{name}: {row['rate_bpp']:.3f} bpp, {value}" for value in values}
    return said


def test_tooltips_say_all_that_was_measured_and_nothing_else(tab, page, results) -> None:
    tab.goto(page.as_uri())
    tips = tab.locator("circle").evaluate_all("dots => dots.map(dot => dot.dataset.tip)")
    assert len(tab.locator(".chart").all()) == 4
    assert set(tips) == figures(results)


def test_the_lossy_table_says_what_is_stored(tab, page, results) -> None:
    tab.goto(page.as_uri())
    found = json.loads((results / "kodak.json").read_text())["bd_rate"]["vlaecodec"]["WebP"]
    row = tab.locator("table").first.locator("tbody tr", has_text="WebP")
    cells = row.locator("td").all_inner_texts()
    assert cells[4:6] == [
        f"{found[m]['percent']:+.1f} % ({found[m]['reference_bpp'][0]:.2f} to "
        f"{found[m]['reference_bpp'][1]:.2f})"
        for m in ("psnr_db", "ms_ssim")
    ]
    for number in range(2):  # it was not measured, and the page does not pretend it was
        assert "SSIMULACRA2" not in tab.locator("table").nth(number).locator("thead").inner_text()


def test_a_tooltip_says_what_was_measured(tab, page, results) -> None:
    tab.goto(page.as_uri())
    chart = tab.locator(".chart").first
    tip = chart.locator(".tip")
    assert not tip.is_visible()
    dot = chart.locator("circle[data-series='0']").nth(1)
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2 + 3)
    assert tip.is_visible()
    assert tip.inner_text() in figures(results)
    assert tip.inner_text() == dot.get_attribute("data-tip")
    lit = chart.locator("path.chosen").evaluate_all("all => all.map(one => one.dataset.series)")
    assert lit == ["0"]
    inside = tip.bounding_box()
    assert inside["x"] >= 0
    assert inside["x"] + inside["width"] <= tab.viewport_size["width"]


def test_the_keyboard_goes_along_and_across_curves(tab, page) -> None:
    tab.goto(page.as_uri())
    chart = tab.locator(".chart").first
    chart.focus()
    tip = chart.locator(".tip")
    dots = chart.locator("circle")
    tips = [dots.nth(i).get_attribute("data-tip") for i in range(dots.count())]
    first = tip.inner_text()
    assert first == tips[0]
    tab.keyboard.press("ArrowRight")
    assert tip.inner_text() == tips[1]
    tab.keyboard.press("ArrowDown")
    assert tip.inner_text().startswith("WebP: ")
    tab.keyboard.press("ArrowUp")
    assert tip.inner_text() == tips[1]


def test_the_report_has_a_comparer(tab, page) -> None:
    tab.goto(page.as_uri())
    sizes = [
        int(option.split(": ")[1].split()[0])
        for option in tab.locator("select.right option").all_inner_texts()[1:]
    ]
    names = [o.split(":")[0] for o in tab.locator("select.left option").all_inner_texts()]
    assert names[0] == "original"
    assert names[1].startswith("vlaecodec, texture 0")
    assert {"AVIF", "WebP"} <= set(names)
    assert any("recommended" in name for name in names)
    assert any(name.startswith("vlaecodec, texture 1") for name in names)
    assert max(sizes) == sizes[0]  # no rival has more bytes than ours
    divider = tab.locator(".divider")
    divider.scroll_into_view_if_needed()
    box, stage = divider.bounding_box(), tab.locator(".stage").bounding_box()
    y = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] / 2, y)
    tab.mouse.down()
    tab.mouse.move(stage["x"] + stage["width"] / 4, y)
    tab.mouse.up()
    assert divider.get_attribute("aria-valuenow") == "25"
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_keyboard_reaches_everything(tab, page) -> None:
    tab.goto(page.as_uri())
    wanted = tab.locator(".chart, .table, select, .divider").count()
    reached = set()
    for _ in range(3 * wanted):
        tab.keyboard.press("Tab")
        reached.add(
            tab.evaluate(
                """() => [...document.querySelectorAll(".chart, .table, select, .divider")]
                    .indexOf(document.activeElement)"""
            )
        )
        if len(reached - {-1}) == wanted:
            break
    assert reached - {-1} == set(range(wanted))


def test_every_figure_of_the_lossless_table_is_stored(tab, page, results) -> None:
    tab.goto(page.as_uri())
    means = json.loads((results / "lossless.json").read_text())["mean"]
    table = tab.locator("table", has_text="PNG")
    assert table.locator("td").all_inner_texts() == [
        cell
        for m in means.values()
        for cell in (
            f"{m['rate_bpsp']:.3f}",
            f"{m['ratio_to_lossless']:.3f}",
            f"{m['encode_s']:.2f}",
            f"{m['decode_s']:.2f}",
        )
    ]


def test_a_tooltip_names_what_was_not_run() -> None:
    points = [{"rate_bpp": r, "psnr_db": p} for r, p in ((0.1, 28.0), (0.5, 34.0))]
    rows = [{"picture": "scene"}]
    curves = {"VTM": {"source": "somewhere", "points": points}}
    record = {"mean": {"vlaecodec": points}, "published": {"curves": curves}, "rows": rows}
    (chart,) = report.draw_charts(record).values()
    tips = re.findall('data-tip="([^"]*)"', chart)
    assert [tip for tip in tips if "not run" in tip] == [
        "VTM: 0.100 bpp, 28.00 dB, published, not run",
        "VTM: 0.500 bpp, 34.00 dB, published, not run",
    ]


def test_the_plots_are_the_charts_of_the_page(page, results) -> None:
    plot = (results / "psnr_db.svg").read_text().strip()
    assert plot in page.read_text()
