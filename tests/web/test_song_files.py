"""Songs in an S3 storage, from the upload to the deletion: through the pages, the engine and the real web server."""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from environment import Environment
from jobs import engine
from jobs.queue.analyses import DONE, FAILED, Analyses, Analysis
from jobs.queue.feedback import TRUNK_OUTPUT_FILE
from jobs.queue.song_files.opening import open_song_files
from library.catalogue.database import open_catalogue
from ml.audio.loading import load
from ml.features.track import Track
from ml.pipeline import SongAnalysis
from ml.report.errors import SoriError
from tests.fakes import FakePipeline, a_report, write_wav
from tests.hostile.server import running_server
from tests.ports import free_port
from tests.s3 import BUCKET, S3Server
from web import song_files
from web.context import NAME

URL = f"s3://{BUCKET}/sori"
PATIENCE_SECONDS = 60.0
OF_THE_MOMENT = {"Date", "Expires", "Last-Modified", "Set-Cookie", "X-Request-ID"}
Make = Callable[..., Flask]


@pytest.fixture(autouse=True)
def _own_child() -> Iterator[None]:
    """The child has the variables of the test that started it."""
    yield
    song_files._process.close()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")


class Painter(FakePipeline):
    """With the sound, of which a worker draws pictures."""

    def run(self, source: Path, **options: Any) -> SongAnalysis:
        audio = load(source, limits=options["limits"])
        return replace(super().run(source, **options), track=Track(audio, None))  # type: ignore[arg-type]


def post(browser: FlaskClient, song: Path, **headers: str) -> Any:
    data = {"file": (io.BytesIO(song.read_bytes()), "노래.wav")}
    return browser.post("/api/v1/analyses", data=data, headers=headers)


def analyses_of(app: Flask) -> Analyses:
    found: Analyses = app.extensions[NAME].analyses
    return found


def finish(app: Flask, analysis_id: str) -> None:
    assert analyses_of(app).claim("test") is not None
    assert analyses_of(app).finish(analysis_id, "test", a_report().to_dict())


HEADERS = (
    {},
    {"Range": "bytes=10-19"},
    {"Range": "bytes=0-0"},
    {"Range": "bytes=-5"},
    {"Range": "bytes=30000-"},
    {"Range": "bytes=0-99999999"},
    {"Range": "bytes=99999999-"},
    {"Range": "bytes=1-2,4-5"},
    {"Range": "bytes=x"},
    {"Range": "bytes=10-19", "If-Range": "ETAG"},
    {"Range": "bytes=10-19", "If-Range": '"another"'},
    {"If-None-Match": "ETAG"},
    {"If-None-Match": '"another"'},
    {"If-Match": '"another"'},
)


def test_ranges_are_answered_as_in_the_home(make: Make, s3: S3Server, song: Path) -> None:
    answers: list[list[tuple[int, bytes, dict[str, str]]]] = []
    share = song.parent / "share"
    share.mkdir()
    for app in (make(), make(home="a", storage_url=URL), make(home="b", storage_url=f"file://{share}")):
        browser = app.test_client()
        one = post(browser, song).json["id"]
        finish(app, one)
        answers.append([])
        for headers in HEADERS:
            tag = f'"{analyses_of(app).read_states({one})[one].content}"'
            sent = {key: value.replace("ETAG", tag) for key, value in headers.items()}
            for call in (browser.get, browser.head):
                with call(f"/a/{one}/audio", headers=sent) as response:
                    told = {key: value for key, value in response.headers if key not in OF_THE_MOMENT}
                    answers[-1].append((response.status_code, response.data, told))
    for near, *far in zip(*answers, strict=True):
        assert far == [near, near]
    assert {status for status, _, _ in answers[0]} == {200, 206, 304, 412, 416}


def test_a_picture_is_revalidated(make: Make, s3: S3Server, song: Path) -> None:
    app = make(storage_url=URL)
    browser = app.test_client()
    one = post(browser, song).json["id"]
    finish(app, one)
    assert browser.get(f"/a/{one}/chromagram.png").status_code == 404
    (song.parent / "picture").write_bytes(b"\x89PNG")
    analyses_of(app).files.store(one, "chromagram.png", song.parent / "picture")
    with browser.get(f"/a/{one}/chromagram.png") as picture:
        assert (picture.data, picture.mimetype) == (b"\x89PNG", "image/png")
        assert "private" in picture.headers["Cache-Control"]
    again = browser.get(f"/a/{one}/chromagram.png", headers={"If-None-Match": picture.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_an_upload_without_a_storage_leaves_nothing(make: Make, away: None, song: Path) -> None:
    app = make(storage_url=URL)
    for language, sentence in (("en", "storage for songs"), ("ko", "노래 저장소")):
        response = post(app.test_client(), song, **{"Accept-Language": language})
        assert (response.status_code, response.json["error"]["code"]) == (503, "storage_away")
        assert sentence in response.json["error"]["message"] and response.headers["Retry-After"]
    assert sum(analyses_of(app).count_states().values()) == 0
    assert list(analyses_of(app).incoming.iterdir()) == []


def test_an_upload_that_finds_no_place_leaves_no_object(
    make: Make, s3: S3Server, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the song was stored, the row could not be added."""
    app = make(storage_url=URL)

    def fail(*_: object, **__: object) -> Analysis:
        assert len(s3.objects()) == 1
        raise SoriError

    monkeypatch.setattr(Analyses, "add", fail)
    assert post(app.test_client(), song).status_code == 422
    assert s3.objects() == set()


def test_each_database_has_songs_of_its_own(make: Make, s3: S3Server, song: Path) -> None:
    """Below the same address: an engine deletes what its database does not know."""
    apps = [make(home=name, storage_url=URL) for name in ("one", "another")]
    songs = [post(app.test_client(), song).json["id"] for app in apps]
    assert len(s3.objects()) == 2
    for app, one in zip(apps, songs, strict=True):
        settings = app.extensions[NAME].environment
        files = open_song_files(analyses_of(app).catalogue, settings.home, settings.storage_url, settings.cache_mb)
        assert files.ids() == {one}


def test_a_report_is_shown_without_the_storage(
    make: Make, s3: S3Server, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(storage_url=URL)
    browser = app.test_client()
    one = post(browser, song).json["id"]
    finish(app, one)
    song_files._process.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert browser.get(f"/a/{one}").status_code == 200
    assert browser.get(f"/a/{one}/audio").status_code == 503
    assert browser.delete(f"/api/v1/analyses/{one}").status_code == 204
    assert analyses_of(app).get(one) is None and len(s3.objects()) == 1  # the sweeper removes it


def test_a_child_that_was_killed_is_replaced(make: Make, s3: S3Server, song: Path) -> None:
    app = make(storage_url=URL)
    one = post(app.test_client(), song).json["id"]
    assert song_files._process.child is not None
    os.kill(song_files._process.child.process.pid, signal.SIGKILL)
    assert analyses_of(app).files.read(one, "song") == song.read_bytes()


def request(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())
    finally:
        connection.close()


def send_song(port: int, song: Path) -> tuple[str, str]:
    """The id of the upload, and the cookie of its sender."""
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n%s\r\n--x--\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    status, content, headers = request(port, "POST", "/api/v1/analyses", body % song.read_bytes(), **form)
    assert status == 202, content
    return json.loads(content)["id"], headers["Set-Cookie"].partition(";")[0]


def test_a_song_from_its_upload_to_its_deletion(tmp_path: Path, s3: S3Server) -> None:
    """The real web server, the engine and its worker processes."""
    song, home = write_wav(tmp_path / "song.wav", seconds=12.0, rate=16_000), tmp_path / "home"
    sound = song.read_bytes()
    assert len(sound) > 300_000  # several blocks
    environment = Environment(home=home, storage_url=URL, workers=1)
    with running_server(home, SORI_STORAGE_URL=URL, SORI_EXPIRE_HOURS="1", **s3.variables) as server:
        one, cookie = send_song(server.port, song)
        assert [key.split("/")[-2:] for key in s3.objects()] == [[one, "song"]]
        catalogue = open_catalogue(home)
        analyses, late = Analyses(catalogue, home), time.monotonic() + PATIENCE_SECONDS
        states = (DONE, FAILED)
        engine.work(
            environment,
            lambda: analyses.read_states({one})[one].state in states or time.monotonic() > late,
            load_pipeline=Painter,
        )
        assert analyses.read_states({one})[one].state == DONE
        catalogue.close()
        results = {"song", "peaks.json", "spectrogram.png", "chromagram.png", TRUNK_OUTPUT_FILE}
        assert {key.rpartition("/")[2] for key in s3.objects()} == results
        page = request(server.port, "GET", f"/a/{one}")[1]
        assert b"chromagram.png" in page and b"<audio" in page
        assert request(server.port, "GET", f"/a/{one}/spectrogram.png")[1].startswith(b"\x89PNG")
        assert request(server.port, "GET", f"/a/{one}/audio")[:2] == (200, sound)
        status, part, headers = request(server.port, "GET", f"/a/{one}/audio", Range="bytes=100000-299999")
        assert (status, part) == (206, sound[100_000:300_000])
        assert headers["Content-Range"] == f"bytes 100000-299999/{len(sound)}"
        assert request(server.port, "GET", f"/a/{one}/audio", Range="bytes=9999999-")[0] == 416
        assert not (home / "analyses").exists() or not list((home / "analyses").iterdir())
        assert (home / "cache" / one / "song").read_bytes() == sound
        assert request(server.port, "DELETE", f"/api/v1/analyses/{one}", Cookie=cookie)[0] == 204
    assert s3.objects() == set()
    assert not any(path.is_file() and sound[:5000] in path.read_bytes() for path in home.rglob("*"))


def test_a_storage_that_hangs_stops_no_page(tmp_path: Path, s3: S3Server, song: Path) -> None:
    """It accepts connections and never answers. Pages and the database are answered while a song waits for it."""
    home = tmp_path / "home"
    with running_server(home, SORI_STORAGE_URL=URL, **s3.variables) as server:
        one, _ = send_song(server.port, song)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        variables = s3.variables | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with running_server(home, SORI_STORAGE_URL=URL, **variables) as server:
            waiting = [socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) for _ in range(30)]
            for connection in waiting:
                connection.sendall(b"GET /a/%s/audio HTTP/1.1\r\nHost: localhost\r\n\r\n" % one.encode())
            connections = [silent.accept()[0]]  # a call of the child has arrived
            for path in ("/", "/library", f"/api/v1/analyses/{one}"):
                assert request(server.port, "GET", path)[0] == 200
            for connection in waiting:
                connection.setblocking(False)
                with pytest.raises(BlockingIOError):
                    connection.recv(1)
            for connection in (silent, *connections, *waiting):
                connection.close()
