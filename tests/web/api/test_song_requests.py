"""Forms with songs: a bounded number of files, and nothing else on the disk."""

from __future__ import annotations

import io
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from jobs.queue.analyses import QUEUED, Analyses
from web.access.bodies import FIELD_BYTES, FIELDS_PER_FORM, SONGS_PER_FORM
from web.api import song_requests

PATHS = ("/", "/api/v1/analyses")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that forms opened."""
    paths: list[Path] = []

    class Counted(song_requests.Incoming):
        def __init__(self, path: Path, *rest: Any) -> None:
            paths.append(path)
            super().__init__(path, *rest)

    monkeypatch.setattr(song_requests, "Incoming", Counted)
    return paths


@pytest.mark.parametrize("path", PATHS)
def test_a_form_holds_a_bounded_number_of_songs(
    browser: FlaskClient, analyses: Analyses, token: Callable[[], str], opened: list[Path], path: str
) -> None:
    songs = [("file", (io.BytesIO(b"x"), f"{number}.wav")) for number in range(200)]
    refused = browser.post(path, data=MultiDict(songs), headers={"X-Token": token()})
    assert refused.status_code == 413 and f"{SONGS_PER_FORM} songs" in refused.text
    assert len(opened) == SONGS_PER_FORM
    assert list(analyses.incoming.iterdir()) == [] and analyses.count(QUEUED) == 0


def test_a_form_of_the_largest_number_of_songs_is_accepted(
    browser: FlaskClient, analyses: Analyses, token: Callable[[], str], song: Path
) -> None:
    files = [("file", (io.BytesIO(song.read_bytes()), f"{number}.wav")) for number in range(SONGS_PER_FORM)]
    answer = browser.post("/", data=MultiDict([("token", token()), *files]))
    answer.request.environ["wsgi.input"].close()  # the test client's own temporary file
    assert answer.status_code == 303 and analyses.count(QUEUED) == SONGS_PER_FORM


@pytest.mark.parametrize("path", PATHS)
def test_a_form_holds_a_bounded_number_of_parts(
    browser: FlaskClient, token: Callable[[], str], opened: list[Path], path: str
) -> None:
    """Parts without content, and files in other fields, of which none is opened on the disk."""
    headers = {"X-Token": token()}
    count = SONGS_PER_FORM + FIELDS_PER_FORM + 1
    for parts in ([("other", "b")] * count, [("other", (io.BytesIO(b"b"), "b")) for _ in range(count)]):
        refused = browser.post(path, data=MultiDict(parts), content_type="multipart/form-data", headers=headers)
        assert refused.status_code == 413 and "too many parts" in refused.text
    assert opened == []


def test_a_file_in_another_field_stays_in_memory_and_is_short(
    browser: FlaskClient, analyses: Analyses, song: Path, opened: list[Path]
) -> None:
    def post(size: int) -> int:
        other = (io.BytesIO(bytes(size)), "b")
        return browser.post(
            "/api/v1/analyses", data={"other": other, "file": (io.BytesIO(song.read_bytes()), "a.wav")}
        ).status_code

    assert post(FIELD_BYTES) == 202 and len(opened) == 1
    assert post(FIELD_BYTES + 1) == 413 and len(opened) == 1


def test_a_form_that_cannot_be_parsed_is_refused(browser: FlaskClient) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\xff"):
        refused = browser.post("/api/v1/analyses", data=b"--x\r\nno header", content_type=kind)
        assert (refused.status_code, refused.get_json()["error"]["code"]) == (400, "bad_request"), kind


def test_the_rest_of_a_refused_body_is_read_within_bounds(app: Flask, browser: FlaskClient) -> None:
    """Closing on unread bytes would lose the response, and reading on without end would keep the connection busy."""

    class Endless(io.RawIOBase):
        count = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any, /) -> int:
            self.count += len(buffer)
            return len(buffer)

    body = Endless()
    environ = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    refused = browser.put("/", environ_overrides=environ)
    assert refused.status_code == 405
    assert 0 < body.count <= song_requests.DRAIN_BYTES + 1_000_000


def test_an_upload_for_which_no_file_can_be_opened_is_asked_to_wait(browser: FlaskClient, song: Path) -> None:
    data = song.read_bytes()
    assert browser.post("/api/v1/analyses", data={"file": (io.BytesIO(data), "song.wav")}).status_code == 202
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with song.open("rb") as file:
        resource.setrlimit(resource.RLIMIT_NOFILE, (file.fileno() + 1, hard))
        try:
            response = browser.post("/api/v1/analyses", data={"file": (io.BytesIO(data), "song.wav")})
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (response.status_code, response.get_json()["error"]["code"]) == (503, "busy")
    assert response.headers["Retry-After"] == "10"
