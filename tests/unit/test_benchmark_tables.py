import json

import pytest

from benchmarks.kit.record import RESULTS
from benchmarks.kit.tables import read_record
from benchmarks.photo.lossy_tables import (
    effort_table,
    lossless_table,
    rate_distortion_table,
    similarity_table,
    texture_table,
)
from benchmarks.publish.contents import TABLES
from benchmarks.publish.results_pages import draw_plots


def means(*points: tuple[float, float], **more: float) -> list[dict[str, float]]:
    return [{"setting": r, "rate_bpp": r, "psnr_db": p, **more} for r, p in points]


@pytest.fixture
def record():
    found = {"percent": -12.34, "reference_bpp": [0.105, 1.0]}
    return {
        "model": "abcdef12",
        "commit": "0" * 40,
        "bd_rate_bpp": [0.1, 1.0],
        "bd_rate": {"vlaecodec": {"AVIF": {"psnr_db": found}}},
        "mean": {
            "vlaecodec": means((0.1, 28), (0.25, 30), (0.5, 33), (1.1, 36), sliced_wasserstein=40),
            "AVIF": means((0.1, 27), (0.25, 29), (1.1, 35)),
            "WebP": means((0.5, 31), (1.1, 34), sliced_wasserstein=50),
        },
        "published": {"curves": {"VTM": {"points": means((0.1, 29), (2, 40))}}},
        "rows": [{"picture": "kodim01"}, {"picture": "kodim02"}],
    }


def test_a_rate_that_was_measured_shows_what_was_measured(record) -> None:
    table = rate_distortion_table(record)
    assert table.columns[2] == "0.25 bpp"
    assert [row[2] for row in table.rows] == ["30.00", "29.00", "-"]
    assert 29 < float(table.rows[1][3]) < 35
    assert table.rows[1][5:] == ["-12.3 %"]
    assert table.caption.startswith("Kodak, 2 photos,")
    assert "model abcdef12, commit 000000000000:" in table.caption


def test_measures_at_a_rate_are_those_of_codecs_that_reach_it(record) -> None:
    table = similarity_table(record)
    assert table.columns == ["codec", "PSNR, RGB, dB", "patch distance (SWD)"]
    assert table.rows == [["vlaecodec", "30.00", "40.0"], ["AVIF", "29.00", "-"]]
    assert "A dash: not measured there" in table.notes[0]
    assert "some settings only" not in table.notes[0]
    del record["mean"]["WebP"][1]["sliced_wasserstein"]
    assert "some settings only" in similarity_table(record).notes[0]


def test_search_is_compared_with_none_and_names_its_photos(record) -> None:
    name = "vlaecodec, effort 5"
    found = record["bd_rate"]["vlaecodec"]["AVIF"]["psnr_db"]
    record["bd_rate"] = {name: {"vlaecodec": {"psnr_db": found}, "AVIF": {}}}
    record["mean"][name] = means((0.1, 29), (1, 37), encode_s=25.0)
    table = effort_table({**record, "threads": 1})
    assert table.columns[1::2] == ["against vlaecodec, PSNR", "against AVIF, PSNR", "encode, s"]
    assert table.rows == [[name, "-12.3 % (0.10 to 1.00)", "", "", "", "25.0"]]
    assert "Kodak, 2 photos" in table.caption


def test_exact_files_and_texture_have_tables_too() -> None:
    made = {"model": "abcdef12", "commit": "0" * 40, "threads": 2}
    exact = {"rate_bpsp": 2.9, "ratio_to_lossless": 1.0, "encode_s": 3.0, "decode_s": 1.0}
    pictures = {"PNG": {"kodim01": {}, "kodim02": {}}}
    table = lossless_table({**made, "mean": {"PNG": exact}, "results": pictures})
    assert table.rows == [["PNG", "2.900", "1.000", "3.00", "1.00"]]
    assert "Kodak, 2 photos" in table.caption
    found = {"rate_bpp": 0.2, "sliced_wasserstein": 50.0, "spectrum_distance": 0.5, "psnr_db": 28.0}
    mean = {"0.2": {"mean image": found}}
    table = texture_table({**made, "mean": mean, "results": {"0.2": pictures}})
    assert table.columns == ["codec", "0.20 bpp"]
    assert table.rows == [["mean image", "50.0 / 0.50 / 28.00 dB"]]


def test_every_table_and_plot_follows_what_is_stored(monkeypatch) -> None:
    """Other figures in a record are other figures on the page."""
    for name, builders in TABLES.items():
        if not (RESULTS / name).exists():
            continue
        text = (RESULTS / name).read_text()
        changed = json.loads(text, parse_float=lambda value: 0.9 * float(value))
        for build in builders:
            before, after = build(json.loads(text)).rows, build(changed).rows
            assert before
            assert before != after
    before = draw_plots()
    record = json.loads((RESULTS / "kodak.json").read_text())
    for rows in record["mean"].values():
        for row in rows:
            row |= {key: 0.9 * row[key] for key in row if key not in ("setting", "rate_bpp")}
    monkeypatch.setattr("benchmarks.publish.results_pages.read_record", lambda _: record)
    assert read_record(RESULTS / "kodak.json")["mean"] != record["mean"]
    assert all(drawn != before[plot] for plot, drawn in draw_plots().items())
