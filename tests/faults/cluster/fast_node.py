"""`main.py work` for a broker with short times and a fake pipeline: `python -m tests.faults.cluster.fast_node work`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import jobs.cluster.folders
import jobs.cluster.lease_keeper
import jobs.cluster.maintenance
import jobs.cluster.messages
import jobs.cluster.nodes
import jobs.queue.leases
from environment import read_environment
from jobs.cluster.app import QUEUES
from jobs.parent_process import on_parent_exit
from ml.report.progress import ProgressCallback
from tests.fakes import FakePipeline

LEASE_SECONDS = 2.0
_MODULE = "tests.faults.cluster.fast_node"


class ClusterPipeline(FakePipeline):
    """Takes a little time for each stage. The beginning of a song's name says what else happens."""

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        name = name or source.stem
        for stage in ("decode", "trunk", "key"):
            on_progress(stage)
            time.sleep(0.3 if name.startswith("slow") else 0.03)
        if name.startswith("crash"):
            os.kill(os.getpid(), signal.SIGKILL)


def shorten() -> None:
    """Shorter than in production, so that what dead workers had is queued again during the test."""
    jobs.queue.leases.LEASE_SECONDS = LEASE_SECONDS
    jobs.cluster.lease_keeper.BEAT_SECONDS, jobs.cluster.lease_keeper.RENEW_SECONDS = 0.1, 0.3
    jobs.cluster.maintenance.BEAT_SECONDS, jobs.cluster.maintenance.RESEND_SECONDS = 0.3, 1.0
    jobs.cluster.folders.SILENT_SECONDS, jobs.cluster.folders.LONGEST_SILENCE_SECONDS = 1.0, 2.0
    jobs.cluster.folders.BATCH = 4
    jobs.cluster.messages._PAUSE_SECONDS = 0.5
    # Every node is killed soon after its start; the next one must not wait because of that.
    jobs.cluster.nodes.STABLE_SECONDS = 0.0
    jobs.cluster.nodes.APP = "tests.faults.cluster.fast_app"
    jobs.cluster.nodes.WORKER = jobs.cluster.nodes.MAINTENANCE = _MODULE


def work() -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    on_parent_exit(ended.set)
    jobs.cluster.nodes.run_nodes(read_environment(os.environ), QUEUES, ended)


if __name__ in ("__main__", "__mp_main__"):
    shorten()

if __name__ == "__main__":
    if sys.argv[1:] == ["work"]:
        work()
    elif sys.argv[1:]:
        jobs.cluster.nodes.main(*sys.argv[1:])
    else:
        jobs.cluster.maintenance.main()
