"""Runs that are killed, interrupted, started twice or out of room: what was finished stays, the rest comes later."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes import write_wav
from tests.runs import count_heard, descriptors, run, start
from tests.sources import ROOT


def test_a_killed_run_is_resumed(home: Path, tmp_path: Path) -> None:
    """kill -9 at three moments, then the rest: the same library as an undisturbed run."""
    for number in range(60):
        write_wav(tmp_path / f"music/{number:02}.wav", seconds=0.02, hz=100 + 10 * number)
    run(tmp_path / "undisturbed", tmp_path / "music")
    for enough in (1, 15, 30):
        process = start(home, tmp_path / "music", "--jobs", "1")
        while process.poll() is None and count_heard(home) < enough:
            time.sleep(0.01)
        process.kill()
        process.communicate()
    assert run(home, tmp_path / "music") == 0
    assert descriptors(home) == descriptors(tmp_path / "undisturbed")


def test_ctrl_c_keeps_what_is_finished(home: Path, tmp_path: Path) -> None:
    for number in range(400):
        write_wav(tmp_path / f"music/{number:03}.wav", seconds=0.01, hz=100 + number)
    process = start(home, tmp_path / "music", "--jobs", "1")
    while process.poll() is None and count_heard(home) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == ""
    assert 3 <= count_heard(home) < 400


def test_two_runs_at_once_do_not_meet(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import fcntl

    home.mkdir()
    with (home / "library.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert run(home, music) == 2
    assert "Another run" in capsys.readouterr().err
    assert run(home, music) == 0


def test_two_runs_started_together_lose_and_double_nothing(home: Path, tmp_path: Path) -> None:
    """One fills the library; the other says that it must wait, or comes when there is nothing left to do."""
    for number in range(40):
        write_wav(tmp_path / f"music/{number:02}.wav", seconds=0.02, hz=100 + 10 * number)
    run(tmp_path / "undisturbed", tmp_path / "music")
    both = [start(home, tmp_path / "music", "--jobs", "1") for _ in range(2)]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in both]
    assert sorted(code for *_, code in ended) in ([0, 0], [0, 2])
    assert all("Another run" in err for _, err, code in ended if code == 2)
    assert descriptors(home) == descriptors(tmp_path / "undisturbed")


FULL = """
import sys, preprocess, tests.fakes as fakes
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "connect")
def fill_up(connection, _):
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 12}")

sys.exit(preprocess.main(wake=fakes.FakeEar))
"""
"""The command with a database that may grow by twelve pages, after which SQLite says what it says of a full disk."""


def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(home: Path, tmp_path: Path) -> None:
    for number in range(40):
        write_wav(tmp_path / f"music/{number:02}.wav", seconds=0.02, hz=100 + 10 * number)
    (tmp_path / "empty").mkdir()
    run(home, tmp_path / "empty")
    environment = {**os.environ, "SORI_HOME": str(home), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-c", FULL, tmp_path / "music"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "preprocess.py: The disk is full: what was finished is kept. Make room and start again.\n"
    )
    kept = count_heard(home)
    assert 0 < kept < 40
    assert run(home, tmp_path / "music") == 0
    run(tmp_path / "undisturbed", tmp_path / "music")
    assert descriptors(home) == descriptors(tmp_path / "undisturbed")


def test_a_disk_without_any_room_is_named(
    home: Path, music: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite cannot even begin there, and calls it a disk I/O error."""

    def fail(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("library.catalogue.database.sqlite3.connect", fail)
    monkeypatch.setattr(
        "library.catalogue.database.shutil.disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0)
    )
    assert run(home, music) == 2
    assert "The disk is full" in capsys.readouterr().err
