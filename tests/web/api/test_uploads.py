"""Uploads by form and by API: songs are queued, other files are refused with a reason, nothing is left behind."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.queue.analyses import QUEUED, Analyses
from tests.fakes import a_report
from web.api.uploads import readable
from web.context import NAME


def post(browser: FlaskClient, data: bytes, name: str = "노래.wav") -> Any:
    return browser.post("/api/v1/analyses", data={"file": (io.BytesIO(data), name)})


def stored_files(app: Flask) -> list[Path]:
    analyses = app.extensions[NAME].analyses
    return [path for folder in (analyses.incoming, analyses.root) for path in folder.rglob("*")]


def test_uploaded_song_is_queued(browser: FlaskClient, analyses: Analyses, song: Path) -> None:
    response = post(browser, song.read_bytes())
    assert response.status_code == 202
    assert set(response.json) == {"id", "state", "url"}
    assert (response.json["state"], response.json["url"]) == ("queued", f"/a/{response.json['id']}")
    analysis = analyses.get(response.json["id"])
    assert analysis is not None
    assert (analysis.state, analysis.name, analysis.format) == (QUEUED, "노래.wav", "WAV")
    path = analyses.files.folder(analysis.id) / analysis.file
    assert path.read_bytes() == song.read_bytes()


def test_form_upload_redirects_to_the_result_page(browser: FlaskClient, token: Callable[[], str], song: Path) -> None:
    data = {"token": token(), "file": (io.BytesIO(song.read_bytes()), "a.wav")}
    response = browser.post("/", data=data)
    assert response.status_code == 303
    assert browser.get(response.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty"), (b"\x89PNG\r\n\x1a\n", "picture"), (b"hello", "text"), (b"#EXTM3U\nhttp://x", "playlist")],
)
def test_other_files_are_refused(app: Flask, browser: FlaskClient, data: bytes, code: str) -> None:
    response = post(browser, data)
    assert (response.status_code, response.json["error"]["code"]) == (422, code)
    assert stored_files(app) == []


def test_request_without_a_file_is_refused(browser: FlaskClient) -> None:
    response = browser.post("/api/v1/analyses", data={"other": "x"}, content_type="multipart/form-data")
    assert (response.status_code, response.json["error"]["code"]) == (400, "no_file")


def test_too_large_file_is_refused_and_removed(app: Flask, browser: FlaskClient) -> None:
    service = app.extensions[NAME]
    app.extensions[NAME] = replace(service, environment=replace(service.environment, max_upload_mb=1))
    response = post(browser, bytes(1_000_001))
    response.request.environ["wsgi.input"].close()  # the test client's own temporary file
    assert (response.status_code, response.json["error"]["code"]) == (413, "too_large")
    assert "1 MB" in response.json["error"]["message"]
    assert stored_files(app) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Music\\song.mp3", "song.mp3"),
        ("한국노래.mp3", "한국노래.mp3"),
        ("\u1112\u1161\u11ab.mp3", "한.mp3"),
        ("a\x1b[31m\u202eb.mp3", "a[31mb.mp3"),
        ("", "?"),
        ("x" * 999, "x" * 200),
    ],
)
def test_file_names_are_made_readable(name: str, shown: str) -> None:
    assert readable(name) == shown


@pytest.mark.parametrize("host", ["a" * 300, "a..b", "-", "x" * 5000])
@pytest.mark.parametrize("path", ["/", "/api/v1/analyses/x", "/nothing"])
def test_invalid_host_is_refused(browser: FlaskClient, host: str, path: str) -> None:
    """Without a valid host no page can hold links, the error page included."""
    response = browser.get(path, headers={"Host": host})
    assert 400 <= response.status_code < 500
    assert "<html" not in response.text or "</html>" in response.text


def test_deleted_song_leaves_no_byte_on_the_disk(
    app: Flask, browser: FlaskClient, song: Path, hear: Callable[..., str]
) -> None:
    """Searches the whole home for the audio, the file name and the report's texts."""
    sound = song.read_bytes() + b"bytes of this song alone"
    analysis_id = post(browser, sound, "unmistakable name.wav").json["id"]
    hear(analysis_id, a_report(title="unmistakable title", artist="unmistakable artist"))
    home = app.extensions[NAME].environment.home

    def marks_on_disk() -> set[bytes]:
        marks = (b"bytes of this song", b"unmistakable", analysis_id.encode())
        files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
        return {mark for mark in marks if any(mark in text for text in files)}

    assert len(marks_on_disk()) == 3
    assert browser.delete(f"/api/v1/analyses/{analysis_id}").status_code == 204
    assert marks_on_disk() == set()
