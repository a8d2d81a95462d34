"""Opens the library's database: SQLite by default, PostgreSQL for many machines."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, Delete, Engine, Update, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

from library.catalogue import identity
from library.catalogue.backups import DATABASE_NAME, DamagedDatabaseError, check_presence, newest_backup
from library.catalogue.migration import migrate
from library.catalogue.private_files import make_private, private_umask
from ml.report.errors import SoriError

BUSY_SECONDS = 30.0
"""How long a command or an engine waits for a locked database. The web process waits less."""
BRIEF_SECONDS = 0.25
_SHARED_MEMORY_BYTES = 65536
_WIPE_MS = 500
_NETWORK = {
    **{"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3},
    "tcp_user_timeout": 25_000,
}
_SERVER_NETWORK = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""Where the network is cut without a word, both ends notice within 25 seconds. Else a process would wait for a quarter
of an hour, and the server keep the rows locked that a lost machine was writing for two hours."""


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
    brief_engine: Engine
    home: Path

    def transaction(self) -> AbstractContextManager[Session]:
        """A session that is committed at the end of the block, or not at all where an error leaves the block."""
        return self.session.begin()

    def brief_transaction(self) -> AbstractContextManager[Session]:
        """The same, but it fails with OperationalError where the database is locked for `BRIEF_SECONDS`."""
        return sessionmaker(self.brief_engine, expire_on_commit=False).begin()

    def close(self) -> None:
        self.engine.dispose()
        self.brief_engine.dispose()

    def wipe(self) -> None:
        """Remove deleted data from the disk too: SQLite's journal would hold it until it is overwritten.

        While somebody reads, as a backup does, this waits for less than a second, because writers wait with it.
        """
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                patience = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {min(patience, _WIPE_MS)}")
                try:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience}")


def open_catalogue(
    home: Path,
    url: str | None = None,
    *,
    connection: type[sqlite3.Connection] = sqlite3.Connection,
    busy_seconds: float = BUSY_SECONDS,
) -> Catalogue:
    """The library in the folder `home`, or in the database at `url`; created or migrated where needed.

    With SQLite, `connection` is the class of its connections.
    """
    try:
        with private_umask():
            home.mkdir(parents=True, exist_ok=True)
        make_private(home)
        if url is None:
            check_presence(home)
        engine = _create_engine(home, url, connection, busy_seconds)
        try:
            with private_umask():  # SQLite gives its other files the mode of the first
                migrate(engine)
                identity.claim(engine, home)
        except Exception:
            engine.dispose()
            raise
    except (DBAPIError, ArgumentError, NoSuchModuleError, OSError) as error:
        if is_disk_full(error) or (url is None and _has_no_room(home)):
            raise DiskFullError() from error
        if url is None and is_damaged(error):
            raise damaged(home, error) from error
        raise NoDatabaseError(reason=reason_of(error)) from error
    brief_engine = _create_engine(home, url, connection, BRIEF_SECONDS)
    return Catalogue(engine, sessionmaker(engine, expire_on_commit=False), brief_engine, home)


def _create_engine(home: Path, url: str | None, connection: type[sqlite3.Connection], busy_seconds: float) -> Engine:
    if url is None:
        engine = _open_file(home / DATABASE_NAME, connection, busy_seconds)
    else:
        address = make_url(_with_driver(url))
        options = _NETWORK if address.get_backend_name() == "postgresql" else {}
        engine = create_engine(address, pool_pre_ping=True, connect_args=options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "connect", partial(_limit_wait, busy_seconds))
    return engine


def _limit_wait(busy_seconds: float, connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {round(1000 * busy_seconds)}")
        for name, value in _SERVER_NETWORK.items():
            cursor.execute(f"SET {name} = {value}")
    connection.commit()


def _open_file(path: Path, connection_class: type[sqlite3.Connection], busy_seconds: float) -> Engine:
    """A pool of connections to one file. Another file in its place is refused: what it is given would be lost."""
    opened: list[tuple[int, int]] = []

    def check(*_: object) -> None:
        if opened and _file_number(path) != opened[0]:
            raise sqlite3.OperationalError(f"{path.name} was replaced or removed: put it back, or start Sori again")

    def connect() -> sqlite3.Connection:
        check()
        connection = sqlite3.connect(path, timeout=busy_seconds, check_same_thread=False, factory=connection_class)
        if not opened and (number := _file_number(path)):
            opened.append(number)
        return connection

    # A creator instead of an address: the folder's name may contain a colon or a question mark.
    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=QueuePool)
    event.listen(engine, "checkout", check)
    return engine


def _file_number(path: Path) -> tuple[int, int] | None:
    """Of the file itself, whatever its name is."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def changed(session: Session, statement: Update | Delete) -> int:
    """Execute a statement; how many rows it changed."""
    result = session.execute(statement)
    if not isinstance(result, CursorResult):
        raise TypeError(f"{type(result).__name__} has no row count")
    return result.rowcount


def reason_of(error: Exception) -> str:
    """The first line of the message of a database or of the system, which names no file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def is_disk_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    is_by_postgresql = any(words in reason_of(error).lower() for words in ("no space left", "disk quota exceeded"))
    return isinstance(error, OperationalError) and (is_by_postgresql or _sqlite_code(error) == sqlite3.SQLITE_FULL)


def is_damaged(error: Exception) -> bool:
    """Whether SQLite says that the file is no database or that its content contradicts itself."""
    return _sqlite_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _sqlite_code(error: Exception) -> int:
    """0 for an error of anything else."""
    return int(getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", 0)) & 0xFF


def damaged(home: Path, error: Exception) -> DamagedDatabaseError:
    return DamagedDatabaseError(path=home / DATABASE_NAME, backup=newest_backup(home), reason=reason_of(error))


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
