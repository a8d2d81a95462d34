"""Scans started from the page: a real engine in a thread, a real scan process, real files; only the model is fake."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from environment import Environment
from jobs.engine import Engine
from jobs.local import ProcessPool
from jobs.queue.analyses import Analyses
from jobs.queue.scans import Scan, Scans
from jobs.scan_runner import ScanRunner, run_in_child
from jobs.upload_analysis import UploadTask, analyse_upload
from library.catalogue.database import open_catalogue
from tests.fakes import SHA256, FakePipeline, write_wav
from tests.runs import expire_lease, start
from web.app import create_app
from web.context import NAME as SERVICE


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number in range(4):
        write_wav(tmp_path / f"music/노래 {number}.wav", seconds=0.02, hz=200 + 20 * number)
    (tmp_path / "music/no sound.wav").write_text("text")
    return tmp_path / "music"


@pytest.fixture
def environment(tmp_path: Path, music: Path) -> Environment:
    return Environment(home=tmp_path / "var", folders=(music,))


@pytest.fixture
def app(environment: Environment) -> Iterator[Flask]:
    made = create_app(environment)
    made.testing = True
    yield made
    made.extensions[SERVICE].catalogue.close()


@pytest.fixture
def scans(app: Flask) -> Scans:
    return Scans(app.extensions[SERVICE].catalogue)


Start = Callable[..., Callable[[], None]]


@pytest.fixture
def start_engine(app: Flask, environment: Environment) -> Iterator[Start]:
    """Start an engine that has no upload to work on; returns what ends it."""
    engines: list[tuple[threading.Event, threading.Thread]] = []

    def run(ended: threading.Event, load_pipeline: type) -> None:
        catalogue = open_catalogue(environment.home)
        child = partial(run_in_child, environment, load_pipeline)
        with ProcessPool[UploadTask](0, FakePipeline, analyse_upload) as pool:
            runner = ScanRunner(Scans(catalogue), child, folders=environment.folders)
            Engine(Analyses(catalogue, environment.home), pool, SHA256, scans=runner).run(ended.is_set)
        catalogue.close()

    def start(load_pipeline: type = FakePipeline) -> Callable[[], None]:
        ended = threading.Event()
        engines.append((ended, threading.Thread(target=run, args=(ended, load_pipeline))))
        engines[-1][1].start()

        def end() -> None:
            ended.set()
            engines[-1][1].join()

        return end

    yield start
    for ended, thread in engines:
        ended.set()
        thread.join()


def press(browser: FlaskClient, token: Callable[[], str], what: str = "") -> int:
    return browser.post(f"/library/rescan{what}", data={"token": token()}).status_code


def wait_for(is_so: Callable[[], Any], seconds: float = 120.0) -> None:
    late = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < late
        time.sleep(0.05)


def is_analysing(browser: FlaskClient) -> bool:
    """Whether a file that can be read is finished, and not only found; one of them cannot be read."""
    status = browser.get("/library/rescan").get_json()
    return status is not None and status["total"] is not None and status["done"] > 1


def settle(browser: FlaskClient) -> dict[str, Any]:
    """The status after the end of the scan."""
    wait_for(lambda: not browser.get("/library/rescan").get_json()["running"])
    status: dict[str, Any] = browser.get("/library/rescan").get_json()
    return status


def test_folders_are_scanned_and_the_result_is_shown(
    browser: FlaskClient, token: Callable[[], str], start_engine: Start
) -> None:
    start_engine()
    assert browser.get("/library/rescan").get_json() is None
    assert press(browser, token) == 303
    assert "Stop" in browser.get("/library").text  # the page shows the scan when it is loaded again
    status = settle(browser)
    assert (status["state"], status["running"], status["share"]) == ("done", False, 1.0)
    assert status["counts"] == {
        **dict.fromkeys(("unchanged", "moved", "linked", "updated", "missing"), 0),
        "analysed": 4,
        "failed": 1,
    }
    assert "new or changed: 4" in browser.get("/library").text
    assert "노래 3" in browser.get("/library?q=노래").text
    assert "no sound.wav" in browser.get("/library/failures").text
    assert press(browser, token) == 303
    assert settle(browser)["counts"]["unchanged"] == 4


def test_a_scan_is_followed_to_its_end(browser: FlaskClient, token: Callable[[], str], start_engine: Start) -> None:
    start_engine()
    press(browser, token)
    text = browser.get("/library/rescan/events").text
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert events[0]["running"] and not events[-1]["running"] and events[-1]["state"] == "done"
    assert all("/music/" not in json.dumps(event, ensure_ascii=False) for event in events)


def test_one_scan_at_a_time_and_it_can_be_stopped(
    app: Flask, browser: FlaskClient, token: Callable[[], str], start_engine: Start, music: Path
) -> None:
    for number in range(300):
        write_wav(music / f"more/{number:03}.wav", seconds=0.02, hz=100 + number)
    assert press(browser, token) == 303
    assert press(browser, token) == 409
    start_engine(Slow)
    wait_for(lambda: is_analysing(browser))
    assert browser.get("/library/rescan").get_json()["state"] == "running"
    assert press(browser, token) == 409
    assert press(browser, token, "/stop") == 303
    status = settle(browser)
    assert status["state"] == "stopped" and 0 < status["done"] < 305
    assert "continues from there" in status["message"]


class Slow(FakePipeline):
    """Takes so long for each file that a scan can be met in the middle."""

    def run(self, *args: Any, **options: Any) -> Any:
        time.sleep(0.05)
        return super().run(*args, **options)


def test_a_scan_from_the_terminal_is_shown_and_stopped_by_the_page(
    browser: FlaskClient, token: Callable[[], str], environment: Environment, music: Path
) -> None:
    for number in range(400):
        write_wav(music / f"more/{number:03}.wav", seconds=0.02, hz=100 + number)
    process = start(environment.home, music, "--jobs", "1")
    wait_for(lambda: is_analysing(browser))
    assert press(browser, token) == 409
    assert press(browser, token, "/stop") == 303
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "The scan was stopped. Finished files are kept.\n")
    assert browser.get("/library/rescan").get_json()["state"] == "stopped"


def test_a_waiting_scan_can_be_stopped(browser: FlaskClient, token: Callable[[], str]) -> None:
    press(browser, token)
    status = browser.get("/library/rescan").get_json()
    assert (status["state"], status["running"], status["share"]) == ("queued", True, None)
    press(browser, token, "/stop")
    status = browser.get("/library/rescan").get_json()
    assert (status["state"], status["running"]) == ("stopped", False)


def test_the_scan_of_a_dead_engine_is_not_shown_as_running_and_resumes(
    browser: FlaskClient, scans: Scans, environment: Environment, music: Path, start_engine: Start
) -> None:
    scan = scans.begin(Scan.of([music]), "an engine that was killed")
    scans.beat(scan.id, "an engine that was killed", 3, 9, "x")
    assert browser.get("/library/rescan").get_json()["state"] == "running"
    expire_lease(environment.home)
    status = browser.get("/library/rescan").get_json()
    assert status["state"] == "queued" and "engine" in status["message"]
    start_engine()
    assert settle(browser)["counts"]["analysed"] == 4


def test_an_engine_that_ends_leaves_the_scan_to_the_next(
    browser: FlaskClient, token: Callable[[], str], start_engine: Start, scans: Scans, music: Path
) -> None:
    for number in range(300):
        write_wav(music / f"more/{number:03}.wav", seconds=0.02, hz=100 + number)
    press(browser, token)
    end = start_engine(Slow)
    wait_for(lambda: is_analysing(browser))
    end()
    latest = scans.latest()
    assert latest is not None and (latest.state, latest.tries, latest.slot) == ("queued", 0, None)
    start_engine()
    counts = settle(browser)["counts"]
    assert sum(counts.values()) == 305 and counts["unchanged"] > 0 and counts["analysed"] < 304


class KillScan(FakePipeline):
    """Kills the process of the scan."""

    def __init__(self) -> None:
        super().__init__()
        os.kill(os.getppid(), signal.SIGKILL)


def test_a_scan_that_fails_gives_the_reason(
    browser: FlaskClient, token: Callable[[], str], start_engine: Start, music: Path, tmp_path: Path
) -> None:
    end = start_engine()
    shutil.move(music, tmp_path / "elsewhere")
    press(browser, token)
    status = settle(browser)
    assert status["state"] == "failed" and "no folder" in status["message"]
    end()
    shutil.move(tmp_path / "elsewhere", music)
    start_engine(KillScan)
    press(browser, token)
    status = settle(browser)
    assert status["state"] == "failed" and "log" in status["message"]


def test_without_folders_there_is_nothing_to_scan(tmp_path: Path) -> None:
    bare = create_app(Environment(home=tmp_path / "bare"))
    browser = bare.test_client()
    page = browser.get("/library").text
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert "SORI_FOLDERS" in page and token
    assert browser.post("/library/rescan", data={"token": token[1]}).status_code == 409
    assert browser.post("/library/rescan").status_code == 403
    bare.extensions[SERVICE].catalogue.close()
