"""The clock jumps, the disk is full, the database is locked or read-only: songs wait, or are refused with a reason."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
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
from jobs.queue.analyses import DONE, QUEUED, RUNNING, Analyses
from jobs.upload_analysis import UploadTask, analyse_upload
from ml.audio.settings import DEFAULT_LIMITS
from tests.fakes import FakePipeline
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

    monkeypatch.setattr("jobs.queue.analyses.datetime", Clock)


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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this container may not mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    """Accepted songs are analysed once there is space again; refused uploads get the reason and leave no files."""
    app = create_app(Environment(home=small_disk / "var", min_free_mb=0))
    analyses: Analyses = app.extensions[NAME].analyses
    client = app.test_client()
    ballast, accepted = small_disk / "ballast", []
    ballast.write_bytes(bytes(1_000_000))
    for number in range(200):
        status, analysis_id = upload(client, bytes(50_000) + b"%d" % number)
        if status != 202:
            break
        accepted.append(analysis_id)
    assert (status, analysis_id) == (507, "disk_full") and accepted
    with ballast.open("ab", buffering=0) as file:  # the last bytes too
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            pass
    assert upload(client)[0] in (503, 507) and client.get("/healthz").status_code in (200, 503)
    assert sorted(path.name for path in analyses.root.iterdir()) == sorted(accepted)
    assert list(analyses.incoming.iterdir()) == []
    threading.Timer(3.0, ballast.unlink).start()
    run(analyses, lambda: analyses.count(QUEUED) + analyses.count(RUNNING) == 0, 90.0)
    assert {state(analyses, accepted_id) for accepted_id in accepted} == {DONE}
    app.extensions[NAME].catalogue.close()
