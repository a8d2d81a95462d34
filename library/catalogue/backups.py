"""Daily copies of the SQLite database, `backups/library-YYYY-MM-DD.db` in the home, and what to do with them.

A copy is one consistent state of the database. It is checked before it takes its name and before an older one goes.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date
from pathlib import Path

from library.catalogue.identity import FILE_NAME, NOTE_NAME, SONG_FOLDER, StrangerError, read_file
from ml.report.errors import SoriError

LOG = logging.getLogger(__name__)

DATABASE_NAME = "library.db"
FOLDER_NAME = "backups"
KEPT = 7
PAGES_PER_STEP = 500
STEP_SECONDS = 0.005
"""The pause after each step, so that a large copy leaves the disk to others."""
_BUSY_SECONDS = 5.0
_HOW_TO_RESTORE = (
    " The newest backup is {backup}. Stop Sori, move {path}, {path}-wal and {path}-shm to another folder, copy the "
    "backup to {path}, and start Sori again."
)


class LostDatabaseError(SoriError):
    code = "database_lost"
    sentence = "{path} is missing or empty, but its folder holds what belongs to a library." + _HOW_TO_RESTORE

    def __init__(self, *, path: str | Path, backup: str | Path | None) -> None:
        super().__init__(path=str(path), backup=str(backup or "—"))


class DamagedDatabaseError(SoriError):
    code = "database_damaged"
    sentence = "{path} is damaged: {reason}." + _HOW_TO_RESTORE

    def __init__(self, *, path: str | Path, backup: str | Path | None, reason: str) -> None:
        super().__init__(path=str(path), backup=str(backup or "—"), reason=reason)


def check_presence(home: Path) -> None:
    """Tell an emptied library from a new one: raises where the database alone is gone."""
    # In this order: another process may be creating the library just now, and writes the identity last.
    is_library = (home / FILE_NAME).exists() or _is_filled(home / SONG_FOLDER) or all_backups(home)
    path = home / DATABASE_NAME
    if is_library and not (path.exists() and path.stat().st_size):
        raise LostDatabaseError(path=path, backup=newest_backup(home))


def newest_backup(home: Path) -> Path | None:
    """The last copy; one from the future, which a wrong clock has named, only where there is no other."""
    backups = all_backups(home)
    today = _path(home, date.today())
    return next((path for path in reversed(backups) if path <= today), backups[-1] if backups else None)


def all_backups(home: Path) -> list[Path]:
    """The copies, oldest first."""
    return sorted((home / FOLDER_NAME).glob("library-????-??-??.db"))


def back_up(home: Path, *, reserve_bytes: int = 0, is_ended: Callable[[], bool] = lambda: False) -> Path | None:
    """Make today's copy. None: there is one, another process makes it, or the disk is low on space.

    Writers go on meanwhile. The copy is given up once `is_ended()`, which is called after each step.
    """
    path, source = _path(home, date.today()), home / DATABASE_NAME
    if path.exists() or not source.exists():
        return None
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with _alone(path.parent) as is_alone:
        if not is_alone or path.exists():
            return None
        for left in path.parent.glob("*.part*"):  # by a killed process
            left.unlink()
        journal = source.with_name(f"{source.name}-wal")
        size = source.stat().st_size + (journal.stat().st_size if journal.exists() else 0)
        if shutil.disk_usage(home).free - size < reserve_bytes:
            LOG.warning("no backup today: the disk is low on space")
            return None
        part = path.with_suffix(".part")
        try:
            _copy(source, part, is_ended)
            _check_owner(part, home)
            part.rename(path)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)
        for old in [one for one in all_backups(home) if one != path][: 1 - KEPT]:
            old.unlink()
    return path


def erase_deleted(home: Path) -> None:
    """Remove the songs that the library no longer has from its copies too."""
    copies, source = all_backups(home), home / DATABASE_NAME
    if not copies or not source.exists():
        return
    kept = _song_ids(source)
    for path in copies:
        try:
            with closing(_connect(path)) as copy:
                gone = [(one,) for one in _song_ids(path) - kept]
                copy.execute("PRAGMA secure_delete = ON")
                with copy:
                    copy.executemany(f"DELETE FROM {SONG_FOLDER} WHERE id = ?", gone)  # noqa: S608 - a constant
        except sqlite3.Error as error:
            LOG.warning("deleted songs may still be in %s: %s", path.name, error)


def _copy(source: Path, target: Path, is_ended: Callable[[], bool]) -> None:
    def pause(*_: object) -> None:
        if is_ended():
            raise InterruptedError
        time.sleep(STEP_SECONDS)

    target.touch(mode=0o600)
    with closing(_connect(source)) as original, closing(_connect(target)) as copy:
        # All steps read the state of this moment. Otherwise every write by others would begin the copy again.
        original.execute("BEGIN")
        original.execute("SELECT count(*) FROM sqlite_master").fetchone()
        original.backup(copy, pages=PAGES_PER_STEP, progress=pause)
        original.rollback()
        original.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was deleted meanwhile is in the journal
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, which can be copied
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged, as the library is: {found}")
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _check_owner(copy: Path, home: Path) -> None:
    """Raise for a copy of another database, which somebody has put in the place of the home's own."""
    with closing(_connect(copy)) as database:
        note = database.execute("SELECT value FROM notes WHERE name = ?", (NOTE_NAME,)).fetchone()
    if note is None or note[0] != read_file(home):
        raise StrangerError(home=home, file=home / FILE_NAME)


def _connect(path: Path) -> sqlite3.Connection:
    """To a file that exists."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS)


def _song_ids(path: Path) -> set[str]:
    with closing(_connect(path)) as database:
        return {one for (one,) in database.execute(f"SELECT id FROM {SONG_FOLDER}")}  # noqa: S608 - a constant


def _path(home: Path, day: date) -> Path:
    return home / FOLDER_NAME / f"library-{day.isoformat()}.db"


def _is_filled(folder: Path) -> bool:
    with suppress(OSError):
        return any(folder.iterdir())
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether this is the only process that makes a backup now. The system takes the lock from a process that dies."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
