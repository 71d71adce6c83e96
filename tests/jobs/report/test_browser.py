"""The page in a browser, opened from disk: quiet, complete, usable by keyboard and on a telephone, light and dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobs.report.page import PAGE
from tests.jobs.report.planted import write_planted

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report in a folder of its own."""
    root = tmp_path_factory.mktemp("run")
    write_planted(root)
    return (root / PAGE).as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The system's Chromium: Playwright's own may not be there."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


def test_it_loads_whole_and_says_nothing(browser: "Browser", address: str) -> None:
    page = browser.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address, wait_until="load")
    widths = page.evaluate("Array.from(document.images, image => image.complete ? image.naturalWidth : 0)")
    assert said == []
    assert len(widths) == 7
    assert min(widths) > 0
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}


def test_the_keyboard_reaches_the_content_first(browser: "Browser", address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_dark_mode_turns_the_page_dark(browser: "Browser", address: str) -> None:
    light, dark = (browser.new_context(color_scheme=scheme).new_page() for scheme in ("light", "dark"))
    shades = []
    for page in (light, dark):
        page.goto(address)
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades.append(sum(int(part) for part in color.strip("rgb()").split(",")) / 3)
    assert shades[0] > 240
    assert shades[1] < 40


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_only_tables_scroll_sideways(browser: "Browser", address: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(address, wait_until="load")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.images[0].getBoundingClientRect().width") <= width


def test_text_in_figures_is_readable_at_the_width_of_the_page(browser: "Browser", address: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(address, wait_until="load")
    magnification = page.evaluate(
        "Array.from(document.images, image => image.width / image.naturalWidth)"
    )  # an SVG's natural size is 96 pixels an inch, so that 8 points are 10.7 pixels
    assert min(magnification) * 8 / 72 * 96 >= 12


def test_it_prints(browser: "Browser", address: str, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(address, wait_until="load")
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
