"""Faults of the disk, the database and the clock while the service runs; each ends after a moment, or is mended."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from library.catalogue.backups import DATABASE_NAME, all_backups, back_up
from library.catalogue.database import open_catalogue
from tests.faults import fillers
from tests.faults.fast_service import CLOCK_NAME
from tests.faults.kills import KillRun
from tests.hostile.server import start

DAY_SECONDS = 86400.0


class OtherFaults:
    """The faults of one service, whose home is on the small disk of a namespace."""

    def __init__(self, run: KillRun) -> None:
        self.run = run
        self.disk, self.home = run.home.parent, run.home
        self.faults: Counter[str] = Counter()

    def repeat(self, faults: int, show: Callable[[str], None] = lambda _: None) -> None:
        for number in range(faults):
            self.once(list(KINDS)[number % len(KINDS)])
            if number % 10 == 9:
                show(f"{number + 1} faults, {len(self.run.uploads.accepted)} songs, {len(self.run.problems)} problems")

    def once(self, kind: str) -> None:
        """Upload songs before, during and after the fault, and check what became of them."""
        self.run.wait_for("engine")
        KINDS[kind](self)
        self.run.restart_if_dead()
        with self.run.uploading():
            pass
        self.run.check(kind)
        self.faults[kind] += 1

    def _during(self, fault: Callable[[OtherFaults], Iterator[None]]) -> None:
        with ExitStack() as uploads:  # they may wait for the end of the fault
            uploads.enter_context(self.run.uploading("slow", "slow", "bad"))  # one is analysed when the fault begins
            self.run.pause()
            with contextmanager(fault)(self):
                uploads.enter_context(self.run.uploading())
                time.sleep(self.run.rng.uniform(0.5, 2.5))

    def full_disk(self) -> Iterator[None]:
        fillers.fill_bytes(self.disk)
        yield
        fillers.empty(self.disk)

    def no_files(self) -> Iterator[None]:
        fillers.fill_files(self.disk)
        yield
        fillers.empty(self.disk)

    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.home / DATABASE_NAME, timeout=60, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("COMMIT")

    def read_only(self) -> Iterator[None]:
        """The service has no more rights than the files' owner."""
        folders = [self.home, *(path for path in self.home.rglob("*") if path.is_dir())]
        files = list(self.home.glob(f"{DATABASE_NAME}*"))
        for path in [*folders, *files]:
            path.chmod(0o555 if path in folders else 0o444)
        yield
        for path in [*folders, *files]:
            with suppress(FileNotFoundError):
                path.chmod(0o755 if path in folders else 0o644)

    def clock(self) -> Iterator[None]:
        days = self.run.rng.choice((-4000.0, -1.0, -0.01, 0.01, 1.0, 400.0))
        (self.disk / CLOCK_NAME).write_text(str(days * DAY_SECONDS))
        yield
        (self.disk / CLOCK_NAME).unlink()

    def swapped(self) -> Iterator[None]:
        """Another library's database is in the place of ours, and sometimes a new engine finds it there."""
        away, stranger = self.disk / "away", self.disk / "stranger"
        away.mkdir()
        open_catalogue(stranger).close()
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                (self.home / f"{DATABASE_NAME}{suffix}").rename(away / f"{DATABASE_NAME}{suffix}")
        (stranger / DATABASE_NAME).rename(self.home / DATABASE_NAME)
        if self.run.rng.random() < 0.5:
            self.run.kill("engine")
        yield
        for path in self.home.glob(f"{DATABASE_NAME}*"):
            path.unlink()
        for suffix in ("-shm", "-wal", ""):
            with suppress(FileNotFoundError):
                (away / f"{DATABASE_NAME}{suffix}").rename(self.home / f"{DATABASE_NAME}{suffix}")
        shutil.rmtree(away)
        shutil.rmtree(stranger)

    def damaged(self) -> None:
        """Everything is killed, the database damaged and restored from a backup made while songs were analysed."""
        for path in all_backups(self.home):
            path.unlink()
        with self.run.uploading():
            pass
        backup = back_up(self.home)
        self.run.pause()
        self.run.kill_everything()
        database = self.home / DATABASE_NAME
        self._damage(database)
        self._expect_refusal(str(backup))
        for path in self.home.glob(f"{DATABASE_NAME}*"):
            path.unlink()
        shutil.copy(backup or "", database)

    def _damage(self, database: Path) -> None:
        kind = self.run.rng.choice(("emptied", "removed", "truncated", "overwritten"))
        if kind in ("emptied", "removed"):
            for path in self.home.glob(f"{DATABASE_NAME}*"):
                path.unlink()
            if kind == "emptied":
                database.touch()
            return
        for suffix in ("-wal", "-shm"):  # what they hold could mend the damage
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        if kind == "truncated":
            os.truncate(database, database.stat().st_size // 3)
        else:
            with database.open("r+b") as file:
                file.seek(100)
                file.write(self.run.rng.randbytes(8000))

    def _expect_refusal(self, backup: str) -> None:
        before = self.run.server.log.stat().st_size
        try:
            self.run.server = start(self.home, self.run.command)
        except TimeoutError:
            with self.run.server.log.open() as log:
                log.seek(before)
                if backup not in log.read():
                    self.run.problems.append("damaged: the refusal names no backup")
        else:
            self.run.problems.append("damaged: the service has started")
            self.run.kill_everything()


def _within(fault: Callable[[OtherFaults], Iterator[None]]) -> Callable[[OtherFaults], None]:
    return lambda faults: faults._during(fault)


KINDS: dict[str, Callable[[OtherFaults], None]] = {
    "full disk": _within(OtherFaults.full_disk),
    "no files left": _within(OtherFaults.no_files),
    "locked": _within(OtherFaults.locked),
    "read-only": _within(OtherFaults.read_only),
    "clock": _within(OtherFaults.clock),
    "swapped": _within(OtherFaults.swapped),
    "damaged": OtherFaults.damaged,
}
