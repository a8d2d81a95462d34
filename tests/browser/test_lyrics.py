"""Lyrics in a real browser: under the playhead, by keyboard, on a phone, and when they are long or hostile."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Request, expect
from sqlalchemy import delete

from jobs.examples import FOLDER_NAME
from jobs.queue.analyses import Analyses, Analysis
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.tables import Track, path_hash_of
from library.collection.records import write_report
from ml.report.lyrics_text import is_uncertain
from ml.report.schema import LyricLine, Lyrics, Report, Word
from tests.browser.conftest import DESKTOP, PHONE, Open, Server, wait_until
from tests.browser.test_looks import MAX_PAGE_BYTES, foreign_words
from tests.made_up_lyrics import LINES, synchronised, transcribed

Keep = Callable[[Page, str], Path]
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(2)> \x1b[31m\u202egnirts\u202c &amp; \x00\ud800"


@pytest.fixture(scope="module")
def catalogue(server: Server) -> Iterator[Catalogue]:
    opened = open_catalogue(server.home)
    yield opened
    opened.close()


@pytest.fixture
def show(open_page: Open, catalogue: Catalogue, result: str, server: Server) -> Callable[..., Page]:
    """Open the result page with these lyrics in its report, as an analysis stores them."""

    def open_(lyrics: Lyrics | None, **settings: object) -> Page:
        analyses = Analyses(catalogue, server.home)
        with analyses.catalogue.transaction() as session:
            analysis = session.get_one(Analysis, result.rsplit("/", 1)[-1])
            assert analysis.report is not None
            analysis.report = replace(Report.from_dict(analysis.report), lyrics=lyrics).to_dict()
        page = open_page(result, **settings)
        page.wait_for_load_state("networkidle")
        return page

    return open_


def seek_to(page: Page, seconds: float) -> None:
    audio = page.locator("#player audio")
    audio.evaluate("(audio, seconds) => { audio.currentTime = seconds; }", seconds)
    wait_until(lambda: bool(audio.evaluate("audio => !audio.seeking && audio.readyState > 0")))


def current(page: Page) -> Locator:
    return page.locator("#lyrics [aria-current]")


def time_of(page: Page) -> float:
    return float(page.locator("#player audio").evaluate("audio => audio.currentTime"))


def is_inside(page: Page) -> bool:
    """Whether the current line is in view in its box."""
    return bool(
        current(page).evaluate(
            """line => {
              const [inner, outer] = [line, line.closest("#lyrics")].map((element) => element.getBoundingClientRect());
              return inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
            }"""
        )
    )


def test_line_and_word_follow_the_playhead(show: Callable[..., Page]) -> None:
    page = show(transcribed(LINES * 2))
    lines = transcribed(LINES * 2).lines
    scrolled = page.evaluate("window.scrollY")
    for index in (0, 9, 15, 4):
        word = lines[index].words[1]
        seek_to(page, (word.start + word.end) / 2)
        expect(current(page)).to_have_count(1)
        expect(current(page)).to_contain_text(lines[index].words[0].text)
        expect(page.locator("#lyrics .sung")).to_have_text(word.text)
        wait_until(lambda: is_inside(page))
    assert page.evaluate("window.scrollY") == scrolled
    seek_to(page, 0)
    expect(current(page)).to_have_count(0)


def test_words_follow_while_the_song_plays(show: Callable[..., Page]) -> None:
    page = show(transcribed())
    seek_to(page, transcribed().lines[2].start or 0.0)
    expect(current(page)).to_contain_text("초록")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(current(page)).to_contain_text("empty")
    page.get_by_role("button", name="Pause", exact=True).click()


def test_a_line_is_sought_by_click_and_by_keyboard(show: Callable[..., Page]) -> None:
    page = show(transcribed())
    starts = [line.start or 0.0 for line in transcribed().lines]
    page.locator("#lyrics [data-at]").nth(3).click()
    wait_until(lambda: abs(time_of(page) - starts[3]) < 0.05)
    page.locator("#lyrics [data-at]").nth(3).press("ArrowDown")
    expect(page.locator("#lyrics [data-at]").nth(4)).to_be_focused()
    page.keyboard.press("Enter")
    wait_until(lambda: abs(time_of(page) - starts[4]) < 0.05)
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    wait_until(lambda: abs(time_of(page) - starts[0]) < 0.05)
    assert page.locator("#lyrics [tabindex='0']").count() == 1
    page.keyboard.press("Tab")
    assert not page.evaluate("document.getElementById('lyrics').contains(document.activeElement)")


def test_uncertain_words_are_marked_for_eyes_and_ears(show: Callable[..., Page]) -> None:
    page = show(transcribed())
    uncertain = page.locator("#lyrics i")
    words = [word for line in transcribed().lines for word in line.words]
    assert uncertain.count() == sum(is_uncertain(word) for word in words) > 3
    expect(uncertain.first).to_have_attribute("title", "unsure")
    expect(page.get_by_role("button", name=re.compile(r"is sailing unsure over"))).to_have_count(1)
    assert uncertain.first.evaluate("e => getComputedStyle(e).color") != page.locator("#lyrics").evaluate(
        "e => getComputedStyle(e).color"
    )
    expect(page.get_by_text("words are uncertain")).to_be_visible()
    expect(page.get_by_text("facebook/wav2vec2-base-960h")).to_be_visible()
    expect(page.get_by_text("3 words were left out")).to_be_visible()


def test_lines_without_times_are_plain(show: Callable[..., Page]) -> None:
    page = show(synchronised())
    first = page.locator("#lyrics li").first
    expect(first).to_have_text("[Verse]")
    assert first.locator("[role=button]").count() == 0
    seek_to(page, 5.5)
    expect(current(page)).to_contain_text(LINES[2])
    page = show(Lyrics("tags", tuple(LyricLine(text) for text in LINES)))
    assert page.locator("#lyrics [role=button]").count() == 0
    expect(page.locator("#lyrics")).to_have_attribute("tabindex", "0")
    expect(page.get_by_text("from the file’s tags")).to_be_visible()


def test_no_words_and_no_lyrics(show: Callable[..., Page]) -> None:
    page = show(Lyrics("transcription", (), "facebook/wav2vec2-base-960h"))
    expect(page.get_by_text("No words found.")).to_be_visible()
    assert page.get_by_role("link", name=re.compile("Words as text")).count() == 0
    page = show(None)
    assert page.locator("#words-title").count() == 0


def test_lyrics_without_javascript(show: Callable[..., Page]) -> None:
    page = show(transcribed(), java_script_enabled=False)
    assert page.locator("#lyrics li").count() == len(LINES)
    expect(page.locator("#lyrics li").first).to_contain_text("the paper boat is sailing")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("locale", ["en-GB", "ko-KR"])
def test_axe_finds_no_violations_in_lyrics(
    show: Callable[..., Page], scheme: str, width: dict[str, int], locale: str, keep_picture: Keep
) -> None:
    page = show(transcribed(), color_scheme=scheme, viewport=width, locale=locale)
    line = transcribed().lines[3]
    uncertain = next(word for word in line.words if is_uncertain(word))
    seek_to(page, (uncertain.start + uncertain.end) / 2)
    expect(page.locator("#lyrics .sung")).to_have_text(uncertain.text)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width["width"]
    if locale == "ko-KR":
        assert foreign_words(page) == set()
    keep_picture(page, f"lyrics-{locale[:2]}-{'phone' if width is PHONE else 'desktop'}-{scheme}")


def test_long_lyrics_stay_small_and_fast(show: Callable[..., Page], open_page: Open, result: str) -> None:
    """3,000 words, as in twenty minutes of rap, fit into the bound on the page's size."""
    chance = random.Random(1)
    vocabulary = " ".join(LINES).split()
    lines = tuple(" ".join(chance.choice(vocabulary) for _ in range(8)) for _ in range(375))
    page = show(transcribed(lines, seconds=1200.0))
    assert page.locator("#lyrics li").count() == 375
    sizes: dict[str, int] = {}

    def add_size(request: Request) -> None:
        response = request.response()
        if response is not None and "/audio" not in response.url:
            sizes[response.url] = len(response.body())

    other = open_page("/api/docs")
    other.wait_for_load_state("networkidle")
    other.on("requestfinished", add_size)
    other.goto(result)
    other.wait_for_load_state("networkidle")
    assert 0 < sum(sizes.values()) <= MAX_PAGE_BYTES, sizes
    seek_to(page, 23.0)
    expect(current(page)).to_have_count(1)
    assert page.locator("#lyrics span").count() < 100  # only lines that were reached are split into words


@pytest.mark.parametrize("shape", ["one long line", "one long word", "many words", "many lines"])
def test_hostile_lyrics_are_text_within_bounds(show: Callable[..., Page], shape: str) -> None:
    lines = {
        "one long line": (LyricLine(HOSTILE + "word " * 200_000, 1.0),),
        "one long word": (LyricLine("가" * 1_000_000), LyricLine("b " * 9999)),
        "many words": (
            LyricLine(
                HOSTILE, 1.0, 2.0, tuple(Word(HOSTILE, 1.0 + n / 1e4, 2.0, float("nan")) for n in range(100_000))
            ),
        ),
        "many lines": tuple(LyricLine("<b>x</b>", float("inf") if n % 2 else -1.0) for n in range(100_000)),
    }
    page = show(Lyrics("file", lines[shape], model=HOSTILE))
    assert page.locator("#lyrics script, #lyrics img, #lyrics li > b").count() == 0
    assert len(page.locator("#lyrics").inner_html()) < 400_000
    text = page.locator("#lyrics").inner_text()
    assert not re.search("[\x00\x1b\u202e\ud800]", text)
    expect(page.get_by_text(re.compile("Words that are not shown here"))).to_be_visible()


def test_the_library_finds_words_that_are_sung(
    open_page: Open, catalogue: Catalogue, result: str, keep_picture: Keep, server: Server
) -> None:
    page = open_page("/library")
    assert page.get_by_label("Words that are sung").count() == 0
    with catalogue.transaction() as session:
        analysis = session.get_one(Analysis, result.rsplit("/", 1)[-1])
        assert analysis.report is not None
        path = server.home / FOLDER_NAME / "waltz.flac"
        track = Track(features_version="test", path=path, path_hash=path_hash_of(path))
        report = replace(Report.from_dict(analysis.report), title="A song with words", lyrics=transcribed())
        write_report(session, track, report)
        track_id = track.id
    try:
        for locale, viewport, scheme in (("en-GB", DESKTOP, "light"), ("ko-KR", PHONE, "dark")):
            page = open_page("/library", viewport=viewport, locale=locale, color_scheme=scheme)
            page.locator("#search-words").fill("나무 초록")
            page.locator("#search-words").press("Enter")
            expect(page.locator("tbody tr")).to_have_count(1)
            expect(page.locator(".found-line")).to_have_text(LINES[2])
            assert page.locator(".found-line mark").all_inner_texts() == ["초록", "나무"]
            assert Axe().run(page).violations_count == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
            keep_picture(page, f"library-words-{locale[:2]}")
            page.locator(".column-title a").last.click()
            expect(page.locator("#lyrics li")).to_have_count(len(LINES))
            page.locator("#lyrics [role=button]").nth(2).click()
            expect(current(page)).to_contain_text(LINES[2][:5])
            assert Axe().run(page).violations_count == 0
            keep_picture(page, f"track-words-{locale[:2]}")
    finally:
        with catalogue.transaction() as session:
            session.execute(delete(Track).where(Track.id == track_id))
