"""The pages of the library, as a browser without JavaScript shows them."""

from __future__ import annotations

import html
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track, path_hash_of
from library.search.current import CurrentLibrary
from tests.web.shelf import put
from web.context import NAME
from web.pages import library_pages

HOSTILE = "<script>alert(1)</script>\"'{{ 7*7 }} \u202e\x07"


@pytest.fixture
def catalogue(app: Flask) -> Catalogue:
    found: Catalogue = app.extensions[NAME].catalogue
    return found


@pytest.fixture
def tracks(app: Flask, catalogue: Catalogue, tmp_path: Path) -> list[int]:
    """Twelve tracks, each with its file."""
    folder = tmp_path / "music"
    track_ids = [
        put(catalogue, folder, f"Song {number:02}", artist="김민기" if number % 2 else "Joan", bpm=60.0 + number)
        for number in range(12)
    ]
    load_index(app)
    return track_ids


def load_index(app: Flask) -> None:
    """Load the neighbour index now, without its pauses between loadings."""
    fresh = CurrentLibrary(app.extensions[NAME].catalogue)
    app.extensions[NAME] = replace(app.extensions[NAME], library=fresh)
    fresh.newest(timeout=60)


def titles(text: str) -> list[str]:
    found = re.findall(r'class="column-title"><a href="[^"]+"><bdi>(.*?)</bdi>', text)
    return [html.unescape(title) for title in found]


def test_list_is_searched_filtered_and_sorted_by_forms(browser: FlaskClient, tracks: list[int]) -> None:
    assert titles(browser.get("/library").text) == [f"Song {number:02}" for number in range(12)]
    assert titles(browser.get("/library?q=민기+03").text) == ["Song 03"]
    address = "/library?q=&genre=&mood=&key=&slowest=66&fastest=68.5&sort=-tempo"
    assert titles(browser.get(address).text) == ["Song 08", "Song 07", "Song 06"]
    nothing = browser.get("/library?genre=polka").text
    assert "No matching tracks" in nothing and titles(nothing) == []


def test_pages_of_the_list_are_linked(browser: FlaskClient, tracks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_pages, "PAGE", 5)
    listed: list[str] = []
    address: str | None = "/library?sort=-title"
    while address:
        text = browser.get(address).text
        listed += titles(text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        address = html.unescape(following[1]) if following else None
    assert listed == [f"Song {number:02}" for number in reversed(range(12))]


def test_empty_library_explains_how_to_fill_it(browser: FlaskClient) -> None:
    assert "python preprocess.py" in browser.get("/library").text
    korean = browser.get("/library", headers={"Accept-Language": "ko"}).text
    assert "라이브러리가 비어 있어요" in korean and "Library" not in re.sub(r"<[^>]+>", "", korean)


def test_invalid_query_is_refused_with_the_parameters_name(browser: FlaskClient) -> None:
    for query in ("sort=loudness", "key=H+major", "slowest=fast", "after=xyz", "q=" + "x" * 201):
        response = browser.get(f"/library?{query}")
        assert response.status_code == 400 and query.split("=")[0] in response.text
    assert browser.get("/library?utm_source=mail").status_code == 200
    assert browser.get("/library?q=%00%ff").status_code == 200


def test_track_page_shows_the_track_and_similar_ones(browser: FlaskClient, tracks: list[int]) -> None:
    text = browser.get(f"/library/{tracks[3]}").text
    assert "<bdi>Song 03</bdi>" in text and f"/library/{tracks[3]}/audio" in text
    assert len(re.findall(r'class="neighbour"', text)) == 2 * library_pages.NEIGHBOURS
    assert f'href="/library/{tracks[3]}"' not in text.split('id="similar"')[1]
    filtered = browser.get(f"/library/{tracks[3]}?fastest=61&own=true").text
    assert set(re.findall(r'class="title"[^>]*>(?:<bdi>)?(.*?)<', filtered)) == {"Song 00", "Song 01"}
    assert browser.get(f"/library/{tracks[3]}?genre=polka").text.count('class="neighbour"') == 0
    korean = browser.get(f"/library/{tracks[3]}", headers={"Accept-Language": "ko"}).text
    assert "화음이 겹" in korean or "화음" in korean


@pytest.mark.parametrize("address", ["/library/0", "/library/999", "/library/9" + "9" * 30, "/library/x"])
def test_unknown_track_is_not_found(browser: FlaskClient, address: str) -> None:
    for tail in ("", "/audio", "/radio", "/radio.m3u8"):
        assert browser.get(address + tail).status_code == 404


def test_hostile_names_are_escaped(app: Flask, browser: FlaskClient, catalogue: Catalogue, tmp_path: Path) -> None:
    one = put(catalogue, tmp_path, HOSTILE, artist=HOSTILE, album=HOSTILE, genre=HOSTILE[:60])
    put(catalogue, tmp_path, "Other\n#EXTM3U\nhttp://evil.example/\r\n")
    load_index(app)
    for address in ("/library", f"/library/{one}", f"/library/{one}/radio", "/library?q=%3Cscript%3E"):
        text = browser.get(address).text
        assert "<script>alert" not in text and "{{ 7*7 }}" in text and "alert(1)" in text
    lines = browser.get(f"/library/{one}/radio.m3u8").text.splitlines()
    assert len(lines) == 5 and [line[:4] for line in lines[1::2]] == ["#EXT", "#EXT"]
    assert all(line.startswith("http://localhost/library/") for line in lines[2::2])


def test_audio_can_be_requested_in_ranges(browser: FlaskClient, tracks: list[int]) -> None:
    whole = browser.get(f"/library/{tracks[0]}/audio", buffered=True)
    assert (whole.status_code, whole.mimetype) == (200, "audio/wav")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    piece = browser.get(f"/library/{tracks[0]}/audio", headers={"Range": "bytes=4-11"}, buffered=True)
    assert (piece.status_code, piece.data) == (206, whole.data[4:12])
    beyond = browser.get(f"/library/{tracks[0]}/audio", headers={"Range": "bytes=9999999-"})
    assert beyond.status_code == 416


def test_only_audio_files_are_sent(browser: FlaskClient, catalogue: Catalogue, tmp_path: Path) -> None:
    """A row may point to a text file, a pipe, a folder or nothing: none of them is sent or blocks the request."""
    secret = tmp_path / "secret.wav"
    secret.write_text("root:x:0:0")
    os.mkfifo(tmp_path / "pipe.wav")
    paths = [secret, tmp_path / "pipe.wav", tmp_path, tmp_path / "gone.wav"]
    for number, path in enumerate(paths):
        one = put(catalogue, None, f"path {number}", path=path, path_hash=path_hash_of(path))
        response = browser.get(f"/library/{one}/audio")
        assert response.status_code == 404 and "root:" not in response.text
        assert "is missing" in response.text
    reference = put(catalogue, None, "no file at all")
    assert browser.get(f"/library/{reference}/audio").status_code == 404
    assert "not played" in browser.get(f"/library/{reference}").text


def test_radio_plays_no_track_twice(browser: FlaskClient, tracks: list[int]) -> None:
    text = browser.get(f"/library/{tracks[5]}/radio").text
    played = re.findall(r'data-preview aria-label="Play (.*?)"', text)
    assert len(played) == len(set(played)) == 12 and played[0] == "Song 05"
    playlist = browser.get(f"/library/{tracks[5]}/radio.m3u8")
    assert playlist.mimetype == "application/vnd.apple.mpegurl"
    addresses = [line for line in playlist.text.splitlines() if not line.startswith("#")]
    assert len(set(addresses)) == 12 and addresses[0].endswith(f"/library/{tracks[5]}/audio")
    assert browser.get(addresses[1], buffered=True).status_code == 200


def test_radio_without_files_explains_why(app: Flask, browser: FlaskClient, catalogue: Catalogue) -> None:
    one = put(catalogue, None, "only numbers")
    load_index(app)
    assert "not enough tracks" in browser.get(f"/library/{one}/radio").text


def test_failure_log_names_file_and_reason(
    app: Flask, browser: FlaskClient, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "All files could be read" in browser.get("/library/failures").text
    for number in range(3):
        path = Path(f"/music/folder/<b>{number}.mp3")
        put(
            catalogue,
            None,
            f"{number}",
            path=path,
            path_hash=path_hash_of(path),
            failure_code="denied",
            failure={"sentence": "There is no permission to read {path}.", "facts": {"path": str(path)}},
            failed_at=datetime(2026, 1, 1 + number, tzinfo=UTC),
        )
    monkeypatch.setattr(library_pages, "FAILURES", 2)
    first = html.unescape(browser.get("/library/failures").text)
    assert "permission" in first and first.index("<b>2.mp3") < first.index("<b>1.mp3")
    assert "&lt;b&gt;" in browser.get("/library/failures").text
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following and "0.mp3" in browser.get(following[1]).text
    assert browser.get("/library").text.count("/library/failures") == 1
    monkeypatch.setattr(library_pages, "may_change_library", lambda: False)
    assert "/music/folder" not in browser.get("/library/failures").text


def test_failed_track_has_no_page(browser: FlaskClient, catalogue: Catalogue, tracks: list[int]) -> None:
    with catalogue.session() as session:
        session.scalars(select(Track).where(Track.id == tracks[0])).one().failure_code = "unreadable"
        session.commit()
    assert browser.get(f"/library/{tracks[0]}").status_code == 404


def test_similar_tracks_can_be_livelier_or_calmer(app: Flask, browser: FlaskClient, tmp_path: Path) -> None:
    catalogue = app.extensions[NAME].catalogue
    arousals = {"wild": 0.95, "like it": 0.22, "asleep": 0.01}
    song = put(catalogue, tmp_path, "song")  # its arousal is 0.2
    for name, arousal in arousals.items():
        put(catalogue, tmp_path, name, arousal=arousal)
    load_index(app)

    def similar_titles(feel: str) -> set[str]:
        address = f"/api/v1/tracks/{song}/neighbours?k=9&feel={feel}"
        return {one["title"] for one in browser.get(address).get_json()["neighbours"]}

    assert (similar_titles("livelier"), similar_titles("calmer")) == ({"wild"}, {"asleep"})
    assert browser.get(f"/api/v1/tracks/{song}/neighbours?feel=odd").status_code == 400
    page = browser.get(f"/library/{song}?feel=livelier").text
    assert "wild" in page and "asleep" not in page and "Similar, but calmer" in page


def test_a_page_reads_the_rows_of_its_track_once(
    app: Flask, browser: FlaskClient, catalogue: Catalogue, tracks: list[int]
) -> None:
    """Not once for each kind of neighbour."""
    reads: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if tuple(parameters) == (tracks[3],):
            reads.append(statement)

    event.listen(catalogue.engine, "before_cursor_execute", note)
    assert browser.get(f"/library/{tracks[3]}").status_code == 200
    event.remove(catalogue.engine, "before_cursor_execute", note)
    for table in ("tracks", "reports", "track_vectors"):
        assert len([text for text in reads if f"FROM {table}" in " ".join(text.split())]) == 1
