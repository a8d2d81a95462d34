"""The clock jumps, the disk is full, the database is locked or may not be written: songs wait, and are told why."""

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
from tests.hostile.lies import wav
from web.app import create_app
from web.context import NAME

MODEL = "0" * 64


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = create_app(Environment(home=tmp_path / "var", min_free_mb=0))
    yield made
    made.extensions[NAME].catalogue.close()


@pytest.fixture
def analyses(app: Flask) -> Analyses:
    found: Analyses = app.extensions[NAME].analyses
    return found


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


def hand_in(browser: FlaskClient, more: bytes = b"") -> tuple[int, str]:
    """The status, and the analysis's address or the error's code."""
    answer = browser.post("/api/v1/analyses", data={"file": (io.BytesIO(wav() + more), "song.wav")})
    told = answer.get_json()
    return answer.status_code, told["id"] if answer.status_code == 202 else told["error"]["code"]


def run(analyses: Analyses, ended: Callable[[], bool], seconds: float = 30.0) -> None:
    late = time.monotonic() + seconds
    with ProcessPool[UploadTask](1, FakePipeline, partial(analyse_upload, limits=DEFAULT_LIMITS)) as pool:
        Engine(analyses, pool, MODEL).run(lambda: ended() or time.monotonic() > late)
    assert time.monotonic() < late


def state(analyses: Analyses, analysis_id: str) -> str:
    found = analyses.get(analysis_id)
    assert found is not None
    return found.state


def jump(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """The clock that leases are written by is wrong from now on."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=hours)

    monkeypatch.setattr("jobs.queue.analyses.datetime", Clock)


@pytest.mark.parametrize("hours", [-24.0, -0.1, 0.1, 20.0])
def test_a_jump_leaves_a_living_engine_its_songs(
    analyses: Analyses, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    _, one = hand_in(browser)
    assert analyses.claim("alive") is not None
    jump(monkeypatch, hours)
    analyses.renew("alive")
    assert analyses.reclaim() == 0 and analyses.held("alive") == {one}
    assert analyses.finish(one, "alive", {"schema": 1}) and not analyses.finish(one, "other", {"schema": 1})


@pytest.mark.parametrize("hours", [-24.0, -0.1, 0.1, 20.0])
def test_a_jump_does_not_hold_a_dead_engines_songs(
    analyses: Analyses, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    """Set back by a day, the clock would otherwise have the next engine wait for a day."""
    _, one = hand_in(browser)
    assert analyses.claim("killed") is not None and state(analyses, one) == RUNNING
    jump(monkeypatch, hours)
    run(analyses, lambda: state(analyses, one) == DONE)


def test_a_database_that_may_not_be_written(app: Flask, analyses: Analyses, browser: FlaskClient) -> None:
    """As with a disk that the system has turned read-only: pages stay, songs are refused with a reason."""
    _, one = hand_in(browser)
    forbidden = [True]
    engine = app.extensions[NAME].catalogue.engine

    def forbid(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA query_only = {int(forbidden[0])}")

    event.listen(engine, "checkout", forbid)
    assert hand_in(browser, b"another") == (503, "unavailable")
    assert browser.get("/").status_code == 200 and browser.get(f"/a/{one}").status_code == 200
    assert [path.name for path in analyses.root.iterdir()] == [one]
    assert list(analyses.incoming.iterdir()) == []
    threading.Timer(3.0, lambda: forbidden.__setitem__(0, False)).start()
    run(analyses, lambda: state(analyses, one) == DONE)


def test_a_locked_database(analyses: Analyses, browser: FlaskClient, tmp_path: Path) -> None:
    """Another process writes for two seconds: an upload waits, and a page does not."""
    locked, seen = threading.Event(), []

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
    seen.append(browser.get("/").status_code)
    waited = time.monotonic() - started
    status, one = hand_in(browser)
    thread.join()
    assert (seen, status) == ([200], 202) and waited < 1.5
    run(analyses, lambda: state(analyses, one) == DONE)


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
    """What was taken is heard once there is room again; what is not taken is told so and leaves nothing."""
    app = create_app(Environment(home=small_disk / "var", min_free_mb=0))
    analyses: Analyses = app.extensions[NAME].analyses
    browser = app.test_client()
    ballast, taken = small_disk / "ballast", []
    ballast.write_bytes(bytes(1_000_000))
    for number in range(200):
        status, told = hand_in(browser, bytes(50_000) + b"%d" % number)
        if status != 202:
            break
        taken.append(told)
    assert (status, told) == (507, "disk_full") and taken
    with ballast.open("ab", buffering=0) as file:  # the last bytes too
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            pass
    assert hand_in(browser)[0] in (503, 507) and browser.get("/healthz").status_code in (200, 503)
    assert sorted(path.name for path in analyses.root.iterdir()) == sorted(taken)
    assert list(analyses.incoming.iterdir()) == []
    threading.Timer(3.0, ballast.unlink).start()
    run(analyses, lambda: analyses.count(QUEUED) + analyses.count(RUNNING) == 0, 90.0)
    assert {state(analyses, one) for one in taken} == {DONE}
    app.extensions[NAME].catalogue.close()
