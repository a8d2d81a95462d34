"""The clock jumps, the disk is full, the database is locked or read-only: songs wait, or are refused with a reason."""

from __future__ import annotations

import io
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from environment import Environment
from jobs.engine import Engine
from jobs.local import ProcessPool
from jobs.queue.analyses import DONE, RUNNING, Analyses
from jobs.upload_analysis import UploadTask, analyse_upload
from ml.audio.settings import DEFAULT_LIMITS
from tests.fakes import FakePipeline
from tests.faults import namespace
from tests.hostile.false_headers import wav
from web.app import create_app
from web.context import NAME

MODEL = "0" * 64


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    created = create_app(Environment(home=tmp_path / "var", min_free_mb=0))
    yield created
    created.extensions[NAME].catalogue.close()


@pytest.fixture
def analyses(app: Flask) -> Analyses:
    queue: Analyses = app.extensions[NAME].analyses
    return queue


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def upload(client: FlaskClient, suffix: bytes = b"") -> tuple[int, str]:
    """The status, and the id of the analysis or the code of the error."""
    answer = client.post("/api/v1/analyses", data={"file": (io.BytesIO(wav() + suffix), "song.wav")})
    body = answer.get_json()
    return answer.status_code, body["id"] if answer.status_code == 202 else body["error"]["code"]


def run(analyses: Analyses, ended: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    with ProcessPool[UploadTask](1, FakePipeline, partial(analyse_upload, limits=DEFAULT_LIMITS)) as pool:
        Engine(analyses, pool, MODEL).run(lambda: ended() or time.monotonic() > deadline)
    assert time.monotonic() < deadline


def state(analyses: Analyses, analysis_id: str) -> str:
    analysis = analyses.get(analysis_id)
    assert analysis is not None
    return analysis.state


def shift_clock(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """Shift the clock that leases are written with."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=hours)

    monkeypatch.setattr("jobs.queue.leases.datetime", Clock)


@pytest.mark.parametrize("hours", [-24.0, -0.1, 0.1, 20.0])
def test_a_clock_shift_leaves_a_running_engine_its_analyses(
    analyses: Analyses, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    _, analysis_id = upload(client)
    assert analyses.claim("alive") is not None
    shift_clock(monkeypatch, hours)
    analyses.renew("alive")
    assert analyses.reclaim() == 0 and analyses.held("alive") == {analysis_id}
    assert analyses.finish(analysis_id, "alive", {"schema": 1})
    assert not analyses.finish(analysis_id, "other", {"schema": 1})


@pytest.mark.parametrize("hours", [-24.0, -0.1, 0.1, 20.0])
def test_a_clock_shift_does_not_block_the_analyses_of_a_dead_engine(
    analyses: Analyses, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    """After a shift back by a day, the next engine would otherwise wait for a day."""
    _, analysis_id = upload(client)
    assert analyses.claim("killed") is not None and state(analyses, analysis_id) == RUNNING
    shift_clock(monkeypatch, hours)
    run(analyses, lambda: state(analyses, analysis_id) == DONE)


def test_a_read_only_database(app: Flask, analyses: Analyses, client: FlaskClient) -> None:
    """As when the system has made a disk read-only: pages still work, uploads are refused with a reason."""
    _, analysis_id = upload(client)
    read_only = [True]
    engine = app.extensions[NAME].catalogue.engine

    def set_read_only(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA query_only = {int(read_only[0])}")

    event.listen(engine, "checkout", set_read_only)
    assert upload(client, b"another") == (503, "unavailable")
    assert client.get("/").status_code == 200 and client.get(f"/a/{analysis_id}").status_code == 200
    assert [path.name for path in analyses.root.iterdir()] == [analysis_id]
    assert list(analyses.incoming.iterdir()) == []
    threading.Timer(3.0, lambda: read_only.__setitem__(0, False)).start()
    run(analyses, lambda: state(analyses, analysis_id) == DONE)


def test_a_locked_database(analyses: Analyses, client: FlaskClient, tmp_path: Path) -> None:
    """Another process writes for two seconds: an upload waits, and a page does not."""
    locked = threading.Event()

    def lock() -> None:
        with closing(sqlite3.connect(tmp_path / "var" / "library.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            locked.set()
            time.sleep(2.0)
            other.execute("COMMIT")

    thread = threading.Thread(target=lock)
    thread.start()
    locked.wait()
    started = time.monotonic()
    page_status = client.get("/").status_code
    page_seconds = time.monotonic() - started
    status, analysis_id = upload(client)
    thread.join()
    assert (page_status, status) == (200, 202) and page_seconds < 1.5
    run(analyses, lambda: state(analyses, analysis_id) == DONE)


def test_a_database_that_is_damaged_while_it_runs(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    """Pages say that it cannot be reached, the log how to restore it, and the health check what is wrong."""
    _, analysis_id = upload(client)
    app.extensions[NAME].catalogue.engine.dispose()
    database = tmp_path / "var" / "library.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'analyses'").fetchall()
    with database.open("r+b") as file:
        for (page,) in pages:
            file.seek((page - 1) * 4096)
            file.write(b"\7" * 4096)
    assert client.get(f"/a/{analysis_id}").status_code == 503
    assert upload(client, b"another") == (503, "unavailable")
    health = client.get("/healthz")
    assert (health.status_code, health.get_json()["problems"]) == (503, ["database_damaged"])


@pytest.mark.skipif(not namespace.is_possible(), reason="this system lets nobody mount a disk in a namespace")
@pytest.mark.parametrize("room", ["bytes", "files"])
def test_a_full_disk(room: str) -> None:
    """It becomes full while songs are analysed: uploads are refused, songs wait, and end when there is room again."""
    done = namespace.run_inside(["tests.faults.small_disk", room], is_captured=True)
    assert done.returncode == 0, done.stdout + done.stderr
