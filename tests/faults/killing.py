"""Kill -9 at random moments: of a process that hears, of the engine, of the pages' process, of the server, of all."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.ledger import Ledger
from tests.hostile.house import House, start, stop
from tests.hostile.watch import descendants

QUICK = (sys.executable, "-m", "tests.faults.quick", "serve")
SONGS_PER_WORKER = 3
_DIE_SECONDS = 20.0


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not asked for its exit code is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def parts(house: House) -> dict[str, list[int]]:
    """The server's processes by what they do."""
    server = house.process.pid
    engines = [pid for pid in descendants(server) if " work" in command_of(pid)]
    crews = [pid for engine in engines for pid in descendants(engine) if "spawn_main" in command_of(pid)]
    pages = [pid for pid in descendants(server) if "gunicorn" in command_of(pid)]
    return {"crew": crews, "engine": engines, "pages": pages, "server": [server]}


@dataclass
class Killing:
    """One service and what is done to it."""

    home: Path
    command: tuple[str, ...] = QUICK
    seed: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self.house = start(self.home, self.command)
        self.ledger = Ledger(self.home)
        self.ledger.watch()

    def run(self, kills: int, on_progress: Callable[[str], None] = lambda _: None) -> None:
        victims = ("crew", "engine", "pages", "server", "all")
        for number in range(kills):
            self.one(victims[number % len(victims)])
            if number % 10 == 9:
                on_progress(
                    f"{number + 1} kills, {len(self.ledger.accepted)} songs, {len(self.wrongs)} wrongs"
                )

    def one(self, victim: str) -> None:
        """Some songs, a kill while they are on their way, and a look at what came of them."""
        self._await("crew" if victim == "crew" else "engine")
        names = [self._chance.choice(("song", "song", "slow", "bad")) for _ in range(SONGS_PER_WORKER)]
        hands = [threading.Thread(target=self.ledger.hand_in, args=(self.house.port, name)) for name in names]
        for hand in hands:
            hand.start()
        time.sleep(self._chance.uniform(0.0, self._chance.choice((0.03, 0.2, 0.8))))
        struck = self._kill(victim)
        for hand in hands:
            hand.join()
        self._see_them_dead(struck)
        self._revive()
        self.ledger.wait()
        self.kills[victim] += 1
        known = {wrong.partition(": ")[2] for wrong in self.wrongs}
        self.wrongs += [f"{victim}: {wrong}" for wrong in self.ledger.wrongs() if wrong not in known]

    def close(self) -> None:
        stop(self.house)

    def _kill(self, victim: str) -> list[int]:
        """The pids that must be gone soon: the victim's, and of those that cannot live without it."""
        there = parts(self.house)
        everybody = [pid for pids in there.values() for pid in pids]
        struck = everybody if victim == "all" else there[victim]
        if victim in ("crew", "pages"):  # gunicorn's arbiter, or the process that answers
            struck = [self._chance.choice(struck)]
        ends_all = victim in ("server", "all") or any(self._is_arbiter(pid) for pid in struck)
        for pid in struck:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return everybody if ends_all else struck + there["crew"] if victim == "engine" else struck

    def _is_arbiter(self, pid: int) -> bool:
        return "gunicorn" in command_of(pid) and any(
            "gunicorn" in command_of(one) for one in descendants(pid)
        )

    def _see_them_dead(self, struck: list[int]) -> None:
        late = time.monotonic() + _DIE_SECONDS
        while (left := [pid for pid in struck if is_alive(pid)]) and time.monotonic() < late:
            self.house.process.poll()
            time.sleep(0.05)
        self.wrongs += [f"outlived its parent: {command_of(pid)[-60:]}" for pid in left]

    def _revive(self) -> None:
        """The server is there, started again where it is not."""
        late = time.monotonic() + 60
        while self.house.process.poll() is not None or not self.house.is_alive():
            if self.house.process.poll() is not None:
                if self.house.process.stdin is not None:
                    self.house.process.stdin.close()
                self.house = start(self.home, self.command)
            elif time.monotonic() > late:
                raise TimeoutError("the server does not come back")
            time.sleep(0.05)

    def _await(self, part: str) -> None:
        late = time.monotonic() + 60
        while not parts(self.house)[part]:
            if time.monotonic() > late:
                raise TimeoutError(f"there is no {part}")
            self._revive()
            time.sleep(0.05)
