"""The real server, engine and workers with a fake pipeline that needs no model, so that killing is quick.

`python -m tests.faults.fast_service serve` is `main.py serve`, and with `work` it is the engine.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import jobs.engine
import jobs.queue.leases
from environment import read_environment
from jobs.parent_process import on_parent_exit
from ml.report.progress import ProgressCallback
from tests.fakes import FakePipeline
from web.server import logs, supervisor

LEASE_SECONDS, RENEW_SECONDS = 2.0, 0.3
"""Shorter than in production, so that the analyses of a dead engine are queued again during the test."""


class FastPipeline(FakePipeline):
    """Takes a little time for each stage; a song named `slow` takes a second, and one named `hang` does not end."""

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        for stage in ("decode", "trunk", "key"):
            on_progress(stage)
            time.sleep(60 if name == "hang" else 0.3 if name == "slow" else 0.03)


def serve() -> int:
    environment = read_environment(os.environ)
    logs.set_up("serve")
    # Every engine is killed soon after its start; the next one must not wait because of that.
    supervisor.STABLE_SECONDS = 0.0
    engine = (sys.executable, "-m", "tests.faults.fast_service", "work")
    return supervisor.serve(environment, os.environ, lambda address: print(address, flush=True), engine=engine)


def work() -> int:
    jobs.queue.leases.LEASE_SECONDS = LEASE_SECONDS
    jobs.engine.RENEW_SECONDS = RENEW_SECONDS
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    on_parent_exit(end.set)
    logs.set_up("engine")
    jobs.engine.work(read_environment(os.environ), end.is_set, load_pipeline=FastPipeline)
    return 0


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1] == "serve" else work())
