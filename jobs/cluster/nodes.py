"""`main.py work` with a broker: starts this machine's Celery workers, one for people and one for folders.

Beside the one for people runs the maintenance. Each is started again when it dies. The worker for folders has a lower
priority, so that uploads go first on every core.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from environment import Environment
from jobs.cluster.app import FOLDER_VARIABLE, FOLDERS, UPLOADS
from jobs.local import THREADS
from jobs.parent_process import on_parent_exit
from ml.models.cores import available_cores
from ml.paths import ROOT

LOG = logging.getLogger(__name__)

NICENESS = {UPLOADS: 0, FOLDERS: 5}
GRACE_SECONDS = 90.0
"""Longer than a batch of files; then a worker is killed, and its songs are analysed by another."""
STABLE_SECONDS = 60.0
APP, WORKER, MAINTENANCE = "jobs.celery_app", "jobs.cluster.nodes", "jobs.cluster.maintenance"
"""The modules that the processes run."""
LONGEST_DELAY_SECONDS = 60.0
_POLL_SECONDS = 0.2


class Node:
    """One process of this machine with its children, started again with growing delays while it does not stay."""

    def __init__(self, name: str, module: str, *arguments: str, metrics: str = "") -> None:
        self.name = name
        self._variables = {**os.environ, FOLDER_VARIABLE: metrics}
        self._command = [sys.executable, "-m", module, *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._starts_at, self._started_at, self._delay = 0.0, 0.0, 1.0

    def keep_running(self) -> None:
        now = time.monotonic()
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = None
            self._delay = (
                1.0 if now - self._started_at >= STABLE_SECONDS else min(2 * self._delay, LONGEST_DELAY_SECONDS)
            )
            self._starts_at = now + self._delay
            LOG.error("%s ended with code %s, and starts again in %.0f s", self.name, code, self._delay)
        if self._process is None and now >= self._starts_at:
            self._started_at = now
            # A session of its own: Ctrl-C at the terminal reaches only this process, which then ends the workers.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, cwd=ROOT, env=self._variables, start_new_session=True
            )

    def ask_to_end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def end(self, until: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            LOG.warning("%s did not end and is killed", self.name)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def run_nodes(environment: Environment, queues: Sequence[str], ended: threading.Event) -> None:
    """Run workers for these queues, and the maintenance, until `ended`; then each finishes the song it has."""
    processes = {UPLOADS: environment.pool_size, FOLDERS: available_cores()}
    with tempfile.TemporaryDirectory(prefix="sori-metrics-", ignore_cleanup_errors=True) as metrics:
        nodes = [
            Node(f"the worker for {queue}", WORKER, queue, str(processes[queue]), metrics=metrics) for queue in queues
        ]
        if UPLOADS in queues:
            nodes.append(Node("the maintenance", MAINTENANCE, metrics=metrics))
        try:
            while not ended.is_set():
                for node in nodes:
                    node.keep_running()
                ended.wait(_POLL_SECONDS)
        finally:
            _end(nodes)


def _end(nodes: Sequence[Node]) -> None:
    for node in nodes:
        node.ask_to_end()
    until = time.monotonic() + GRACE_SECONDS
    for node in nodes:
        node.end(until)


def main(queue: str, processes: str) -> None:
    """What a child process runs: Celery's own worker. It ends when its parent does, even by `kill -9`."""
    on_parent_exit(lambda: os.kill(os.getpid(), signal.SIGTERM))
    os.nice(NICENESS[queue])
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before numpy is loaded, which reads them once
    from celery.__main__ import main as celery

    name = f"{queue}-{os.getpid()}@%h"
    options = ["--queues", queue, "--concurrency", processes, "--pool", "prefork", "--optimization", "fair"]
    sys.argv = ["celery", "--quiet", "-A", APP, "worker", "--hostname", name, "--loglevel", "WARNING", *options]
    celery()


if __name__ == "__main__":
    main(*sys.argv[1:])
