"""A song in a real browser: uploaded, followed, shown, played, rated, exported and deleted."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import FileChooser, Page, expect

from jobs.examples import FOLDER_NAME
from tests.browser.conftest import PHONE, Open, Server, wait_until

Keep = Callable[[Page, str], Path]
LONG_MS = 60_000
"""The first song may wait for the model to load."""
RESULT = re.compile(r"/a/[\w-]{22}$")


@pytest.fixture
def waltz(server: Server) -> Path:
    return server.home / FOLDER_NAME / "waltz.flac"


@pytest.fixture
def result(open_page: Open, waltz: Path) -> Callable[..., Page]:
    """The result page of the waltz, reached through an upload."""

    def reach(**settings: object) -> Page:
        page = open_page("/", **settings)
        page.set_input_files("#file", waltz)
        page.wait_for_url(RESULT, timeout=LONG_MS)
        page.wait_for_selector("#player", timeout=LONG_MS)
        return page

    return reach


def test_result_page_is_complete(result: Callable[..., Page], keep_picture: Keep) -> None:
    page = result()
    expect(page.locator("h1")).to_contain_text(re.compile(r"Sounds like .+%"))
    assert page.locator("[data-genres] details").count() == 10
    shares = [float(text.strip().rstrip("%")) for text in page.locator("table").first.locator("td").all_text_contents()]
    assert len(shares) == 10 and sum(shares) == pytest.approx(100, abs=0.6)
    expect(page.get_by_text("138 BPM", exact=True)).to_be_visible()
    expect(page.get_by_text("G major (9B)", exact=True)).to_be_visible()
    assert page.locator(".neighbour").count() == 6
    assert page.locator(".neighbour .why").count() == 6
    for picture in page.locator("#player img").all():
        assert picture.evaluate("image => image.complete && image.naturalWidth") == 480
        assert picture.get_attribute("width") and picture.get_attribute("height")
    assert (page.locator("#wave").get_attribute("d") or "").count("M") > 100
    keep_picture(page, "result-desktop-light")


def test_player_seeks_and_the_playhead_follows(result: Callable[..., Page]) -> None:
    page = result()
    audio, seek = page.locator("#player audio"), page.get_by_role("slider", name="Position in the song")
    page.get_by_role("button", name="Play", exact=True).click()
    wait_until(lambda: bool(audio.evaluate("audio => audio.currentTime > 0.3")))
    page.get_by_role("button", name="Pause", exact=True).click()
    box = seek.bounding_box()
    assert box is not None
    seek.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    wait_until(lambda: bool(audio.evaluate("audio => !audio.seeking")))
    assert audio.evaluate("audio => audio.currentTime") == pytest.approx(12, abs=0.3)
    seek.press("ArrowRight")
    seek.press("ArrowRight")
    assert audio.evaluate("audio => audio.currentTime") == pytest.approx(22, abs=0.3)
    assert re.match(r"0:2[12] of 0:24, ", seek.get_attribute("aria-valuetext") or "")
    seek.press("Home")
    assert audio.evaluate("audio => audio.currentTime") == 0


def test_genre_description_opens_by_keyboard(result: Callable[..., Page]) -> None:
    page = result()
    reggae = page.locator("details[name=genre]", has=page.locator("summary", has_text="reggae"))
    about = reggae.locator(".about")
    expect(about).to_be_hidden()
    reggae.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(about).to_be_visible()
    expect(about).to_contain_text("Jamaica")


def test_uploads_show_their_stages(open_page: Open, waltz: Path, tmp_path: Path) -> None:
    page = open_page("/")
    page.evaluate(
        """() => {
          window.states = [];
          new MutationObserver(() => {
            for (const state of document.querySelectorAll("#songs .state")) window.states.push(state.textContent);
          }).observe(document.getElementById("songs"), { subtree: true, childList: true, characterData: true });
        }"""
    )
    copies = []
    for number in (1, 2):
        copy = tmp_path / f"copy {number}.flac"
        copy.write_bytes(waltz.read_bytes() + bytes(number))  # different bytes, so that it is analysed again
        copies.append(copy)
    page.set_input_files("#file", copies)
    expect(page.locator("#songs").get_by_role("link", name=re.compile("Open"))).to_have_count(2, timeout=LONG_MS)
    states = page.evaluate("window.states")
    assert len(set(states)) >= 4, states


def test_refused_file_does_not_stop_the_others(
    open_page: Open, waltz: Path, tmp_path: Path, keep_picture: Keep
) -> None:
    page = open_page("/", expected="422")
    picture = tmp_path / "cover.mp3"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    page.set_input_files("#file", [picture, waltz])
    rows = page.locator("#songs .song")
    expect(rows.filter(has_text="cover.mp3")).to_contain_text("This is a picture (PNG)")
    expect(rows.filter(has_text="waltz.flac").get_by_role("link")).to_be_visible(timeout=LONG_MS)
    keep_picture(page, "upload-with-an-error")


def test_without_javascript(open_page: Open, waltz: Path) -> None:
    page = open_page("/", java_script_enabled=False)
    page.set_input_files("#file", waltz)
    page.get_by_role("button", name="Analyse", exact=True).click()
    page.wait_for_url(RESULT)
    expect(page.locator("h1")).to_contain_text("Sounds like", timeout=LONG_MS)
    expect(page.locator("#wave")).to_be_attached()
    assert page.locator(".neighbour").count() == 6
    page.get_by_label("No, it is").select_option("reggae")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Your answer: reggae")).to_be_visible()
    page.get_by_role("button", name="Delete now").click()
    page.wait_for_url("/")


def test_upload_and_result_by_keyboard(open_page: Open, waltz: Path) -> None:
    page = open_page("/")
    choosers: list[FileChooser] = []
    # Registered early: Playwright does not wait until Chromium intercepts file dialogues.
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose songs")).to_be_focused()
    page.keyboard.press("Enter")
    wait_until(lambda: page.evaluate("true") and len(choosers) == 1)  # evaluating delivers pending events
    choosers[0].set_files(waltz)
    page.wait_for_url(RESULT, timeout=LONG_MS)
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.id")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")
        if focused == "copy":
            break
    else:
        pytest.fail("the keyboard does not reach the end of the page")


def test_example_song_needs_no_upload(open_page: Open) -> None:
    page = open_page("/")
    examples = page.locator(".examples button")
    assert examples.count() == 3
    examples.first.click()
    page.wait_for_url(RESULT)
    expect(page.locator("h1")).to_contain_text("Sounds like", timeout=LONG_MS)


def test_recording_is_analysed(open_page: Open) -> None:
    page = open_page("/", permissions=["microphone"])
    page.get_by_role("button", name="Record from the microphone").click()
    stop = page.get_by_role("button", name=re.compile("Stop and analyse"))
    expect(stop).to_be_disabled()
    expect(stop).to_be_enabled(timeout=15_000)
    stop.click()
    page.wait_for_url(RESULT, timeout=LONG_MS)
    expect(page.locator("h1")).to_contain_text(re.compile("Sounds like"), timeout=LONG_MS)


def test_downloads_are_complete(result: Callable[..., Page]) -> None:
    page = result()
    report = json.loads(page.request.get(f"{page.url}/report.json").text())
    assert report["schema"] == 1 and len(report["genre"]["scores"]) == 10
    table = list(csv.reader(io.StringIO(page.request.get(f"{page.url}/report.csv").text().lstrip("\ufeff"))))
    assert len(table) > 10
    with page.expect_download() as download:
        page.get_by_role("button", name="Chart as PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_deleted_song_is_gone(result: Callable[..., Page], server: Server) -> None:
    page = result()
    address = page.url
    folder = server.home / "analyses" / address.rsplit("/", 1)[1]
    assert folder.is_dir()
    page.get_by_role("button", name="Delete now").click()
    page.wait_for_url("/")
    assert page.request.get(address).status == 404
    assert not folder.exists()


def test_other_browser_sees_the_result_without_delete_button(result: Callable[..., Page], open_page: Open) -> None:
    address = result().url
    other = open_page(address)
    expect(other.locator("h1")).to_contain_text("Sounds like")
    expect(other.get_by_role("button", name="Delete now")).to_have_count(0)


@pytest.mark.data
def test_real_song(open_page: Open, shared: Path, keep_picture: Keep) -> None:
    for settings, name in (({}, "clip-desktop"), ({"viewport": PHONE, "color_scheme": "dark"}, "clip-phone")):
        page = open_page("/", **settings)
        page.set_input_files("#file", shared / "gtzan/clips/blues/blues.00000.flac")
        page.wait_for_url(RESULT, timeout=LONG_MS)
        expect(page.locator("h1")).to_contain_text("Sounds like blues", timeout=LONG_MS)
        keep_picture(page, name)
