"""The service is killed, and asked to end, while songs are on their way; nothing of them is lost or doubled."""

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

from tests.faults.killing import Killing, command_of, is_alive, parts
from tests.hostile.house import start
from tests.hostile.watch import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the service's processes in /proc")


@pytest.fixture
def killing(tmp_path: Path) -> Iterator[Killing]:
    made = Killing(tmp_path / "home")
    yield made
    made.close()


def test_killed_songs_end_once(killing: Killing) -> None:
    killing.run(5)
    assert killing.wrongs == []
    assert killing.kills.total() == 5 and len(killing.ledger.accepted) >= 8


def test_asked_to_end_under_load(killing: Killing) -> None:
    """Uploads come in all the while; the service ends in peace, and the next one hears what is left."""
    ended = threading.Event()

    def hand_in() -> None:
        while not ended.is_set():
            killing.ledger.hand_in(killing.house.port, "slow")
            time.sleep(0.5)  # enough to wait and to run at the end, few enough to be heard afterwards

    hands = [threading.Thread(target=hand_in) for _ in range(4)]
    for hand in hands:
        hand.start()
    time.sleep(2.0)
    there = [killing.house.process.pid, *descendants(killing.house.process.pid)]
    killing.house.process.send_signal(signal.SIGTERM)
    code = killing.house.process.wait(60)
    ended.set()
    for hand in hands:
        hand.join()
    assert code == 0
    assert [command_of(pid) for pid in there if is_alive(pid)] == []
    states = set(killing.ledger.states().values())
    assert "running" not in states
    killing.house.process.stdin.close()  # type: ignore[union-attr]
    killing.house = start(killing.home, killing.command)
    killing.ledger.wait()
    assert killing.ledger.wrongs() == [] and len(killing.ledger.accepted) >= 4


def test_who_hangs_does_not_outlive_a_killed_engine(killing: Killing) -> None:
    one = killing.ledger.hand_in(killing.house.port, "hang")
    late = time.monotonic() + 60
    while killing.ledger.states()[one or ""] != "running" and time.monotonic() < late:
        time.sleep(0.1)
    there = parts(killing.house)
    os.kill(there["engine"][0], signal.SIGKILL)
    late = time.monotonic() + 10
    while any(map(is_alive, there["crew"])) and time.monotonic() < late:
        time.sleep(0.05)
    assert [command_of(pid) for pid in there["crew"] if is_alive(pid)] == []


def test_the_kills_have_a_command() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--help"], capture_output=True, text=True, check=True
    )
    assert "--kills" in told.stdout
