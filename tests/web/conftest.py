"""The application in a home of its own, a browser without JavaScript, and generated songs."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from environment import Environment
from jobs.queue.analyses import Analyses
from library.catalogue.tables import Track, path_hash_of
from ml.report.schema import Report
from tests.fakes import a_report, write_wav
from web.app import create_app
from web.context import NAME


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """`make(private=True)`: an application with these settings, in the folder `home` of the test's own."""
    apps: list[Flask] = []

    def make_app(home: str = "var", **settings: Any) -> Flask:
        app = create_app(Environment(home=tmp_path / home, **settings))
        app.testing = True
        app.config["PROPAGATE_EXCEPTIONS"] = False
        apps.append(app)
        return app

    yield make_app
    for app in apps:
        app.extensions[NAME].catalogue.close()


@pytest.fixture
def app(make: Callable[..., Flask]) -> Flask:
    return make()


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def analyses(app: Flask) -> Analyses:
    return cast(Analyses, app.extensions[NAME].analyses)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "song.wav", seconds=2.0)


@pytest.fixture
def token(browser: FlaskClient) -> Callable[[], str]:
    """Reads the token in the forms of this browser."""

    def read() -> str:
        match = re.search(r'name="token" value="([^"]+)"', browser.get("/").text)
        assert match
        return match[1]

    return read


@pytest.fixture
def hear(analyses: Analyses) -> Callable[..., str]:
    """`hear(analysis_id, report)` finishes a queued analysis with this report, as a worker does."""

    def finish(analysis_id: str, report: Report | None = None) -> str:
        claimed = analyses.claim("test")
        assert claimed is not None and claimed.id == analysis_id
        assert analyses.finish(analysis_id, "test", (report or a_report()).to_dict())
        return analysis_id

    return finish


@pytest.fixture
def heard(browser: FlaskClient, song: Path, token: Callable[[], str], hear: Callable[..., str]) -> Callable[..., str]:
    """`heard(report)`: uploads a song from this browser and finishes its analysis. Returns its id."""

    def upload_and_finish(report: Report | None = None, name: str = "노래.wav") -> str:
        data = {"token": token(), "file": (io.BytesIO(song.read_bytes()), name)}
        address = browser.post("/", data=data).headers["Location"]
        return hear(address.rsplit("/", 1)[-1], report)

    return upload_and_finish


@pytest.fixture
def a_track(app: Flask, tmp_path: Path) -> Callable[..., int]:
    """`a_track("name.wav")` adds a track with a file to the library; `a_track(None)` one without."""

    def add(name: str | None) -> int:
        path = None if name is None else write_wav(tmp_path / "music" / name)
        with app.extensions[NAME].catalogue.session() as session:
            track = Track(path=path, path_hash=path_hash_of(path) if path else None, title=name)
            session.add(track)
            session.commit()
            return track.id

    return add
