"""The real server with its own home, a free port and a log, and a list of the resources that it holds."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.side_effects import descendants, open_files
from tests.ports import free_port
from tests.sources import ROOT

START_SECONDS = 90.0
PAGES = (
    *(sys.executable, "-m", "gunicorn", "--config", "python:web.server.gunicorn_settings"),
    *("--bind", "127.0.0.1:{port}", "web.app:create_app()"),
)
"""The web process only: uploads stay in the queue."""
SERVE = (sys.executable, "main.py", "serve")


@dataclass
class Server:
    """A running server."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    temporary: Path

    def is_alive(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except (http.client.HTTPException, OSError):
            return False
        finally:
            connection.close()

    def open_resources(self) -> list[str]:
        """Open files of its processes, and temporary files; they return to this state after every request."""
        pids = sorted({self.process.pid} | descendants(self.process.pid))
        files = [name for pid in pids for name in open_files(pid) if not name.startswith("/dev/")]
        incoming = [str(path.relative_to(self.home)) for path in (self.home / "incoming").glob("*")]
        return sorted(files + incoming + [path.name for path in self.temporary.iterdir()])

    def home_entries(self) -> set[str]:
        """Names in the home, without the two files that SQLite creates and deletes as needed."""
        return {path.name for path in self.home.iterdir() if not path.name.endswith(("-wal", "-shm"))}

    def processes(self) -> int:
        return len(descendants(self.process.pid))


def start(home: Path, command: Sequence[str] = PAGES, **settings: str) -> Server:
    """Start `command` and wait until it answers requests."""
    port, temporary, log = free_port(), home.parent / f"{home.name}-tmp", home.parent / f"{home.name}.log"
    home.mkdir(exist_ok=True)
    temporary.mkdir(exist_ok=True)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SORI_")}
    variables |= {"SORI_HOME": str(home), "SORI_PORT": str(port), "SORI_RATE_LIMITS": "off"}
    variables |= {"SORI_QUEUE": "100000", "SORI_MIN_FREE_MB": "0"}
    variables |= {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            cwd=ROOT,
            env=variables | settings,
            stdin=subprocess.PIPE,  # the server ends when this pipe closes, so also when the tests are killed
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    server = Server(home, port, process, log, temporary)
    deadline = time.monotonic() + START_SECONDS
    while not server.is_alive():
        if time.monotonic() > deadline or process.poll() is not None:
            stop(server)
            raise TimeoutError(log.read_text()[-2000:])
        time.sleep(0.1)
    return server


def stop(server: Server) -> int:
    """Send SIGTERM as a service manager does, and SIGKILL after a minute."""
    server.process.send_signal(signal.SIGTERM)
    try:
        return server.process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(server.process.pid, signal.SIGKILL)
        return server.process.wait()
    finally:
        if server.process.stdin is not None:
            server.process.stdin.close()


@contextmanager
def running_server(home: Path, command: Sequence[str] = PAGES, **settings: str) -> Iterator[Server]:
    server = start(home, command, **settings)
    try:
        yield server
    finally:
        stop(server)
