"""Opens the library's database: SQLite by default, PostgreSQL for many machines."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CursorResult,
    Delete,
    Engine,
    Update,
    create_engine,
    event,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

from library.catalogue.migration import migrate
from ml.report.errors import SoriError

DATABASE_NAME = "library.db"
BUSY_SECONDS = 30.0
_LEAST_BYTES = 65536


class CatalogueError(SoriError):
    code = "catalogue"


class NoDatabaseError(CatalogueError):
    code = "database"
    sentence = "The library's database cannot be opened: {reason}"


class DiskFullError(CatalogueError):
    code = "disk_full"
    sentence = "The disk is full: what was finished is kept. Make room and start again."


@dataclass(frozen=True)
class Catalogue:
    """An open database. `session()` is a context manager; its work is kept by `session.commit()`."""

    engine: Engine
    session: Callable[[], Session]

    @property
    def name(self) -> str:
        return self.engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        self.engine.dispose()

    def wipe(self) -> None:
        """What was deleted is gone from the disk too: SQLite's journal would keep it until it is written over."""
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def open_catalogue(home: Path, url: str | None = None) -> Catalogue:
    """The library in the folder `home`, or in the database at `url`; made, or brought up to date, if need be."""
    try:
        if url is None:
            home.mkdir(parents=True, exist_ok=True)
            # A colon or a question mark in the folder's name is no part of the address.
            engine = create_engine(
                "sqlite+pysqlite://", creator=_connector(home / DATABASE_NAME), poolclass=QueuePool
            )
            event.listen(engine, "connect", _tune_sqlite)
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
    return Catalogue(engine, _listed(sessionmaker(engine, expire_on_commit=False)))


def _listed(sessions: sessionmaker[Session]) -> sessionmaker[Session]:
    from library.catalogue.listing import follow  # which knows the tables of this module

    follow(sessions)
    return sessions


def changed(session: Session, statement: Update | Delete) -> int:
    """How many rows a statement changed."""
    result = session.execute(statement)
    if not isinstance(result, CursorResult):
        raise TypeError(f"{type(result).__name__} counts no rows")
    return result.rowcount


def reason_of(error: Exception) -> str:
    """One line of what a database or the system says."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    return said[0] if said else type(error).__name__


def is_disk_full(error: Exception) -> bool:
    said = reason_of(error).lower()
    return isinstance(error, OperationalError | OSError) and (
        "disk is full" in said or "no space left" in said or "disk quota exceeded" in said
    )


def _has_no_room(home: Path) -> bool:
    """SQLite calls it an error of the disk when there is not even room for its shared memory."""
    try:
        return shutil.disk_usage(home).free < _LEAST_BYTES
    except OSError:
        return False


def _connector(path: Path) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)

    return connect


def _with_driver(url: str) -> str:
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _tune_sqlite(connection: Any, _: object) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
