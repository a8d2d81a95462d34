"""Folders are read again from the page: a real run of preprocess.py on real files; only the ear is a small one."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from environment import Environment
from tests.fakes import write_wav
from web.app import create_app
from web.context import NAME as SERVICE
from web.pages import scan_process as scanning
from web.pages.scan_pages import NAME
from web.pages.scan_process import Scan, ScanRunsError

PROGRAM = [
    sys.executable,
    "-c",
    "import preprocess, sys, tests.fakes as f; sys.exit(preprocess.main(wake=f.FakeEar))",
]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number in range(4):
        write_wav(tmp_path / f"music/노래 {number}.wav", seconds=0.02, hz=200 + 20 * number)
    (tmp_path / "music/no sound.wav").write_text("text")
    return tmp_path / "music"


@pytest.fixture
def app(tmp_path: Path, music: Path) -> Iterator[Flask]:
    made = create_app(Environment(home=tmp_path / "var", folders=(music,)))
    made.testing = True
    scan: Scan = made.extensions[NAME]
    scan.program = PROGRAM
    yield made
    scan.stop()
    scan.settle()
    made.extensions[SERVICE].catalogue.close()


@pytest.fixture
def scan(app: Flask) -> Scan:
    found: Scan = app.extensions[NAME]
    return found


def press(browser: FlaskClient, token: Callable[[], str], what: str = "") -> int:
    return browser.post(f"/library/rescan{what}", data={"token": token()}).status_code


def test_folders_are_read_and_the_result_is_shown(
    browser: FlaskClient, token: Callable[[], str], scan: Scan
) -> None:
    assert browser.get("/library/rescan").get_json() is None
    assert press(browser, token) == 303
    assert "Stop" in browser.get("/library").text  # another look at the page finds the run
    scan.settle()
    told = browser.get("/library/rescan").get_json()
    assert (told["state"], told["running"], told["share"]) == ("done", False, 1.0)
    assert told["counts"] == {
        **dict.fromkeys(("unchanged", "moved", "linked", "described", "forgotten"), 0),
        "heard": 4,
        "failed": 1,
    }
    assert "new or changed: 4" in browser.get("/library").text
    assert "노래 3" in browser.get("/library?q=노래").text
    assert "no sound.wav" in browser.get("/library/failures").text
    korean = browser.get("/library/rescan", headers={"Accept-Language": "ko"}).get_json()
    assert "폴더를 다 읽었어요" in korean["message"]
    assert press(browser, token) == 303
    scan.settle()
    assert browser.get("/library/rescan").get_json()["counts"]["unchanged"] == 4


def test_the_run_is_followed_to_its_end(browser: FlaskClient, token: Callable[[], str]) -> None:
    press(browser, token)
    text = browser.get("/library/rescan/events").text
    told = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert told[0]["running"] and not told[-1]["running"] and told[-1]["state"] == "done"
    assert all("/music/" not in json.dumps(one, ensure_ascii=False) for one in told)


def test_one_run_at_a_time_and_it_can_be_stopped(
    app: Flask, browser: FlaskClient, token: Callable[[], str], scan: Scan, music: Path
) -> None:
    for number in range(300):
        write_wav(music / f"more/{number:03}.wav", seconds=0.02, hz=100 + number)
    assert press(browser, token) == 303
    other = Scan(app.extensions[SERVICE].environment, PROGRAM)
    with pytest.raises(ScanRunsError):
        other.start()
    assert press(browser, token) == 409
    until = time.monotonic() + 60
    while (state := other.state()) is not None and not state["done"] and time.monotonic() < until:
        time.sleep(0.05)
    assert press(browser, token, "/stop") == 303
    scan.settle()
    told = browser.get("/library/rescan").get_json()
    assert told["state"] == "stopped" and 0 < told["done"] < 305
    assert "goes on from there" in told["message"]


def test_a_watcher_that_died_is_noticed(app: Flask, browser: FlaskClient, scan: Scan) -> None:
    home = app.extensions[SERVICE].environment.home
    state = {"state": "running", "done": 3, "total": 9, "name": "x"}
    (home / scanning.STATE).write_text(json.dumps(state), "utf-8")
    told = browser.get("/library/rescan").get_json()
    assert (told["state"], told["running"]) == ("stopped", False)


def test_a_run_that_fails_says_why(
    browser: FlaskClient, token: Callable[[], str], scan: Scan, music: Path
) -> None:
    shutil.rmtree(music)
    press(browser, token)
    scan.settle()
    told = browser.get("/library/rescan").get_json()
    assert told["state"] == "failed" and "no folder" in told["message"]
    scan.program = [sys.executable, "-c", "raise SystemExit(3)"]
    press(browser, token)
    scan.settle()
    assert "log" in browser.get("/library/rescan").get_json()["message"]


def test_without_folders_there_is_nothing_to_read(tmp_path: Path) -> None:
    bare = create_app(Environment(home=tmp_path / "bare"))
    browser = bare.test_client()
    page = browser.get("/library").text
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert "SORI_FOLDERS" in page and token
    assert browser.post("/library/rescan", data={"token": token[1]}).status_code == 409
    assert browser.post("/library/rescan").status_code == 403
    bare.extensions[SERVICE].catalogue.close()
