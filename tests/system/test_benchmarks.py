import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.kit.bd_rate import bd_rate
from benchmarks.kit.codecs import find_codecs
from benchmarks.kit.curves import curve_of, mean_rows, read_published, rises_with_quality
from benchmarks.kit.pictures import find_images
from benchmarks.kit.record import RESULTS, ROOT
from benchmarks.kit.stored_rows import StoredRows
from benchmarks.photo import busy, rate_distortion, rate_distortion_jobs
from tests.conftest import photo

PUBLISHED = ROOT / "benchmarks" / "published" / "kodak.csv"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(photo(64, 96)).save(folder / "a.png")
    Image.fromarray(photo(64, 64, seed=1)).save(folder / "b.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def run(*arguments: object):
    result = CliRunner().invoke(rate_distortion.main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result


def test_the_stored_results_are_whole() -> None:
    record = json.loads((RESULTS / "kodak.json").read_text())
    for name in record["mean"]:
        rows = [row for row in record["rows"] if row["codec"] == name]
        assert len({row["picture"] for row in rows}) == 24
        assert all(row["size_bytes"] > 0 for row in rows)
        assert mean_rows(rows) == record["mean"][name]


@pytest.mark.parametrize(
    ("codec", "percent"),
    [("bmshj2018-hyperprior", 31), ("mbt2018-mean", 22), ("mbt2018", 12), ("cheng2020-anchor", 4)],
)
def test_bd_rate_of_published_curves(codec, percent) -> None:
    """Known distances to VTM, over all that both curves reach."""
    curves = read_published(PUBLISHED)
    reference, tested = (curve_of(curves[n]["points"], "psnr_db") for n in ("VTM 18.0", codec))
    assert bd_rate(reference, tested).percent == pytest.approx(percent, abs=0.7)


def test_bd_rate_states_its_overlap() -> None:
    reference = [(r, 30 + 5 * np.log2(r)) for r in (0.1, 0.2, 0.4, 0.8)]
    tested = [(0.5 * r, q) for r, q in reference[1:]]
    found = bd_rate(reference, tested)
    assert found.percent == pytest.approx(-50)
    assert found.reference_bpp == pytest.approx((0.2, 0.8))
    assert found.tested_bpp == pytest.approx((0.1, 0.4))
    assert found.qualities_db == pytest.approx((reference[1][1], reference[3][1]))


def test_every_published_point_has_a_source() -> None:
    curves = read_published(PUBLISHED)
    assert all(curve["source"] != PUBLISHED.name for curve in curves.values())
    assert all(len(curve["points"]) >= 5 for curve in curves.values())


def test_the_script_names_the_benchmarks() -> None:
    done = subprocess.run([ROOT / "bin" / "benchmark"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert {"rate_distortion", "speed", "lossless", "eyes"} <= set(done.stderr.split())
    assert "bd_rate" not in done.stderr.split()
    names = done.stderr.split("these:")[1].split()
    assert len(set(names)) == len(names)


def test_a_run_measures_whole_files(pictures, tmp_path) -> None:
    assert [p.name for p in find_images([pictures])] == ["a.png", "b.png"]
    output = tmp_path / "results.json"
    run(pictures, "--codec", "vlaecodec", "--codec", "JPEG", "--output", output, "--runs", 1,
        "--low", 0.5, "--high", 3, "--realism")  # fmt: skip
    record = json.loads(output.read_text())
    rows = [r for r in record["rows"] if r["codec"] == "vlaecodec" and r["picture"] == "a"]
    assert all(r["rate_bpp"] == pytest.approx(8 * r["size_bytes"] / (64 * 96)) for r in rows)
    assert all(r["encode_s"] > 0 and r["decode_s"] > 0 for r in rows)
    assert all(r["sliced_wasserstein"] > 0 and r["ms_ssim"] is None for r in rows)
    assert record["rises_with_quality"] == {"a": True, "b": True}
    found = record["bd_rate"]["vlaecodec"]["JPEG"]["psnr_db"]
    assert np.isfinite(found["percent"])
    assert 0.5 <= found["reference_bpp"][0] < found["reference_bpp"][1] <= 3.001


def test_rows_are_taken_over_only_where_nothing_changed(pictures, tmp_path) -> None:
    output = tmp_path / "results.json"
    again = [pictures, "--codec", "JPEG", "--output", output, "--runs", 1]
    settings = len(find_codecs(1)[0]["JPEG"].settings)
    assert f"{2 * settings} rows measured, 0 taken over" in run(*again).output
    first = json.loads(output.read_text())["rows"]
    assert f"0 rows measured, {2 * settings} taken over" in run(*again).output
    assert json.loads(output.read_text())["rows"] == first
    Image.fromarray(photo(64, 64, seed=2)).save(pictures / "b.png")
    assert f"{settings} rows measured, {settings} taken over" in run(*again).output
    assert f"{2 * settings} rows measured" in run(*again, "--realism").output
    assert f"{2 * settings} rows measured" in run(*again, "--realism", "--fresh").output
    record = json.loads(output.read_text())
    record["codecs"]["JPEG"]["library"] = "another"
    output.write_text(json.dumps(record))
    assert f"{2 * settings} rows measured" in run(*again).output


def test_a_stopped_run_goes_on(pictures, tmp_path, monkeypatch) -> None:
    output = tmp_path / "results.json"
    arguments = [pictures, "--codec", "JPEG", "--output", output, "--runs", 1]
    whole, jobs = rate_distortion_jobs.measure, []

    def measure(job):
        if jobs:
            raise KeyboardInterrupt
        jobs.append(job)
        return whole(job)

    monkeypatch.setattr(rate_distortion_jobs, "measure", measure)
    stopped = CliRunner().invoke(rate_distortion.main, [str(a) for a in arguments])
    assert stopped.exit_code != 0
    assert not output.exists()
    monkeypatch.undo()
    with output.with_suffix(".partial.jsonl").open("a") as file:
        file.write('{"identity": {"cut')
    settings = len(jobs[0].groups)
    assert f"{settings} rows measured, {settings} taken over" in run(*arguments).output
    assert not output.with_suffix(".partial.jsonl").exists()


def test_two_processes_measure_the_same(pictures, tmp_path) -> None:
    records = []
    for jobs in (1, 2):
        output = tmp_path / f"{jobs}.json"
        run(pictures, "--codec", "WebP", "--output", output, "--jobs", jobs, "--runs", 1)
        records.append(json.loads(output.read_text()))
    sizes, others = ([(r["picture"], r["size_bytes"]) for r in x["rows"]] for x in records)
    assert sizes == others


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--published", str(PUBLISHED)], "24 Kodak photos"),
        (["--ssimulacra2"], "needs the package ssimulacra2"),
        (["--flip"], "needs the package flip-evaluator"),
    ],
)
def test_what_cannot_be_measured_is_refused(pictures, monkeypatch, options, problem) -> None:
    for package in ("ssimulacra2", "flip_evaluator"):
        monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(rate_distortion.main, [str(pictures), "--codec", "JPEG", *options])
    assert result.exit_code == 2
    assert problem in result.output


def test_our_modes_differ_as_they_should() -> None:
    codecs, _ = find_codecs(1)
    image = Image.fromarray(photo(48, 64))
    mean, full = codecs["vlaecodec"], codecs["vlaecodec, full texture"]
    data = mean.encode(image, 20)
    assert np.any(np.asarray(mean.decode(data)) != np.asarray(full.decode(data)))
    exact = codecs["vlaecodec, near-lossless"]
    for error in exact.settings:
        decoded = np.asarray(exact.decode(exact.encode(image, error))).astype(int)
        assert np.abs(decoded - np.asarray(image)).max() <= error


def test_rising_means_every_step() -> None:
    rows = [{"setting": q, "size_bytes": q, "psnr_db": q, "rate_bpp": q} for q in (1, 2, 3)]
    assert rises_with_quality(rows)
    assert curve_of(mean_rows(rows), "psnr_db") == [(1, 1), (2, 2), (3, 3)]
    rows[2]["psnr_db"] = 1.5
    assert not rises_with_quality(rows)
    assert curve_of(rows, "psnr_db") == [(1, 1), (2, 2)]


def test_a_mean_is_over_all_pictures_or_none() -> None:
    rows = [{"setting": 1, "rate_bpp": r, "psnr_db": p} for r, p in ((1, 30), (3, None))]
    assert mean_rows(rows) == [{"setting": 1, "rate_bpp": 2}]


def test_stored_rows_are_found_by_all_they_depend_on(tmp_path) -> None:
    output = tmp_path / "results.json"
    stored = StoredRows(output)
    stored.append({"library": "x"}, "abc", [{"codec": "JPEG", "setting": 5, "psnr_db": 30}])
    found = StoredRows(output)
    assert found.find("JPEG", {"library": "x"}, "abc", 5.0) is not None
    assert found.find("JPEG", {"library": "y"}, "abc", 5) is None
    assert found.find("JPEG", {"library": "x"}, "abd", 5) is None


def test_a_known_row_gets_the_measures_it_lacks(pictures, tmp_path) -> None:
    """Its seconds stay, as long as the file does."""
    output = tmp_path / "results.json"
    again = [pictures / "b.png", "--codec", "JPEG", "--output", output, "--runs", 1]
    run(*again)
    record = json.loads(output.read_text())
    for row in record["rows"]:
        row |= {"encode_s": 1234, "runs": 7}
    record["rows"][0]["size_bytes"] += 1
    record["rows"][1]["psnr_db"] += 0.01
    output.write_text(json.dumps(record))
    run(*again, "--realism")
    rows = json.loads(output.read_text())["rows"]
    assert all(row["sliced_wasserstein"] > 0 for row in rows)
    assert [row["encode_s"] == 1234 for row in rows] == [False, False] + [True] * (len(rows) - 2)
    assert [row["runs"] for row in rows] == [1, 1] + [7] * (len(rows) - 2)
    assert rows[1]["psnr_db"] == pytest.approx(record["rows"][1]["psnr_db"] - 0.01)


def test_slow_measures_at_every_second_of_many_settings(pictures, tmp_path) -> None:
    output = tmp_path / "results.json"
    run(pictures / "b.png", "--codec", "JPEG", "--codec", "vlaecodec, full texture", "--output",
        output, "--runs", 1, "--realism", "--sparse")  # fmt: skip
    record = json.loads(output.read_text())
    has = {name: ["spectrum_distance" in row for row in rows]
           for name, rows in record["mean"].items()}  # fmt: skip
    assert has["JPEG"] == [True, False] * 5 + [True]
    assert all(has["vlaecodec, full texture"])
    assert all(row["psnr_db"] > 0 for row in record["rows"])


def test_busy_compares_each_way_with_a_quiet_machine(pictures, tmp_path) -> None:
    output = tmp_path / "busy.json"
    arguments = [str(pictures / "a.png"), "--size", "32x32", "--files", "2", "--runs", "1"]
    result = CliRunner().invoke(busy.main, [*arguments, "--loops", "1", "--output", str(output)])
    assert result.exit_code == 0, result.output
    rows = json.loads(output.read_text())["rows"]
    assert [row["way"] for row in rows][2:] == ["8 threads", "DataLoader, 2 workers"]
    for row in rows:
        assert row["quiet_s"] > 0
        assert row["ratio"] == pytest.approx(row["busy_s"] / row["quiet_s"])


def test_busy_loops_end_with_what_they_disturb() -> None:
    with busy.busy_loops(2) as loops:
        assert all(loop.poll() is None for loop in loops)
    assert all(loop.returncode is not None for loop in loops)
