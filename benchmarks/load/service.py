"""The service under load: `main.py serve` in a temporary home, its memory, and the analyses in its database."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.memory import children
from ml.paths import ROOT

_START_SECONDS = 120.0


@dataclass
class Service:
    home: Path
    port: int
    process: subprocess.Popen[bytes]

    def megabytes(self) -> dict[str, float]:
        """Resident memory now: of the processes that serve pages, and of the workers."""
        megabytes = {"pages": 0.0, "workers": 0.0}
        for pid in _processes(self.process.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except (OSError, IndexError):  # the process has ended meanwhile
                continue
            is_worker = b"spawn" in command or b"work" in command.split(b"\0")
            megabytes["workers" if is_worker else "pages"] += pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return megabytes

    def states(self) -> dict[str, int]:
        return dict(self._query("SELECT state, count(*) FROM analyses GROUP BY state"))

    def queue_seconds(self) -> list[float]:
        """How long each song waited for its analysis to start."""
        rows = self._query("SELECT created_at, started_at FROM analyses WHERE started_at IS NOT NULL")
        return sorted(
            (datetime.fromisoformat(started) - datetime.fromisoformat(created)).total_seconds()
            for created, started in rows
        )

    def wait(self, seconds: float) -> None:
        """Wait until no analysis is queued or running, at most for `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and {"queued", "running"} & self.states().keys():
            time.sleep(0.2)

    def status_of(self, path: str) -> int:
        """The status of a GET request; 0 without a response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "library.db", timeout=60)) as database:
            return list(database.execute(sql))


@contextmanager
def serve(home: Path) -> Iterator[Service]:
    """Start the service on a free port, and wait until it answers; it is ended at the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SORI_")}
    variables |= {"SORI_HOME": str(home), "SORI_PORT": str(port), "SORI_RATE_LIMITS": "off"}
    with (home.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "main.py", "serve"], cwd=ROOT, env=variables, stdout=log, stderr=log
        )
    service = Service(home, port, process)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while service.status_of("/") != 200:
            if time.monotonic() > deadline or process.poll() is not None:
                raise TimeoutError((home.parent / "log").read_text()[-2000:])
            time.sleep(0.1)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _processes(pid: int) -> list[int]:
    """The process with all its descendants."""
    return [pid, *(process for child in children(pid) for process in _processes(child))]
