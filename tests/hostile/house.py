"""The real server in a home of its own, on a free port, with its log, and with what it may not leave behind."""

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

from tests.hostile.watch import descendants, open_files
from tests.ports import free_port
from tests.sources import ROOT

START_SECONDS = 90.0
PAGES = (
    *(sys.executable, "-m", "gunicorn", "--config", "python:web.server.gunicorn_settings"),
    *("--bind", "127.0.0.1:{port}", "web.app:create_app()"),
)
"""The web process alone: nobody hears what is handed in."""
SERVE = (sys.executable, "main.py", "serve")


@dataclass
class House:
    """A server that runs."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    temporary: Path

    def is_alive(self) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request("GET", "/")
            return line.getresponse().status == 200
        except (http.client.HTTPException, OSError):
            return False
        finally:
            line.close()

    def belongings(self) -> list[str]:
        """Its processes' open files and its temporaries, as they should be again after a while."""
        pids = sorted({self.process.pid} | descendants(self.process.pid))
        files = [name for pid in pids for name in open_files(pid) if not name.startswith("/dev/")]
        waiting = [str(path.relative_to(self.home)) for path in (self.home / "incoming").glob("*")]
        return sorted(files + waiting + [path.name for path in self.temporary.iterdir()])

    def possessions(self) -> set[str]:
        """What the home holds besides songs; SQLite comes and goes with two of these."""
        return {path.name for path in self.home.iterdir() if not path.name.endswith(("-wal", "-shm"))}

    def processes(self) -> int:
        return len(descendants(self.process.pid))


def start(home: Path, command: Sequence[str] = PAGES, **settings: str) -> House:
    """Start `command` and wait until it answers."""
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
            stdin=subprocess.PIPE,  # what holds a lifeline ends with us
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    house = House(home, port, process, log, temporary)
    late = time.monotonic() + START_SECONDS
    while not house.is_alive():
        if time.monotonic() > late or process.poll() is not None:
            stop(house)
            raise TimeoutError(log.read_text()[-2000:])
        time.sleep(0.1)
    return house


def stop(house: House) -> int:
    """Ask it to end as a service manager does; what is left after a minute is ended by force."""
    house.process.send_signal(signal.SIGTERM)
    try:
        return house.process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(house.process.pid, signal.SIGKILL)
        return house.process.wait()
    finally:
        if house.process.stdin is not None:
            house.process.stdin.close()


@contextmanager
def house(home: Path, command: Sequence[str] = PAGES, **settings: str) -> Iterator[House]:
    started = start(home, command, **settings)
    try:
        yield started
    finally:
        stop(started)
