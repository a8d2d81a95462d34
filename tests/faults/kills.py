"""Kill -9 at random moments: a worker, the engine, the pages' process, the server, or all of them."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.uploads import Uploads
from tests.hostile.server import Server, start, stop
from tests.hostile.side_effects import descendants

FAST_SERVICE = (sys.executable, "-m", "tests.faults.fast_service", "serve")
SONGS_PER_KILL = 3
_DIE_SECONDS = 20.0


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie counts as dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def processes_by_role(server: Server) -> dict[str, list[int]]:
    root = server.process.pid
    engines = [pid for pid in descendants(root) if " work" in command_of(pid)]
    workers = [pid for engine in engines for pid in descendants(engine) if "spawn_main" in command_of(pid)]
    pages = [pid for pid in descendants(root) if "gunicorn" in command_of(pid)]
    return {"worker": workers, "engine": engines, "pages": pages, "server": [root]}


@dataclass
class KillRun:
    """One service, how often which of its processes was killed, and the problems found afterwards."""

    home: Path
    command: tuple[str, ...] = FAST_SERVICE
    seed: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.server = start(self.home, self.command)
        self.uploads = Uploads(self.home)
        self.uploads.install_trigger()

    def kill_repeatedly(self, kills: int, show: Callable[[str], None] = lambda _: None) -> None:
        victims = ("worker", "engine", "pages", "server", "all")
        for number in range(kills):
            self.kill_once(victims[number % len(victims)])
            if number % 10 == 9:
                songs, problems = len(self.uploads.accepted), len(self.problems)
                show(f"{number + 1} kills, {songs} songs, {problems} problems")

    def kill_once(self, victim: str) -> None:
        """Upload some songs, kill while they are processed, and check what became of them."""
        self.wait_for("worker" if victim == "worker" else "engine")
        with self.uploading():
            self.pause()
            killed = self.kill(victim)
        self.wait_until_dead(killed)
        self.restart_if_dead()
        self.check(victim)
        self.kills[victim] += 1

    @contextmanager
    def uploading(self, *names: str) -> Iterator[None]:
        """Upload these songs, or some of any kind, at the same time as the block runs."""
        names = names or tuple(self.rng.choice(("song", "song", "slow", "bad")) for _ in range(SONGS_PER_KILL))
        threads = [threading.Thread(target=self.uploads.upload, args=(self.server.port, name)) for name in names]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join()

    def pause(self) -> None:
        """Until some moment of the uploads or analyses."""
        time.sleep(self.rng.uniform(0.0, self.rng.choice((0.03, 0.2, 0.8))))

    def check(self, name: str) -> None:
        """Wait until the songs have ended, and note what is wrong with them now."""
        self.uploads.wait()
        known = {problem.partition(": ")[2] for problem in self.problems}
        self.problems += [f"{name}: {problem}" for problem in self.uploads.problems() if problem not in known]

    def kill_everything(self) -> None:
        self.wait_until_dead(self.kill("all"))

    def close(self) -> None:
        stop(self.server)

    def kill(self, victim: str) -> list[int]:
        """The pids that must be gone soon: those killed, and those that cannot run without them."""
        by_role = processes_by_role(self.server)
        everything = [pid for pids in by_role.values() for pid in pids]
        killed = everything if victim == "all" else by_role[victim]
        if victim in ("worker", "pages"):  # one worker; gunicorn's arbiter, or its worker
            killed = [self.rng.choice(killed)]
        ends_all = victim in ("server", "all") or any(self._is_arbiter(pid) for pid in killed)
        for pid in killed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if ends_all:
            return everything
        return killed + by_role["worker"] if victim == "engine" else killed

    def _is_arbiter(self, pid: int) -> bool:
        return "gunicorn" in command_of(pid) and any("gunicorn" in command_of(child) for child in descendants(pid))

    def wait_until_dead(self, killed: list[int]) -> None:
        deadline = time.monotonic() + _DIE_SECONDS
        while (alive := [pid for pid in killed if is_alive(pid)]) and time.monotonic() < deadline:
            self.server.process.poll()
            time.sleep(0.05)
        self.problems += [f"outlived its parent: {command_of(pid)[-60:]}" for pid in alive]

    def restart_if_dead(self) -> None:
        deadline = time.monotonic() + 60
        while self.server.process.poll() is not None or not self.server.is_alive():
            if self.server.process.poll() is not None:
                if self.server.process.stdin is not None:
                    self.server.process.stdin.close()
                self.server = start(self.home, self.command)
            elif time.monotonic() > deadline:
                raise TimeoutError("the server does not come back")
            time.sleep(0.05)

    def wait_for(self, role: str) -> None:
        deadline = time.monotonic() + 60
        while not processes_by_role(self.server)[role]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"there is no {role}")
            self.restart_if_dead()
            time.sleep(0.05)
