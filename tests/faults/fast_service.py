"""The real server, engine and workers with a fake pipeline that needs no model, so that killing is quick.

`python -m tests.faults.fast_service serve` is `main.py serve`, and with `work` it is the engine. All its processes read
the clock with the seconds added that are in the file `clock` beside the home.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import datetime, timedelta, tzinfo
from importlib import import_module
from pathlib import Path

from flask import Flask

import jobs.engine
import jobs.queue.leases
import web.app
from environment import Environment, read_environment
from jobs.parent_process import on_parent_exit
from ml.report.progress import ProgressCallback
from tests.fakes import FakePipeline
from web.server import logs, supervisor

LEASE_SECONDS, RENEW_SECONDS, SWEEP_SECONDS = 2.0, 0.3, 0.3
"""Shorter than in production, so that the analyses of a dead engine are queued again during the test."""
CLOCK_NAME = "clock"
READ_THE_CLOCK = ("jobs.queue.analyses", "jobs.queue.leases", "jobs.queue.service_time", "web.context")


class FastPipeline(FakePipeline):
    """Takes a little time for each stage; a song named `slow` takes a second, and one named `hang` does not end."""

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        for stage in ("decode", "trunk", "key"):
            on_progress(stage)
            time.sleep(60 if name == "hang" else 0.3 if name == "slow" else 0.03)


class ShiftedClock(datetime):
    file: Path

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        seconds = float(cls.file.read_text()) if cls.file.exists() else 0.0
        return datetime.now(tz) + timedelta(seconds=seconds)


def shift_clocks(environment: Environment) -> None:
    ShiftedClock.file = environment.home.parent / CLOCK_NAME
    for name in READ_THE_CLOCK:
        import_module(name).datetime = ShiftedClock  # type: ignore[attr-defined]


def create_app() -> Flask:
    """What gunicorn loads in the place of `web.app:create_app`."""
    environment = read_environment(os.environ)
    shift_clocks(environment)
    return web.app.create_app(environment)


def web_command(listener: int) -> list[str]:
    return [*supervisor_command(listener)[:-1], "tests.faults.fast_service:create_app()"]


supervisor_command = supervisor.web_command


def serve() -> int:
    environment = read_environment(os.environ)
    supervisor.web_command = web_command
    logs.set_up("serve")
    # Every engine is killed soon after its start; the next one must not wait because of that.
    supervisor.STABLE_SECONDS = 0.0
    engine = (sys.executable, "-m", "tests.faults.fast_service", "work")
    return supervisor.serve(environment, os.environ, lambda address: print(address, flush=True), engine=engine)


def work() -> int:
    jobs.queue.leases.LEASE_SECONDS = LEASE_SECONDS
    jobs.engine.RENEW_SECONDS, jobs.engine.SWEEP_SECONDS = RENEW_SECONDS, SWEEP_SECONDS
    environment = read_environment(os.environ)
    shift_clocks(environment)
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    on_parent_exit(end.set)
    logs.set_up("engine")
    jobs.engine.work(environment, end.is_set, load_pipeline=FastPipeline)
    return 0


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1] == "serve" else work())
