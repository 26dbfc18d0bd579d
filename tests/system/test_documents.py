"""What documents say is what is stored, and what they name is there."""

import importlib
import itertools
import re
import shlex
from pathlib import Path

import click
import pytest
from PIL import Image

from benchmarks.kit.codecs import find_codecs
from benchmarks.kit.record import RESULTS, ROOT
from benchmarks.publish import api_page, results_pages, transcript
from benchmarks.publish.contents import SAME_BUT_LOCAL
from tests.conftest import photo

DOCUMENTS = sorted(f"docs/{p.relative_to(ROOT / 'docs')}" for p in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("document", [results_pages.PHOTOS, results_pages.PAPER])
def test_documents_quote_the_stored_results(document: Path) -> None:
    assert results_pages.insert(document) == document.read_text()


def test_plots_are_those_of_the_stored_results() -> None:
    plots = results_pages.draw_plots()
    assert {plot: plot.read_text() for plot in plots} == plots
    assert set(plots) <= set(RESULTS.glob("*.svg"))


def test_what_is_measured_of_another_model_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert results_pages.is_current("paper.json", {"model": "00000000"})
    assert not results_pages.is_current("kodak.json", {"model": "00000000"})
    for before in SAME_BUT_LOCAL:
        assert results_pages.is_current("kodak.json", {"model": before})
        assert not results_pages.is_current("texture.json", {"model": before})
    monkeypatch.setattr(results_pages, "list_models", lambda: ("", []))
    assert "|" not in results_pages.render(results_pages.PHOTOS)


def test_the_readme_is_short_and_its_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo(48, 64)).save("photo.png")
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert names["decoded"].size == (64, 48)
    assert Path("photo.vlae").read_bytes() == names["data"]


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", *DOCUMENTS])
def test_links_between_documents_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_page_of_functions_is_that_of_the_docstrings() -> None:
    assert api_page.PAGE.read_text() == api_page.render()


def test_the_guide_quotes_a_session_that_still_goes_like_that() -> None:
    text = transcript.GUIDE.read_text()
    stored = text.split(transcript.BEGIN)[1].split(transcript.END)[0]
    assert max(map(len, stored.splitlines())) <= transcript.COLUMNS
    fresh = transcript.render()
    assert transcript.without_numbers(fresh) == transcript.without_numbers(stored)
    assert transcript.insert(text, stored) == text


def test_the_commands_that_documents_name_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text() + (ROOT / "README.md").read_text()
    lines = re.findall("^    bin/benchmark (.*)$", text.replace("\\\n", " "), re.MULTILINE)
    assert len(lines) > 5
    for line in lines:
        name, *arguments = shlex.split(line, comments=True)
        (path,) = (ROOT / "benchmarks").rglob(f"{name}.py")
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = importlib.import_module(".".join(parts))
        if not isinstance(module.main, click.Command):
            assert arguments == []
            continue
        known = {option for parameter in module.main.params for option in parameter.opts}
        assert {a for a in arguments if a.startswith("--")} <= known
        codecs = [b for a, b in itertools.pairwise(arguments) if a == "--codec"]
        installed, left_out = find_codecs(1)
        assert set(codecs) <= {*installed, *left_out}
