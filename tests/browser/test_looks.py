"""All pages in both languages, both themes and several widths: accessibility, size and layout shift."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Open

Keep = Callable[[Page, str], Path]
MAX_PAGE_BYTES = 150_000
"""Of a page with everything it loads except audio."""
MAX_SHIFT = 0.05
PAGES = ("/", "result", "/library", "/library/1", "/a/there-is-no-such-page", "/api/docs")
LATIN = {"Sori", "English", "BPM", "MB", "Hz", "kHz", "API", "SORI_FOLDERS", "JSON", "CSV", "LRC", "SVG", "PNG", "M3U8"}
LATIN |= {"MP3", "FLAC", "WAV", "Ogg", "Opus", "M4A", "AAC", "AIFF", "WMA", "WebM"}
"""Latin words that are the same in Korean."""


def path_of(name: str, result: str) -> str:
    return result if name == "result" else name


@pytest.fixture
def show(open_page: Open, result: str) -> Callable[..., Page]:
    """Open a page by its name and wait until it has loaded."""

    def open_(name: str, **settings: object) -> Page:
        page = open_page(path_of(name, result), expected="404" if "no-such" in name else None, **settings)
        page.wait_for_load_state("networkidle")
        return page

    return open_


def slug(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-") or "upload"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_violations(
    show: Callable[..., Page], name: str, scheme: str, width: dict[str, int], keep_picture: Keep
) -> None:
    page = show(name, color_scheme=scheme, viewport=width)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    keep_picture(page, f"{slug(name)}-{'phone' if width is PHONE else 'desktop'}-{scheme}")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_pages_do_not_scroll_sideways(show: Callable[..., Page], name: str, width: int) -> None:
    page = show(name, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_korean_pages_have_no_english(show: Callable[..., Page], name: str, keep_picture: Keep) -> None:
    page = show(name, locale="ko-KR")
    assert page.locator("html").get_attribute("lang") == "ko"
    if name != "/api/docs":
        assert foreign_words(page) == set()
    keep_picture(page, f"{slug(name)}-korean")


def foreign_words(page: Page) -> set[str]:
    """Latin words that a Korean reader sees or hears, except titles and names (in `bdi`) and code."""
    texts = page.evaluate(
        """() => {
          const skipped =
            "bdi, .lyrics li, code, script, noscript, .title, .tags, [lang=en], [data-name], .search-result, input";
          const found = [];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const parent = walker.currentNode.parentElement;
            if (!parent.closest(skipped)) found.push(walker.currentNode.textContent);
          }
          for (const name of ["aria-label", "alt", "title", "placeholder"])
            for (const element of document.querySelectorAll(`[${name}]`))
              if (!element.closest(skipped) && !element.querySelector(skipped)) found.push(element.getAttribute(name));
          return found;
        }"""
    )
    return set(re.findall(r"[A-Za-z][A-Za-z0-9_]+", " ".join(texts))) - LATIN


def test_language_can_be_switched(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_role("button", name="한국어").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.goto("/library")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_theme_can_be_switched_and_is_stored(open_page: Open) -> None:
    page = open_page("/", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Switch to dark theme").click()
    dark = page.evaluate(background)
    assert light != dark
    page.reload()
    assert page.evaluate(background) == dark


@pytest.mark.parametrize("name", ["/", "result", "/library", "/library/1"])
def test_pages_are_small(open_page: Open, result: str, name: str) -> None:
    page = open_page("/api/docs")
    sizes: dict[str, int] = {}

    def add_size(response: object) -> None:
        if "/audio" not in response.url:  # type: ignore[attr-defined]
            sizes[response.url] = len(response.body())  # type: ignore[attr-defined]

    page.on("requestfinished", lambda request: add_size(request.response()))
    page.goto(path_of(name, result))
    page.wait_for_load_state("networkidle")
    assert 0 < sum(sizes.values()) <= MAX_PAGE_BYTES, sizes


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_do_not_shift(show: Callable[..., Page], name: str, width: dict[str, int]) -> None:
    page = show(name, viewport=width)
    page.wait_for_timeout(300)
    shift = page.evaluate(
        """() => new Promise((done) => {
          let sum = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
          }).observe({ type: "layout-shift", buffered: true });
          setTimeout(() => done(sum), 200);
        })"""
    )
    assert shift <= MAX_SHIFT
    for picture in page.locator("img").all():
        assert picture.get_attribute("width") and picture.get_attribute("height")
