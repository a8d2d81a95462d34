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
from tests.fakes import a_report, write_wav
from web.context import NAME
from web.pages.song_pages import NONE

TrackFeatures = Callable[..., str]
HOSTILE = "<script>alert(1)</script>\"'>{{ 7*7 }}\u202e\ud800"


class Page(HTMLParser):
    """The start tags of a page, which must close what it opens and use every id once."""

    VOID = ("meta", "link", "input", "img", "br", "rect", "path", "circle", "line")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []
        ids = [given["id"] for _, given in self.tags if "id" in given]
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
        return [given for name, given in self.tags if name == tag]


def test_the_first_page_says_what_may_come(browser: FlaskClient) -> None:
    text = browser.get("/").text
    assert "up to 100 MB each" in text and "MP3, FLAC, WAV" in text and "after 24 hours" in text
    (chooser,) = (given for given in Page(text).all("input") if given.get("type") == "file")
    assert "multiple" in chooser and chooser["name"] == "file"


def test_the_answer_comes_first(browser: FlaskClient, heard: TrackFeatures) -> None:
    text = browser.get(f"/a/{heard()}").text
    assert "<h1>Sounds like reggae (62\xa0%), with some hiphop.</h1>" in text
    for fact in ("76 BPM", "153 BPM", "G major", "calm", "male vocalists", "Redemption Song", "3:48"):
        assert fact in text
    assert "From Jamaica around 1968" in text
    assert "62.0 %" in text, "the table behind the chart"


def test_korean_is_spoken_throughout(browser: FlaskClient, heard: TrackFeatures) -> None:
    text = browser.get(f"/a/{heard()}", headers={"Accept-Language": "ko"}).text
    assert '<html lang="ko">' in text and "레게처럼 들려요" in text and "자메이카" in text


def test_a_song_like_none_is_told_so(browser: FlaskClient, heard: TrackFeatures) -> None:
    text = browser.get(f"/a/{heard(a_report(confident=False))}").text
    assert "<h1>Sounds like none of the 3 genres" in text
    assert "nearest there is" in text and "Yes, reggae" not in text


def test_notes_are_told(browser: FlaskClient, heard: TrackFeatures) -> None:
    one = heard(a_report(notes=("Only the first 20 minutes were analysed.",)))
    assert "앞부분 20분만 분석했어요." in browser.get(f"/a/{one}", headers={"Accept-Language": "ko"}).text


def test_labels_of_another_model_have_no_description(browser: FlaskClient, heard: TrackFeatures) -> None:
    text = browser.get(f"/a/{heard(a_report(labels=('trot', 'ballad', 'idol')))}").text
    Page(text)
    assert "idol" in text and "What to listen for" not in text


def test_what_is_not_known_is_left_out(browser: FlaskClient, heard: TrackFeatures) -> None:
    bare = replace(a_report(), tempo=None, key=None, mood=None, tags=(), timeline=(), artist=None)
    text = browser.get(f"/a/{heard(bare)}").text
    Page(text)
    assert "BPM</dd>" not in text and "None" not in text


def test_pages_are_whole_and_pictures_have_sizes(
    browser: FlaskClient, heard: TrackFeatures, analyses: Analyses
) -> None:
    one = heard()
    for name in ("spectrogram.png", "chromagram.png"):
        (analyses.folder(one) / name).write_bytes(b"\x89PNG")
    (analyses.folder(one) / "peaks.json").write_text(str([0, 128, 255] * 200))
    page = Page(browser.get(f"/a/{one}").text)
    assert [(given["width"], given["height"]) for given in page.all("img")] == [
        ("960", "192"),
        ("960", "144"),
    ]
    assert all(given["alt"] for given in page.all("img"))
    assert [given for _, given in page.tags if "style" in given or "onclick" in given] == []
    Page(browser.get("/").text)
    Page(browser.get("/nothing").text)


def test_everything_a_page_loads_is_ours_and_there(browser: FlaskClient, heard: TrackFeatures) -> None:
    page = Page(browser.get(f"/a/{heard()}").text)
    loaded = [
        given.get("src") or given.get("href")
        for tag, given in page.tags
        if tag in ("script", "link", "audio")
    ]
    asked = [address for address in loaded if address]
    assert len(asked) >= 4
    for address in asked:
        response = browser.get(address)
        assert response.status_code == 200, address
        response.close()


def test_strangers_words_stay_words(browser: FlaskClient, heard: TrackFeatures) -> None:
    other = Neighbour("1", HOSTILE, HOSTILE, HOSTILE, 0.1, why=Why(common_tags=(HOSTILE,)))
    report = replace(
        a_report(title=HOSTILE, artist=HOSTILE, labels=(HOSTILE, "b", "c"), notes=(HOSTILE,)),
        neighbours=Neighbours(harmony=(other,)),
        findings=(Finding("x", HOSTILE, HOSTILE),),
    )
    text = browser.get(f"/a/{heard(report, name=HOSTILE[:-1])}").text
    assert "<script>alert" not in text and "{{ 7*7 }}" in text
    assert "<script>alert" not in browser.get("/").text


def test_similar_songs_have_reasons_and_sound(
    app: Flask, browser: FlaskClient, heard: TrackFeatures, a_track: Callable[..., int]
) -> None:
    with_file, without = a_track("with.wav"), a_track(None)
    near = tuple(
        Neighbour(
            str(one), f"Track {one}", "Somebody", "reggae", 0.2, why=Why("same key", 0, 0.8, 1.5, ("guitar",))
        )
        for one in (with_file, without, 999)
    )
    text = browser.get(f"/a/{heard(replace(a_report(), neighbours=Neighbours(harmony=near)))}").text
    assert re.findall(r'href="([^"]+)" data-preview', text) == [f"/library/{with_file}/audio"]
    assert f'href="/library/{without}"' in text
    assert "Keys: same key." in text and "50% faster." in text


def test_while_it_is_heard_the_page_looks_again(browser: FlaskClient, song: Path, analyses: Analyses) -> None:
    one = browser.post("/api/v1/analyses", data={"file": (io.BytesIO(song.read_bytes()), "a.wav")}).json["id"]
    text = browser.get(f"/a/{one}").text
    Page(text)
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in text
    assert "Waiting for its turn" in text
    analyses.claim("test")
    analyses.on_progress(one, "test", "tempo", 0.6)
    text = browser.get(f"/a/{one}").text
    assert 'value="0.600"' in text
    assert re.search(r'data-name="tempo" aria-current="step"', text)
    assert text.count('class="past"') == 6


def test_a_failure_is_told_with_its_reason(browser: FlaskClient, song: Path, analyses: Analyses) -> None:
    one = browser.post("/api/v1/analyses", data={"file": (io.BytesIO(song.read_bytes()), "a.wav")}).json["id"]
    analyses.claim("test")
    analyses.fail(one, "test", SilentError())
    text = browser.get(f"/a/{one}").text
    assert SilentError.sentence in text and "refresh" not in text


def test_several_songs_lead_to_the_list(browser: FlaskClient, token: Callable[[], str], song: Path) -> None:
    files = [(io.BytesIO(song.read_bytes()), name) for name in ("one.wav", "two.wav")]
    response = browser.post("/", data={"token": token(), "file": files}, follow_redirects=True)
    assert "one.wav" in response.text and "two.wav" in response.text


def test_among_several_the_refused_one_has_its_reason_beside_it(
    browser: FlaskClient, token: Callable[[], str], song: Path
) -> None:
    files = [(io.BytesIO(song.read_bytes()), "one.wav"), (io.BytesIO(b"hello"), "two.txt")]
    response = browser.post("/", data={"token": token(), "file": files})
    assert response.status_code == 200
    assert re.search(r"two\.txt</bdi></p><p class=\"state\">This is a text file, not audio", response.text)
    assert "one.wav" in response.text


def test_an_example_can_be_tried(app: Flask, browser: FlaskClient, token: Callable[[], str]) -> None:
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


def test_the_listener_says_what_is_right(
    browser: FlaskClient, heard: TrackFeatures, token: Callable[[], str], analyses: Analyses
) -> None:
    one = heard()
    for verdict in ("hiphop", NONE):
        response = browser.post(f"/a/{one}/verdict", data={"token": token(), "verdict": verdict})
        assert response.status_code == 303
        kept = analyses.get(one)
        assert kept is not None and kept.verdict == verdict
    assert "Thank you. You said: none of these." in browser.get(response.headers["Location"]).text
    for wrong in ("polka", ""):
        assert browser.post(f"/a/{one}/verdict", data={"token": token(), "verdict": wrong}).status_code == 400


def test_who_was_given_the_link_may_look_and_no_more(
    app: Flask, heard: TrackFeatures, analyses: Analyses
) -> None:
    one = heard()
    friend = app.test_client()
    text = friend.get(f"/a/{one}").text
    assert "Sounds like reggae" in text
    assert "Delete now" not in text and "Was this right?" not in text
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found
    for action in ("delete", "verdict"):
        refused = friend.post(f"/a/{one}/{action}", data={"token": found[1], "verdict": "reggae"})
        assert refused.status_code == 403
    assert analyses.get(one) is not None


def test_deleted_now_is_gone(
    browser: FlaskClient, heard: TrackFeatures, token: Callable[[], str], analyses: Analyses
) -> None:
    one = heard()
    assert browser.post(f"/a/{one}/delete", data={"token": token()}).headers["Location"] == "/"
    assert browser.get(f"/a/{one}").status_code == 404
    assert not analyses.folder(one).exists()


def test_recent_songs_are_this_browsers_own(app: Flask, browser: FlaskClient, heard: TrackFeatures) -> None:
    heard(name="mine.wav")
    assert "mine.wav" in browser.get("/").text
    assert "mine.wav" not in app.test_client().get("/").text


def test_the_language_is_switched_and_comes_back(browser: FlaskClient, token: Callable[[], str]) -> None:
    data = {"token": token(), "next": "/"}
    assert browser.post("/language/ko", data=data).headers["Location"] == "/"
    assert "이 노래는 어떤 소리일까요?" in browser.get("/").text


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_a_page_has_one_heading_and_a_way_past_the_header(browser: FlaskClient, path: str) -> None:
    page = Page(browser.get(path).text)
    assert len(page.all("h1")) == 1 and len(page.all("main")) == 1
    assert page.all("a")[0]["href"] == "#main"


def report_of(minutes: int) -> Report:
    moments = a_report().timeline[:1] * (20 * minutes)
    timed = tuple(replace(one, start=3.0 * at, end=3.0 * at + 3) for at, one in enumerate(moments))
    return replace(a_report(duration_seconds=60.0 * minutes), timeline=timed)


def test_a_long_song_makes_no_long_page(browser: FlaskClient, heard: TrackFeatures) -> None:
    assert len(browser.get(f"/a/{heard(report_of(20))}").text) < 60_000


def test_an_answer_is_kept_for_training_until_the_song_is_deleted(
    app: Flask,
    browser: FlaskClient,
    analyses: Analyses,
    token: Callable[[], str],
    song: Path,
    hear: Callable[..., str],
) -> None:
    data = {"token": token(), "file": (io.BytesIO(song.read_bytes()), "a.wav")}
    one = browser.post("/", data=data).headers["Location"].rsplit("/", 1)[1]
    hear(one)
    (analyses.folder(one) / TRUNK_OUTPUT_FILE).write_bytes(b"numbers")
    kept = app.extensions[NAME].environment.home / "feedback"

    def answer(verdict: str) -> list[str]:
        assert (
            browser.post(f"/a/{one}/verdict", data={"token": token(), "verdict": verdict}).status_code == 303
        )
        return sorted(path.relative_to(kept).as_posix() for path in kept.glob("*/*"))

    assert answer("blues") == [f"blues/{one}.npy"]
    assert answer("reggae") == [f"reggae/{one}.npy"]
    assert answer("none") == []
    assert answer("blues") == [f"blues/{one}.npy"]
    assert browser.delete(f"/api/v1/analyses/{one}").status_code == 204
    assert list(kept.glob("*/*")) == []
