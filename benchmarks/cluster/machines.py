"""Servers and one-core workers for a benchmark, and scans that these workers carry out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cluster.burning_app import SECONDS
from environment import Environment, to_variables
from jobs.attempt import Analyser
from jobs.cluster.app import FOLDERS
from jobs.cluster.folders import on_all_machines
from jobs.folder_scan import count, fill_library
from jobs.queue.leases import new_engine_name
from jobs.queue.scans import Scan, Scans
from jobs.scan_runner import options_of
from library.catalogue.database import open_catalogue
from ml.paths import ROOT
from tests.fakes import write_wav
from tests.faults.cluster.servers import BROKERS, PostgreSQL

BURNING, REAL = "benchmarks.cluster.burning_app", "jobs.celery_app"
_NODE = "from jobs.cluster import nodes; nodes.APP = {app!r}; nodes.main({queue!r}, '1')"
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Cluster:
    """Servers with an empty database, and a folder for everything."""

    folder: Path
    postgresql: PostgreSQL
    broker_url: str

    def environment(self, name: str, *, spread: bool = True) -> Environment:
        """A home of this name; with `spread` the database is one of its own on the server, else SQLite."""
        home = self.folder / name
        if not spread:
            return Environment(home=home)
        return Environment(
            home=home, database_url=self.postgresql.create(name), broker_url=self.broker_url, worker_port=0
        )


@contextmanager
def cluster(broker: str = "amqp") -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="sori-cluster-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        postgresql = PostgreSQL(folder)
        stack.callback(postgresql.close)
        server = BROKERS[broker](folder)
        stack.callback(server.close)
        yield Cluster(folder, postgresql, server.url())


@contextmanager
def workers(environment: Environment, cores: Sequence[int], app: str, *, seconds: float = 0.0) -> Iterator[None]:
    """One worker process for folders on each of these cores."""
    variables = {**os.environ, **to_variables(environment), SECONDS: str(seconds)}
    command = [sys.executable, "-c", _NODE.format(app=app, queue=FOLDERS)]
    started = [
        subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env=variables,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for core in cores
    ]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(_START_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def scan(
    environment: Environment, music: Path, *, jobs: int = 1, load_pipeline: Callable[[], Analyser] | None = None
) -> tuple[float, dict[str, int]]:
    """Scan a folder as `preprocess.py` does; how long, and the counts. With a broker, its workers analyse the files."""
    catalogue = open_catalogue(environment.home, environment.database_url)
    try:
        row = Scans(catalogue).begin(Scan.of([music]), new_engine_name())
        options = options_of(environment, row, jobs, load_pipeline)
        if environment.broker_url:
            options = on_all_machines(environment, catalogue, row, options)
        started = time.perf_counter()
        summary = fill_library(catalogue, options, lambda *_: None)
        seconds = time.perf_counter() - started
        Scans(catalogue).finish(row.id, row.engine or "", count(summary), len(summary.seen))
    finally:
        catalogue.close()
    return seconds, count(summary)


def write_files(folder: Path, files: int, *, first: int = 0, seconds: float = 0.02) -> Path:
    """Short sounds, all different."""
    for number in range(first, first + files):
        write_wav(folder / f"{number % 20}/{number}.wav", seconds=seconds, hz=100.0 + number / 7)
    return folder
