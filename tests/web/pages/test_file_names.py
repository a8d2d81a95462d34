"""File names in any encoding, with any bytes, on every page and in every answer about the library."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.listing import SORTS
from library.catalogue.tables import Track, path_hash_of
from tests.fakes import write_wav
from tests.hostile_folder import LONGEST_NAME, NAMES
from tests.web.pages.test_library_pages import load_index
from tests.web.shelf import put
from web.context import NAME

PAGES = ("/library", "/library/failures", "/library?q=wav", "/library/{}", "/library/{}/radio")
FILES = ("/library/{}/radio.m3u8", "/library/{}/audio")
API = ("/api/v1/tracks", "/api/v1/tracks/{}", "/api/v1/tracks/{}/neighbours", "/api/v1/tracks/{}/neighbours?by=sound")
HOSTILE = [name if isinstance(name, bytes) else name.encode() for name in NAMES]
NAMED = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
names = st.binary(min_size=1, max_size=LONGEST_NAME - 4).map(lambda name: re.sub(rb"[/\0]", b"\n", name) + b".wav")


class Shelf:
    """Two songs and a file that could not be read, whose names can be changed."""

    def __init__(self, app: Flask, folder: Path) -> None:
        self.catalogue: Catalogue = app.extensions[NAME].catalogue
        self.folder = folder
        folder.mkdir()
        self.good = [put(self.catalogue, None, f"song {number}") for number in range(2)]
        failure = {"sentence": "There is no permission to read {path}.", "facts": {"path": "?"}}
        at = datetime(2026, 1, 1, tzinfo=UTC)
        self.bad = put(self.catalogue, None, "bad", failure_code="denied", failure=failure, failed_at=at)
        load_index(app)

    def name(self, name: bytes) -> None:
        """Give all of them this name, in folders of their own, and the songs no title."""
        with self.catalogue.transaction() as session:
            for track in session.scalars(select(Track)):
                folder = self.folder / str(track.id)
                for file in folder.glob("*"):
                    file.unlink()
                track.path, track.title = folder / os.fsdecode(name), None
                track.path_hash = path_hash_of(track.path)
                if track.id in self.good:
                    write_wav(track.path, seconds=0.1)


@pytest.fixture
def unlimited(make: Callable[..., Flask]) -> Flask:
    return make(rate_limits=False)


@pytest.fixture
def shelf(unlimited: Flask, tmp_path: Path) -> Shelf:
    return Shelf(unlimited, tmp_path / "music")


def check_answer(browser: FlaskClient, address: str) -> None:
    """The page is sent, as UTF-8, with headers of printable ASCII alone: a server sends no other."""
    answer = browser.get(address, buffered=True)
    assert answer.status_code == 200, f"{address}: {answer.status_code} {answer.text[:300]}"
    assert [value for _, value in answer.headers if not re.fullmatch("[\x20-\x7e]*", value)] == []
    if not address.endswith("/audio"):
        answer.data.decode("utf-8")


@NAMED
@given(name=names)
def test_any_file_name_can_be_shown_and_played(unlimited: Flask, shelf: Shelf, name: bytes) -> None:
    check_name(unlimited.test_client(), shelf, name)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_names_can_be_shown_and_played(unlimited: Flask, shelf: Shelf, name: bytes) -> None:
    check_name(unlimited.test_client(), shelf, name)


def check_name(browser: FlaskClient, shelf: Shelf, name: bytes) -> None:
    shelf.name(name)
    for address in (*PAGES, *API, *FILES):
        check_answer(browser, address.format(shelf.good[0]))


def test_a_korean_name_of_another_encoding_is_readable(unlimited: Flask, shelf: Shelf) -> None:
    """CP949, which Korean Windows wrote for decades, in a folder whose name is UTF-8."""
    browser, one = unlimited.test_client(), shelf.good[0]
    shelf.name("밤편지.wav".encode("cp949"))
    for address in ("/library", f"/library/{one}", "/library?q=밤편지", "/library/failures"):
        assert "밤편지" in browser.get(address).text, address
    assert browser.get("/api/v1/tracks?q=밤편지").get_json()["tracks"][0]["title"] == "밤편지"
    sent = browser.get(f"/library/{one}/audio", buffered=True).headers["Content-Disposition"]
    assert "%EB%B0%A4%ED%8E%B8%EC%A7%80.wav" in sent


def test_a_control_character_is_in_no_download_name(unlimited: Flask, shelf: Shelf) -> None:
    shelf.name(b"line\nbreak\r\t \x1b[31mred\x07.wav")
    answer = unlimited.test_client().get(f"/library/{shelf.good[0]}/audio", buffered=True)
    assert answer.headers["Content-Disposition"] == 'inline; filename="linebreak [31mred.wav"'


positions = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([10**400, 2**63]),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.sampled_from(sorted(SORTS)), value=positions, track_id=positions | st.just(1))
@example(order="tempo", value=10**400, track_id=1)
@example(order="key", value=-(10**400), track_id=1)
@example(order="tempo", value=float("nan"), track_id=1)
@example(order="tempo", value=1.0, track_id=10**400)
@example(order="title", value="\ud800\0", track_id=1)
def test_any_position_is_used_or_refused(unlimited: Flask, order: str, value: object, track_id: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([order, value, track_id]).encode()).decode().rstrip("=")
    for address in ("/library", "/api/v1/tracks"):
        answer = unlimited.test_client().get(address, query_string={"sort": order, "after": cursor})
        assert answer.status_code in (200, 400), answer.text[:300]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=st.binary(max_size=300).map(lambda data: base64.urlsafe_b64encode(data).decode()) | st.text(max_size=99))
@example(cursor="9" * 1000)
def test_any_text_for_a_position_is_used_or_refused(unlimited: Flask, cursor: str) -> None:
    answer = unlimited.test_client().get("/library", query_string={"after": cursor})
    assert answer.status_code in (200, 400), answer.text[:300]
