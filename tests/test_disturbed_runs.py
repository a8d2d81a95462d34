"""Runs that are killed, interrupted, started twice or out of disk space: finished files stay, the rest comes later."""

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

from jobs.queue.scans import Scan, Scans
from jobs.scan_runner import Heartbeat
from library.catalogue.database import open_catalogue
from tests.fakes import write_wav
from tests.runs import count_analysed, descriptors, expire_lease, latest_scan, run, start
from tests.sources import ROOT


def test_killed_run_is_resumed(home: Path, tmp_path: Path) -> None:
    """kill -9 at three moments, then the rest: the same library as an undisturbed run."""
    for number in range(60):
        write_wav(tmp_path / f"music/{number:02}.wav", seconds=0.02, hz=100 + 10 * number)
    run(tmp_path / "undisturbed", tmp_path / "music")
    for enough in (1, 15, 30):
        process = start(home, tmp_path / "music", "--jobs", "1")
        while process.poll() is None and count_analysed(home) < enough:
            time.sleep(0.01)
        process.kill()
        process.communicate()
        expire_lease(home)
    assert run(home, tmp_path / "music") == 0
    assert descriptors(home) == descriptors(tmp_path / "undisturbed")
    scan = latest_scan(home)
    assert scan is not None and (scan.state, scan.tries, scan.engine) == ("done", 1, None)


def test_ctrl_c_keeps_finished_files(home: Path, tmp_path: Path) -> None:
    for number in range(400):
        write_wav(tmp_path / f"music/{number:03}.wav", seconds=0.01, hz=100 + number)
    process = start(home, tmp_path / "music", "--jobs", "1")
    while process.poll() is None and count_analysed(home) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == ""
    assert 3 <= count_analysed(home) < 400
    scan = latest_scan(home)
    assert scan is not None and scan.state == "stopped"


def test_second_run_is_refused_while_the_first_renews_its_lease(
    home: Path, music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = open_catalogue(home)
    scan = Scans(catalogue).begin(Scan.of([music]), "another process")
    with Heartbeat(Scans(catalogue), scan.id, "another process"):
        assert run(home, music) == 2
    assert "Another scan" in capsys.readouterr().err
    Scans(catalogue).release("another process")
    catalogue.close()
    assert run(home, music) == 0


def test_progress_is_visible_and_a_scan_can_be_stopped_from_a_second_process(home: Path, tmp_path: Path) -> None:
    for number in range(400):
        write_wav(tmp_path / f"music/{number:03}.wav", seconds=0.01, hz=100 + number)
    process = start(home, tmp_path / "music", "--jobs", "1")
    catalogue = open_catalogue(home)
    scans, visible = Scans(catalogue), set[tuple[str, int]]()
    while process.poll() is None and not any(done for _, done in visible):
        if (scan := scans.latest()) is not None and scan.total is not None:
            visible.add((scan.state, scan.done))
            assert scan.total == 400 and scan.done <= 400
        time.sleep(0.02)
    assert {state for state, _ in visible} == {"running"}
    scans.stop()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "The scan was stopped. Finished files are kept.\n"
    scan = scans.latest()
    assert scan is not None and (scan.state, scan.is_active) == ("stopped", False)
    catalogue.close()
    assert 1 <= count_analysed(home) < 400


def test_two_runs_started_together_lose_and_double_nothing(home: Path, tmp_path: Path) -> None:
    """One scans; the other is refused, or comes when there is nothing left to do."""
    for number in range(40):
        write_wav(tmp_path / f"music/{number:02}.wav", seconds=0.02, hz=100 + 10 * number)
    run(tmp_path / "undisturbed", tmp_path / "music")
    both = [start(home, tmp_path / "music", "--jobs", "1") for _ in range(2)]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in both]
    assert sorted(code for *_, code in ended) in ([0, 0], [0, 2])
    assert all("Another scan" in err for _, err, code in ended if code == 2)
    assert descriptors(home) == descriptors(tmp_path / "undisturbed")


FULL = """
import sys, preprocess, tests.fakes as fakes
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "connect")
def fill_up(connection, _):
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 12}")

sys.exit(preprocess.main(load_pipeline=fakes.FakePipeline))
"""
"""The command with a database that may grow by twelve pages, after which SQLite reports a full disk."""


def test_full_disk_is_reported_and_the_next_run_continues(home: Path, tmp_path: Path) -> None:
    for number in range(40):
        write_wav(tmp_path / f"music/{number:02}.wav", seconds=0.02, hz=100 + 10 * number)
    (tmp_path / "empty").mkdir()
    run(home, tmp_path / "empty")
    environment = {**os.environ, "SORI_HOME": str(home), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-c", FULL, tmp_path / "music"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == ("preprocess.py: The disk is full: what was finished is kept. Make room and start again.\n")
    kept = count_analysed(home)
    assert 0 < kept < 40
    assert run(home, tmp_path / "music") == 0
    run(tmp_path / "undisturbed", tmp_path / "music")
    assert descriptors(home) == descriptors(tmp_path / "undisturbed")


def test_disk_without_any_space_is_reported(
    home: Path, music: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite cannot even open its files there, and calls it a disk I/O error."""

    def fail(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("library.catalogue.database.sqlite3.connect", fail)
    monkeypatch.setattr("library.catalogue.database.shutil.disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
    assert run(home, music) == 2
    assert "The disk is full" in capsys.readouterr().err
