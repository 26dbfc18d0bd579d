import json

import numpy as np
import pytest
from click import UsageError
from click.testing import CliRunner
from PIL import Image

from benchmarks.kit.pictures import parse_size
from benchmarks.kit.processes import measure_memory
from benchmarks.photo import speed, speed_tables
from tests.conftest import photo


def test_larger_pictures_are_mirrored_on() -> None:
    pixels = photo(20, 30)
    larger = np.asarray(speed.resize(Image.fromarray(pixels), 70, 45))
    assert larger.shape == (45, 70, 3)
    assert np.array_equal(larger[:20, :30], pixels)
    assert np.array_equal(larger[20:40, :30], pixels[::-1])
    smaller = np.asarray(speed.resize(Image.fromarray(pixels), 8, 9))
    assert np.array_equal(smaller, pixels[:9, :8])


def test_peak_memory_is_the_process_own() -> None:
    """Not its parent's: this process holds more meanwhile than coding so few pixels takes."""
    ballast = np.ones(2**30, np.uint8)
    measured = measure_memory(Image.fromarray(photo(32, 32)), ({"quality": 50}, {}))
    assert 0.05 < measured["encode_gib"] < 1
    assert ballast[-1] == 1


@pytest.mark.slow
def test_a_run_measures_everything(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(speed, "MODE_SIZE", (64, 48))
    monkeypatch.setattr(speed, "THUMBNAIL_PX", 16)
    monkeypatch.setattr(speed, "THUMBNAIL_SIZES", ((64, 48),))
    Image.fromarray(photo(48, 64)).save(tmp_path / "photo.png")
    output = tmp_path / "speed.json"
    arguments = [str(tmp_path / "photo.png"), "--output", str(output), "--runs", "1"]
    arguments += ["--threads", "1", "--size", "64x48", "--size", "128x96"]
    result = CliRunner().invoke(speed.main, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads(output.read_text())
    assert set(record["modes"]) == {f"vlaecodec, {mode}" for mode in speed.MODES}
    assert {"JPEG", "WebP", "AVIF"} <= set(record["rivals"])
    assert [row["width_px"] for row in record["sizes"]] == [64, 128]
    assert all(row["lossless_decode_s"] > 0 for row in record["sizes"])
    for row in record["memory"]:
        assert all(
            0.05 < row[f"{p}encode_and_decode_gib"] < 8 for p in speed_tables.GROWING.values()
        )
    assert all(seconds > 0 for seconds in record["process"].values())
    assert record["commit"] is None or len(record["commit"]) == 40
    (thumbnail,) = record["thumbnails"]
    assert thumbnail["averages_of_px"] == 4
    ratio = thumbnail["mean_image_s"] / thumbnail["thumbnail_s"]
    assert thumbnail["ratio_to_mean_image"] == pytest.approx(ratio)
    text = speed_tables.speed_table(record).to_markdown()
    assert "A thumbnail of a 64 x 48 photo, from averages of 4 pixels a side" in text
    for row in speed_tables.sizes_table(record).rows:
        assert "-" not in row


@pytest.mark.parametrize("name", ["768", "0x5", "ax5", "5x"])
def test_odd_sizes_are_refused(name) -> None:
    with pytest.raises(UsageError):
        parse_size(name)
