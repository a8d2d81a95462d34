"""The service is killed or stopped while songs are processed; none is lost or analysed twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kills import KillRun, command_of, is_alive, processes_by_role
from tests.hostile.server import start
from tests.hostile.side_effects import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the service's processes in /proc")


@pytest.fixture
def kill_run(tmp_path: Path) -> Iterator[KillRun]:
    started = KillRun(tmp_path / "home")
    yield started
    started.close()


def test_killed_songs_end_once(kill_run: KillRun) -> None:
    kill_run.kill_repeatedly(5)
    assert kill_run.problems == []
    assert kill_run.kills.total() == 5 and len(kill_run.uploads.accepted) >= 8


def test_sigterm_under_load(kill_run: KillRun) -> None:
    """Uploads continue while the service stops cleanly; the next service analyses what is left."""
    ended = threading.Event()

    def upload() -> None:
        while not ended.is_set():
            kill_run.uploads.upload(kill_run.server.port, "slow")
            time.sleep(0.5)  # enough to fill the queue, few enough to be analysed afterwards

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    pids = [kill_run.server.process.pid, *descendants(kill_run.server.process.pid)]
    kill_run.server.process.send_signal(signal.SIGTERM)
    code = kill_run.server.process.wait(60)
    ended.set()
    for thread in threads:
        thread.join()
    assert code == 0
    assert [command_of(pid) for pid in pids if is_alive(pid)] == []
    states = set(kill_run.uploads.states().values())
    assert "running" not in states
    kill_run.server.process.stdin.close()  # type: ignore[union-attr]
    kill_run.server = start(kill_run.home, kill_run.command)
    kill_run.uploads.wait()
    assert kill_run.uploads.problems() == [] and len(kill_run.uploads.accepted) >= 4


def test_a_hanging_worker_does_not_outlive_a_killed_engine(kill_run: KillRun) -> None:
    analysis_id = kill_run.uploads.upload(kill_run.server.port, "hang")
    deadline = time.monotonic() + 60
    while kill_run.uploads.states()[analysis_id or ""] != "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    by_role = processes_by_role(kill_run.server)
    os.kill(by_role["engine"][0], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(map(is_alive, by_role["worker"])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [command_of(pid) for pid in by_role["worker"] if is_alive(pid)] == []


def test_the_command_has_help() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.faults", "--help"], capture_output=True, text=True, check=True)
    assert "--kills" in done.stdout
