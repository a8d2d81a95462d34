"""A cluster of two nodes is disturbed, with each kind of broker; no song is lost, analysed twice or stuck.

`python -m tests.faults.cluster` disturbs it 300 times.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.cluster.run import cluster
from tests.faults.cluster.servers import BROKERS, program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the nodes' processes in /proc")

KINDS = {
    "redis": ("kill worker", "restart broker", "pause worker", "restart database", "kill node"),
    "amqp": ("kill consumer", "kill maintenance", "deliver five times", "restart broker", "delete during analysis"),
}
"""What meets the same songs with each broker. The others and the network are left to the command."""


@pytest.mark.parametrize("broker", BROKERS)
def test_disturbed_songs_end_once(broker: str) -> None:
    missing = [kind for kind in ("postgresql", broker) if program(kind) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"needs {' and '.join(missing)} on this machine")
    with cluster(broker, show=lambda _: None) as run:
        run.disturb_once(KINDS[broker])
        assert run.problems == []
        assert run.songs.uploaded and run.faults.total() == len(KINDS[broker])


def test_the_command_has_help() -> None:
    command = [sys.executable, "-m", "tests.faults.cluster", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert "--broker" in done.stdout
