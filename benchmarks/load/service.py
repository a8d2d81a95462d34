"""The service under load: `main.py serve` in a home of its own, its memory, and what its database says of its songs."""

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

from ml.paths import ROOT

_START_SECONDS = 120.0


@dataclass
class Service:
    home: Path
    port: int
    process: subprocess.Popen[bytes]

    def megabytes(self) -> dict[str, float]:
        """Resident memory now: of the pages' process, and of those that hear."""
        found = {"pages": 0.0, "hearing": 0.0}
        for pid in _family(self.process.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except (OSError, IndexError):  # it has ended just now
                continue
            hears = b"spawn" in command or b"work" in command.split(b"\0")
            found["hearing" if hears else "pages"] += pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return found

    def states(self) -> dict[str, int]:
        return dict(self._ask("SELECT state, count(*) FROM analyses GROUP BY state"))

    def queue_seconds(self) -> list[float]:
        """How long each song waited before it was heard."""
        rows = self._ask("SELECT created_at, started_at FROM analyses WHERE started_at IS NOT NULL")
        return sorted(
            (datetime.fromisoformat(started) - datetime.fromisoformat(created)).total_seconds()
            for created, started in rows
        )

    def wait(self, seconds: float) -> None:
        """Until nothing waits and nothing runs, or for so long."""
        late = time.monotonic() + seconds
        while time.monotonic() < late and {"queued", "running"} & self.states().keys():
            time.sleep(0.2)

    def answers(self, path: str) -> int:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request("GET", path)
            return line.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            line.close()

    def _ask(self, question: str) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.home / "library.db", timeout=60)) as database:
            return list(database.execute(question))


@contextmanager
def serve(home: Path) -> Iterator[Service]:
    """The service with its model awake: the first song has been heard when this is entered."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SORI_")}
    variables |= {"SORI_HOME": str(home), "SORI_PORT": str(port), "SORI_RATE_LIMITS": "off"}
    with (home.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "main.py", "serve"], cwd=ROOT, env=variables, stdout=log, stderr=log
        )
    service = Service(home, port, process)
    try:
        late = time.monotonic() + _START_SECONDS
        while service.answers("/") != 200:
            if time.monotonic() > late or process.poll() is not None:
                raise TimeoutError((home.parent / "log").read_text()[-2000:])
            time.sleep(0.1)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _family(pid: int) -> list[int]:
    try:
        tasks = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return [pid]
    return [pid, *(one for task in tasks for child in task.split() for one in _family(int(child)))]
