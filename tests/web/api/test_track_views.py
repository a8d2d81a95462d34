"""The API of the library: pages of tracks, neighbours, genres, caching and errors."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from library.catalogue.database import Catalogue
from tests.web.shelf import put
from web.context import NAME

TRACKS = "/api/v1/tracks"


@pytest.fixture
def catalogue(app: Flask) -> Catalogue:
    found: Catalogue = app.extensions[NAME].catalogue
    return found


@pytest.fixture
def tracks(catalogue: Catalogue, tmp_path: Path) -> list[int]:
    return [
        put(
            catalogue,
            tmp_path / "music" if number % 3 else None,
            f"Song {number}",
            genre=("jazz", "rock")[number % 2],
            bpm=60.0 + number if number else None,
        )
        for number in range(9)
    ]


def get_json(browser: FlaskClient, address: str, **headers: str) -> Any:
    response = browser.get(address, headers=headers)
    assert response.status_code == 200, response.text
    return response.get_json()


def test_pages_together_list_every_track_once(browser: FlaskClient, tracks: list[int]) -> None:
    for order in ("title", "-tempo", "genre"):
        listed, address = [], f"{TRACKS}?limit=4&sort={order}"
        while address:
            page = get_json(browser, address)
            listed += [track["id"] for track in page["tracks"]]
            assert (page["count"], page["counted_all"]) == (9, True)
            address = page["next"]
        assert sorted(listed) == tracks and len(listed) == 9
    assert listed[:5] == [tracks[number] for number in (0, 2, 4, 6, 8)]


def test_next_page_keeps_the_query(browser: FlaskClient, tracks: list[int]) -> None:
    page = get_json(browser, f"{TRACKS}?limit=2&genre=jazz&slowest=61&q=song&own=true")
    following = get_json(browser, page["next"])
    titles = [track["title"] for answer in (page, following) for track in answer["tracks"]]
    assert titles == ["Song 2", "Song 4", "Song 8"] and following["next"] is None


def test_track_with_report_and_audio(browser: FlaskClient, tracks: list[int]) -> None:
    one = get_json(browser, f"{TRACKS}/{tracks[1]}")
    assert (one["title"], one["key"], one["bpm"]) == ("Song 1", {"tonic": "C", "mode": "major"}, 61.0)
    assert one["report"]["schema"] == 1
    sound = browser.get(one["preview_url"], buffered=True)
    assert sound.status_code == 200 and browser.get(one["url"]).status_code == 200
    assert get_json(browser, f"{TRACKS}/{tracks[0]}")["preview_url"] is None
    assert "music" not in json.dumps(get_json(browser, TRACKS))  # paths on the server stay private


def test_neighbours_with_filters(browser: FlaskClient, tracks: list[int]) -> None:
    address = f"{TRACKS}/{tracks[1]}/neighbours"
    found = get_json(browser, address)
    assert found["by"] == "harmony" and len(found["neighbours"]) == 3
    assert set(found["neighbours"][0]["why"]) >= {"key_relation", "common_tags"}
    distances = [one["distance"] for one in get_json(browser, f"{address}?by=sound&k=50")["neighbours"]]
    assert len(distances) == 8 and distances == sorted(distances)
    few = get_json(browser, f"{address}?k=9&genre=rock&own=true&slowest=64")["neighbours"]
    assert {one["title"] for one in few} == {"Song 5", "Song 7"}
    assert all(one["preview_url"] for one in few)


def test_genres_are_named_in_the_readers_language(browser: FlaskClient, tracks: list[int]) -> None:
    expected = [{"label": "jazz", "name": "jazz", "tracks": 5}, {"label": "rock", "name": "rock", "tracks": 4}]
    assert get_json(browser, "/api/v1/genres")["genres"] == expected
    korean = get_json(browser, "/api/v1/genres", **{"Accept-Language": "ko"})["genres"]
    assert [one["name"] for one in korean] == ["재즈", "록"]


@pytest.mark.parametrize("address", ["", "?sort=tempo", "/{id}", "/{id}/neighbours", "../genres"])
def test_unchanged_answers_are_not_sent_again(
    browser: FlaskClient, catalogue: Catalogue, tracks: list[int], address: str
) -> None:
    address = f"{TRACKS}{address}".format(id=tracks[1]).replace("tracks../", "")
    first = browser.get(address)
    assert first.status_code == 200 and "no-cache" in first.headers["Cache-Control"]
    again = browser.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert browser.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sort=loudness", "sort"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("slowest=nan", "slowest"),
        ("slowest=1e999", "slowest"),
        ("fastest=-1", "fastest"),
        ("key=C%20dur", "key"),
        ("own=yes", "own"),
        ("q=" + "x" * 201, "q"),
        ("genre=a&genre=b", "genre"),
        ("colour=red", "colour"),
        ("after=nowhere", "after"),
        ("after=%F0%9F%8E%B5", "after"),
    ],
)
def test_errors_name_the_wrong_parameter(browser: FlaskClient, query: str, named: str) -> None:
    response = browser.get(f"{TRACKS}?{query}")
    error = response.get_json()["error"]
    assert (response.status_code, error["code"]) == (400, "bad_parameter")
    assert f" {named} " in error["message"]
    korean = browser.get(f"{TRACKS}?{query}", headers={"Accept-Language": "ko"}).get_json()["error"]
    assert named in korean["message"] and "요" in korean["message"]


@pytest.mark.parametrize(
    "position",
    [
        ["title", "a"],
        ["tempo", 1.0, 1],
        ["title", 1.0, 1],
        ["title", "a", True],
        ["title", "a", 0],
        ["title", "a", 2**70],
        ["tempo", 10**400, 1],
        {"title": 1},
        None,
        "title",
    ],
)
def test_forged_cursors_are_refused(browser: FlaskClient, position: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")
    assert browser.get(f"{TRACKS}?after={cursor}").status_code == 400


def test_all_errors_have_the_same_schema(browser: FlaskClient, tracks: list[int]) -> None:
    refusals = [
        (browser.get(f"{TRACKS}/999"), 404, "not_found"),
        (browser.get("/api/v1/nothing"), 404, "not_found"),
        (browser.post(TRACKS), 405, "method_not_allowed"),
        (browser.post("/api/v1/analyses", json={}), 415, "unsupported_type"),
        (browser.get(f"{TRACKS}/{tracks[0]}/neighbours?k=-1"), 400, "bad_parameter"),
    ]
    for response, status, code in refusals:
        assert (response.status_code, response.get_json()["error"]["code"]) == (status, code)
        assert set(response.get_json()["error"]) == {"code", "message"}
    assert "GET" in browser.post(TRACKS).headers["Allow"]


def test_any_mood_of_the_library_is_a_filter(browser: FlaskClient, catalogue: Catalogue) -> None:
    """Another mood model has other labels; like an unknown genre, an unknown mood matches nothing."""
    sad, calm = (put(catalogue, None, mood, mood=mood) for mood in ("sad", "calm"))
    assert [track["id"] for track in get_json(browser, f"{TRACKS}?mood=sad")["tracks"]] == [sad]
    assert get_json(browser, f"{TRACKS}?mood=angry")["tracks"] == []
    similar = get_json(browser, f"{TRACKS}/{sad}/neighbours?mood=calm")["neighbours"]
    assert [one["track_id"] for one in similar] == [str(calm)]
    page = browser.get("/library?mood=sad").text
    assert '<option value="sad" selected>' in page and '<option value="exciting"' not in page
