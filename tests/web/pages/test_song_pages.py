"""The pages as a browser without JavaScript gets them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.queue.analyses import Analyses
from jobs.queue.feedback import TRUNK_OUTPUT_FILE
from ml.report.errors import SilentError
from ml.report.schema import Finding, Neighbour, Neighbours, Report, Why
from ml.report.sentences import answer
from tests.fakes import a_report, write_wav
from web.context import NAME
from web.pages.song_pages import NONE

Analysed = Callable[..., str]
HOSTILE = "<script>alert(1)</script>\"'>{{ 7*7 }}\u202e\ud800"


class Page(HTMLParser):
    """The start tags of a page. Checks that every element is closed and every id is unique."""

    VOID = ("meta", "link", "input", "img", "br", "rect", "path", "circle", "line")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []
        ids = [attributes["id"] for _, attributes in self.tags if "id" in attributes]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_start_page_names_formats_and_limits(browser: FlaskClient) -> None:
    text = browser.get("/").text
    assert "up to 100 MB each" in text and "MP3, FLAC, WAV" in text and "after 24 hours" in text
    (chooser,) = (attributes for attributes in Page(text).all("input") if attributes.get("type") == "file")
    assert "multiple" in chooser and chooser["name"] == "file"


def test_result_page_has_the_answer_as_its_heading(browser: FlaskClient, heard: Analysed) -> None:
    text = browser.get(f"/a/{heard()}").text
    assert f"<h1>{answer(a_report())}</h1>" in text and ">hip-hop<" in text and "62%" in text
    for fact in ("76 BPM", "153 BPM", "G major (9B)", "calm", "male vocalists", "Redemption Song", "3:48"):
        assert fact in text
    assert "From Jamaica around 1968" in text
    assert "62.0%" in text, "the table of the chart"


def test_result_page_in_korean(browser: FlaskClient, heard: Analysed) -> None:
    text = browser.get(f"/a/{heard()}", headers={"Accept-Language": "ko"}).text
    assert '<html lang="ko">' in text and "레게처럼 들려요" in text and "자메이카" in text


def test_result_page_without_a_clear_genre(browser: FlaskClient, heard: Analysed) -> None:
    text = browser.get(f"/a/{heard(a_report(confident=False))}").text
    assert "<h1>Sounds like none of the 3 genres" in text
    assert "closest matches" in text and "Yes, reggae" not in text


def test_result_page_shows_translated_notes(browser: FlaskClient, heard: Analysed) -> None:
    analysis_id = heard(a_report(notes=("Only the first 20 minutes were analysed.",)))
    assert "앞부분 20분만 분석했어요." in browser.get(f"/a/{analysis_id}", headers={"Accept-Language": "ko"}).text


def test_labels_of_another_model_have_no_description(browser: FlaskClient, heard: Analysed) -> None:
    text = browser.get(f"/a/{heard(a_report(labels=('trot', 'ballad', 'idol')))}").text
    Page(text)
    assert "idol" in text and "What to listen for" not in text


def test_unknown_values_are_left_out(browser: FlaskClient, heard: Analysed) -> None:
    bare = replace(a_report(), tempo=None, key=None, mood=None, tags=(), timeline=(), artist=None)
    text = browser.get(f"/a/{heard(bare)}").text
    Page(text)
    assert "BPM</dd>" not in text and "None" not in text


def test_pages_are_well_formed_and_images_have_sizes(browser: FlaskClient, heard: Analysed, analyses: Analyses) -> None:
    analysis_id = heard()
    for name in ("spectrogram.png", "chromagram.png"):
        (analyses.files.folder(analysis_id) / name).write_bytes(b"\x89PNG")
    (analyses.files.folder(analysis_id) / "peaks.json").write_text(str([0, 128, 255] * 200))
    page = Page(browser.get(f"/a/{analysis_id}").text)
    assert [(attributes["width"], attributes["height"]) for attributes in page.all("img")] == [
        ("960", "192"),
        ("960", "144"),
    ]
    assert all(attributes["alt"] for attributes in page.all("img"))
    assert [attributes for _, attributes in page.tags if "style" in attributes or "onclick" in attributes] == []
    Page(browser.get("/").text)
    Page(browser.get("/nothing").text)


def test_pages_load_only_existing_files_of_this_server(browser: FlaskClient, heard: Analysed) -> None:
    page = Page(browser.get(f"/a/{heard()}").text)
    loaded = [
        attributes.get("src") or attributes.get("href")
        for tag, attributes in page.tags
        if tag in ("script", "link", "audio")
    ]
    addresses = [address for address in loaded if address]
    assert len(addresses) >= 4
    for address in addresses:
        response = browser.get(address)
        assert response.status_code == 200, address
        response.close()


def test_hostile_tags_are_escaped(browser: FlaskClient, heard: Analysed) -> None:
    other = Neighbour("1", HOSTILE, HOSTILE, HOSTILE, 0.1, why=Why(common_tags=(HOSTILE,)))
    report = replace(
        a_report(title=HOSTILE, artist=HOSTILE, labels=(HOSTILE, "b", "c"), notes=(HOSTILE,)),
        neighbours=Neighbours(harmony=(other,)),
        findings=(Finding("x", HOSTILE, HOSTILE),),
    )
    text = browser.get(f"/a/{heard(report, name=HOSTILE[:-1])}").text
    assert "<script>alert" not in text and "{{ 7*7 }}" in text
    assert "<script>alert" not in browser.get("/").text


def test_similar_songs_have_reasons_and_previews(
    app: Flask, browser: FlaskClient, heard: Analysed, a_track: Callable[..., int]
) -> None:
    with_file, without = a_track("with.wav"), a_track(None)
    near = tuple(
        Neighbour(
            str(track_id), f"Track {track_id}", "Somebody", "reggae", 0.2, why=Why("same key", 0, 0.8, 1.5, ("guitar",))
        )
        for track_id in (with_file, without, 999)
    )
    text = browser.get(f"/a/{heard(replace(a_report(), neighbours=Neighbours(harmony=near)))}").text
    assert re.findall(r'href="([^"]+)" data-preview', text) == [f"/library/{with_file}/audio"]
    assert f'href="/library/{without}"' in text
    assert "Keys: same key." in text and "50% faster." in text


def test_waiting_page_shows_the_stage_and_reloads(browser: FlaskClient, song: Path, analyses: Analyses) -> None:
    analysis_id = browser.post("/api/v1/analyses", data={"file": (io.BytesIO(song.read_bytes()), "a.wav")}).json["id"]
    text = browser.get(f"/a/{analysis_id}").text
    Page(text)
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in text
    assert "Waiting in the queue" in text
    analyses.claim("test")
    analyses.set_progress(analysis_id, "test", "tempo", 0.6)
    text = browser.get(f"/a/{analysis_id}").text
    assert 'value="0.600"' in text
    assert re.search(r'data-name="tempo" aria-current="step"', text)
    assert text.count('class="done"') == 6


def test_failed_analysis_shows_its_reason(browser: FlaskClient, song: Path, analyses: Analyses) -> None:
    analysis_id = browser.post("/api/v1/analyses", data={"file": (io.BytesIO(song.read_bytes()), "a.wav")}).json["id"]
    analyses.claim("test")
    analyses.fail(analysis_id, "test", SilentError())
    text = browser.get(f"/a/{analysis_id}").text
    assert SilentError.sentence in text and "refresh" not in text


def test_several_uploads_lead_to_the_recent_songs(browser: FlaskClient, token: Callable[[], str], song: Path) -> None:
    files = [(io.BytesIO(song.read_bytes()), name) for name in ("one.wav", "two.wav")]
    response = browser.post("/", data={"token": token(), "file": files}, follow_redirects=True)
    assert "one.wav" in response.text and "two.wav" in response.text


def test_refused_file_among_several_has_its_reason_beside_it(
    browser: FlaskClient, token: Callable[[], str], song: Path
) -> None:
    files = [(io.BytesIO(song.read_bytes()), "one.wav"), (io.BytesIO(b"hello"), "two.txt")]
    response = browser.post("/", data={"token": token(), "file": files})
    assert response.status_code == 200
    assert re.search(r"two\.txt</bdi></p><p class=\"state\">This is a text file, not audio", response.text)
    assert "one.wav" in response.text


def test_example_songs_can_be_analysed(app: Flask, browser: FlaskClient, token: Callable[[], str]) -> None:
    home = app.extensions[NAME].environment.home
    assert "A little waltz" not in browser.get("/").text
    write_wav(home / "examples" / "waltz.flac", seconds=2)
    assert "A little waltz" in browser.get("/").text
    data = {"token": token(), "example": "waltz"}
    for _ in range(2):
        response = browser.post("/", data=data)
        assert response.status_code == 303
        assert "A little waltz" in browser.get(response.headers["Location"]).text
    assert list((home / "incoming").iterdir()) == []
    assert browser.post("/", data={**data, "example": "../secret"}).status_code == 404


def test_verdict_is_stored(browser: FlaskClient, heard: Analysed, token: Callable[[], str], analyses: Analyses) -> None:
    analysis_id = heard()
    for verdict in ("hiphop", NONE):
        response = browser.post(f"/a/{analysis_id}/verdict", data={"token": token(), "verdict": verdict})
        assert response.status_code == 303
        analysis = analyses.get(analysis_id)
        assert analysis is not None and analysis.verdict == verdict
    assert "Thank you. Your answer: none of these." in browser.get(response.headers["Location"]).text
    for wrong in ("polka", ""):
        assert browser.post(f"/a/{analysis_id}/verdict", data={"token": token(), "verdict": wrong}).status_code == 400


def test_other_browsers_can_only_read_a_result(app: Flask, heard: Analysed, analyses: Analyses) -> None:
    analysis_id = heard()
    friend = app.test_client()
    text = friend.get(f"/a/{analysis_id}").text
    assert "Sounds like reggae" in text
    assert "Delete now" not in text and "Is the genre right?" not in text
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found
    for action in ("delete", "verdict"):
        refused = friend.post(f"/a/{analysis_id}/{action}", data={"token": found[1], "verdict": "reggae"})
        assert refused.status_code == 403
    assert analyses.get(analysis_id) is not None


def test_deleted_analysis_is_gone(
    browser: FlaskClient, heard: Analysed, token: Callable[[], str], analyses: Analyses
) -> None:
    analysis_id = heard()
    assert browser.post(f"/a/{analysis_id}/delete", data={"token": token()}).headers["Location"] == "/"
    assert browser.get(f"/a/{analysis_id}").status_code == 404
    assert not analyses.files.folder(analysis_id).exists()


def test_recent_songs_are_those_of_this_browser(app: Flask, browser: FlaskClient, heard: Analysed) -> None:
    heard(name="mine.wav")
    assert "mine.wav" in browser.get("/").text
    assert "mine.wav" not in app.test_client().get("/").text


def test_language_can_be_switched(browser: FlaskClient, token: Callable[[], str]) -> None:
    data = {"token": token(), "next": "/"}
    assert browser.post("/language/ko", data=data).headers["Location"] == "/"
    assert "이 노래는 어떤 음악일까요?" in browser.get("/").text


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_pages_have_one_heading_and_a_skip_link(browser: FlaskClient, path: str) -> None:
    page = Page(browser.get(path).text)
    assert len(page.all("h1")) == 1 and len(page.all("main")) == 1
    assert page.all("a")[0]["href"] == "#main"


def report_of(minutes: int) -> Report:
    moments = a_report().timeline[:1] * (20 * minutes)
    timed = tuple(replace(moment, start=3.0 * at, end=3.0 * at + 3) for at, moment in enumerate(moments))
    return replace(a_report(duration_seconds=60.0 * minutes), timeline=timed)


def test_long_song_does_not_make_a_long_page(browser: FlaskClient, heard: Analysed) -> None:
    assert len(browser.get(f"/a/{heard(report_of(20))}").text) < 60_000


def test_verdict_is_kept_for_training_until_the_song_is_deleted(
    app: Flask, browser: FlaskClient, analyses: Analyses, token: Callable[[], str], song: Path, hear: Callable[..., str]
) -> None:
    data = {"token": token(), "file": (io.BytesIO(song.read_bytes()), "a.wav")}
    analysis_id = browser.post("/", data=data).headers["Location"].rsplit("/", 1)[1]
    hear(analysis_id)
    (analyses.files.folder(analysis_id) / TRUNK_OUTPUT_FILE).write_bytes(b"numbers")
    folder = app.extensions[NAME].environment.home / "feedback"

    def send_verdict(verdict: str) -> list[str]:
        assert browser.post(f"/a/{analysis_id}/verdict", data={"token": token(), "verdict": verdict}).status_code == 303
        return sorted(path.parent.name for path in folder.glob("*/*"))

    assert send_verdict("blues") == ["blues"]
    assert send_verdict("reggae") == ["reggae"]
    assert send_verdict("none") == []
    assert send_verdict("blues") == ["blues"]
    assert browser.delete(f"/api/v1/analyses/{analysis_id}").status_code == 204
    assert list(folder.glob("*/*")) == []
