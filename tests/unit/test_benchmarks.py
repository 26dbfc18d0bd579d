import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import readme_table
from benchmarks.rate_distortion import find_images, main, mean_curve, rises_with_quality
from tests.conftest import photo


def test_the_readme_quotes_the_stored_results() -> None:
    text = (readme_table.ROOT / "README.md").read_text()
    assert readme_table.insert(text) == text
    assert readme_table.render() in text


def test_the_stored_results_are_whole() -> None:
    record = json.loads((readme_table.RESULTS / "kodak.json").read_text())
    assert len(record["results"]["vlaecodec"]) == 24
    assert set(record["results"]) == set(record["bd_rate_percent"]) | {"vlaecodec"}
    for pictures in record["results"].values():
        assert all(row["size_bytes"] > 0 for rows in pictures.values() for row in rows)


def test_a_run_measures_whole_files(tmp_path) -> None:
    Image.fromarray(photo(64, 96)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no picture")
    assert [p.name for p in find_images([tmp_path])] == ["a.png"]
    output = tmp_path / "results.json"
    arguments = [str(tmp_path), "--codec", "vlaecodec", "--codec", "JPEG", "--output", str(output)]
    result = CliRunner().invoke(main, [*arguments, "--low", "0.5", "--high", "3"])
    assert result.exit_code == 0, result.output
    record = json.loads(output.read_text())
    rows = record["results"]["vlaecodec"]["a"]
    assert all(r["rate_bpp"] == pytest.approx(8 * r["size_bytes"] / (64 * 96)) for r in rows)
    assert record["rises_with_quality"] == {"a": True}
    assert np.isfinite(record["bd_rate_percent"]["JPEG"])


def test_rising_means_every_step() -> None:
    rows = [{"quality": q, "size_bytes": q, "psnr_db": q, "rate_bpp": q} for q in (1, 2, 3)]
    assert rises_with_quality(rows)
    assert mean_curve(rows) == [(1, 1), (2, 2), (3, 3)]
    rows[2]["psnr_db"] = 1.5
    assert not rises_with_quality(rows)
