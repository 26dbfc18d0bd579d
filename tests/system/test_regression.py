import copy
import json

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.kit.tables import read_record
from benchmarks.photo import regression


@pytest.fixture(scope="module")
def rows():
    return regression.measure()


@pytest.fixture
def stored(rows):
    return {"rows": copy.deepcopy(rows), "made_on": regression.describe_machine()}


def test_the_stored_record_holds(rows) -> None:
    """Fails when bits are lost, or bytes change: see benchmarks/photo/regression.py."""
    stored = read_record(regression.STORED)
    assert regression.find_problems(stored, rows, regression.describe_machine()) == []


def test_the_record_belongs_to_the_model() -> None:
    assert read_record(regression.STORED)["model"] == regression.describe_run()["model"]


def test_another_byte_is_a_problem_on_the_same_machine_alone(rows, stored) -> None:
    stored["rows"][3]["sha256"] = "0" * 16
    (problem,) = regression.find_problems(stored, rows, regression.describe_machine())
    assert "other bytes" in problem
    elsewhere = {**regression.describe_machine(), "cpu_capability": "another"}
    assert regression.find_problems(stored, rows, elsewhere) == []
    stored["rows"][3]["size_bytes"] = round(stored["rows"][3]["size_bytes"] * 0.98)
    (problem,) = regression.find_problems(stored, rows, elsewhere)
    assert "bytes" in problem


@pytest.mark.parametrize(("factor", "worse"), [(0.99, True), (0.997, False), (1.1, False)])
def test_a_worse_curve_is_a_problem(rows, stored, factor, worse) -> None:
    for row in stored["rows"]:
        row["rate_bpp"] *= factor
    problems = regression.find_problems(stored, rows, regression.describe_machine())
    assert any("BD-rate" in problem for problem in problems) == worse
    assert regression.bd_percent(stored["rows"], rows) == pytest.approx(100 / factor - 100)


def test_a_worse_curve_is_a_problem_on_any_machine(rows, stored) -> None:
    for row in stored["rows"]:
        row["rate_bpp"] *= 0.994
    elsewhere = {**regression.describe_machine(), "torch": "another"}
    (problem,) = regression.find_problems(stored, rows, elsewhere)
    assert problem == "BD-rate is worse by 0.60 %, allowed are 0.5"


def test_missing_pictures_are_a_problem(rows, stored) -> None:
    del stored["rows"][0]
    (problem,) = regression.find_problems(stored, rows, regression.describe_machine())
    assert "not those of the record" in problem


def test_the_command_fails_until_the_record_is_updated(rows, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(regression, "measure", lambda: rows)
    record = tmp_path / "regression.json"

    def run(*more: str):
        return CliRunner().invoke(regression.main, ["--record", str(record), *more])

    assert run().exit_code == 1
    assert run("--update").exit_code == 0
    assert run().exit_code == 0
    before = record.read_text()
    for key, factor, problem in (("rate_bpp", 0.99, "BD-rate is worse"), ("sha256", 0, "bytes")):
        changed = json.loads(before)
        for row in changed["rows"]:
            row[key] = row[key] * factor if factor else "0" * 16
        regression.write_record(record, changed)
        refused = run()
        assert refused.exit_code == 1
        assert problem in refused.stderr
        assert "--update" in refused.stderr
    assert np.isclose(regression.bd_percent(changed["rows"], rows), 0)
    assert run("--update").exit_code == 0
    assert run().exit_code == 0
