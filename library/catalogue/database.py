"""Opens the library's database: SQLite by default, PostgreSQL for many machines."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, Delete, Engine, Update, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

from library.catalogue.migration import migrate
from ml.report.errors import SoriError

DATABASE_NAME = "library.db"
BUSY_SECONDS = 30.0
_SHARED_MEMORY_BYTES = 65536


class NoDatabaseError(SoriError):
    code = "database"
    sentence = "The library's database cannot be opened: {reason}"


class DiskFullError(SoriError):
    code = "disk_full"
    sentence = "The disk is full: what was finished is kept. Make room and start again."


@dataclass(frozen=True)
class Catalogue:
    """An open database. What is done in a `session()` is lost at its end, unless it is committed."""

    engine: Engine
    session: sessionmaker[Session]

    def transaction(self) -> AbstractContextManager[Session]:
        """A session that is committed at the end of the block, or not at all where an error leaves the block."""
        return self.session.begin()

    def close(self) -> None:
        self.engine.dispose()

    def wipe(self) -> None:
        """Remove deleted data from the disk too: SQLite's journal would hold it until it is overwritten."""
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def open_catalogue(home: Path, url: str | None = None) -> Catalogue:
    """The library in the folder `home`, or in the database at `url`; created or migrated where needed."""
    try:
        if url is None:
            home.mkdir(parents=True, exist_ok=True)
            # A creator instead of an address: the folder's name may contain a colon or a question mark.
            path = home / DATABASE_NAME
            connect = partial(sqlite3.connect, path, timeout=BUSY_SECONDS, check_same_thread=False)
            engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=QueuePool)
        else:
            engine = create_engine(_with_driver(url), pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _tune_sqlite)
        try:
            migrate(engine)
        except Exception:
            engine.dispose()
            raise
    except (DBAPIError, ArgumentError, NoSuchModuleError, OSError) as error:
        if is_disk_full(error) or (url is None and _has_no_room(home)):
            raise DiskFullError() from error
        raise NoDatabaseError(reason=reason_of(error)) from error
    return Catalogue(engine, sessionmaker(engine, expire_on_commit=False))


def changed(session: Session, statement: Update | Delete) -> int:
    """Execute a statement; how many rows it changed."""
    result = session.execute(statement)
    if not isinstance(result, CursorResult):
        raise TypeError(f"{type(result).__name__} has no row count")
    return result.rowcount


def reason_of(error: Exception) -> str:
    """The first line of the message of a database or of the system."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def is_disk_full(error: Exception) -> bool:
    reason = reason_of(error).lower()
    return isinstance(error, OperationalError | OSError) and any(
        message in reason for message in ("disk is full", "no space left", "disk quota exceeded")
    )


def _has_no_room(home: Path) -> bool:
    """Without room for its shared memory file, SQLite reports an I/O error instead of a full disk."""
    try:
        return shutil.disk_usage(home).free < _SHARED_MEMORY_BYTES
    except OSError:
        return False


def _with_driver(url: str) -> str:
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _tune_sqlite(connection: Any, _: object) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
