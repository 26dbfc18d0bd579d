"""A real browser, headless and without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import unavailable

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    executable = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    if executable is None:
        unavailable("no browser is installed: one of " + ", ".join(EXECUTABLES))
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed: it is in the extra dev")
    with sync_playwright() as playwright:
        chromium = playwright.chromium
        launched = chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def tab(browser, request) -> Iterator[Any]:
    """A tab that fails the test if its page asks for anything beyond its own file, or errs."""
    context = browser.new_context(viewport=request.param, offline=True)
    opened = context.new_page()
    asked: list[str] = []
    problems: list[str] = []
    opened.on("request", lambda r: asked.append(r.url))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text))
    yield opened
    outside = [url for url in asked if not url.startswith(("file:", "data:"))]
    context.close()
    assert outside == []
    assert problems == []
