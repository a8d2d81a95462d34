"""What the library remembers of each track, in SQLite by default and in PostgreSQL for many machines.

The numbers lie in tables of their own: facts are read for pages and filters, descriptors all at once into memory at the
start, chromagrams a few at a time. The row is the truth: what a stopped run left undone is found by looking at rows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CursorResult,
    DateTime,
    Delete,
    Engine,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Update,
    create_engine,
    event,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import TypeDecorator

from library.migrating import migrate
from ml.report.errors import SoriError

DATABASE_NAME = "library.db"
BUSY_SECONDS = 30.0
_LEAST_BYTES = 65536
Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the type is exactly INTEGER."""


class CatalogueError(SoriError):
    code = "catalogue"


class NoDatabaseError(CatalogueError):
    code = "database"
    sentence = "The library's database cannot be opened: {reason}"


class DiskFullError(CatalogueError):
    code = "disk_full"
    sentence = "The disk is full: what was finished is kept. Make room and start again."


class FilePath(TypeDecorator[Path]):
    """A path as the bytes that the system uses: a name in a broken encoding is no text, but it is a name."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Path | None, dialect: Dialect) -> bytes | None:
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Path | None:
        return None if value is None else Path(os.fsdecode(value))


class Moment(TypeDecorator[datetime]):
    """A point in time; SQLite forgets the zone, so that it is always stored and read as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC)


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, datetime: Moment}  # noqa: RUF012 - SQLAlchemy reads it so


class Track(Base):
    """One file, or one entry of the reference catalogue, which has no file until somebody links it.

    `digest` is the SHA-256 of the path, because an index takes no path of any length. `failure_code` is set where
    listening failed; `heard_with` and the other versions say what made the numbers.
    """

    __tablename__ = "tracks"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    reference: Mapped[str | None] = mapped_column(String(80), unique=True, default=None)
    source: Mapped[str | None] = mapped_column(String(120), default=None)
    path: Mapped[Path | None] = mapped_column(FilePath, default=None)
    digest: Mapped[str | None] = mapped_column(String(64), unique=True, default=None)
    size: Mapped[int] = mapped_column(BigInteger, default=0, index=True)
    mtime_ns: Mapped[int] = mapped_column(BigInteger, default=0)
    content: Mapped[str | None] = mapped_column(String(64), default=None, index=True)

    title: Mapped[str | None] = mapped_column(default=None)
    artist: Mapped[str | None] = mapped_column(default=None)
    album: Mapped[str | None] = mapped_column(default=None)
    duration_seconds: Mapped[float | None] = mapped_column(default=None)
    genre: Mapped[str | None] = mapped_column(String(80), default=None, index=True)
    mood: Mapped[str | None] = mapped_column(String(40), default=None)
    arousal: Mapped[float | None] = mapped_column(default=None)
    bpm: Mapped[float | None] = mapped_column(default=None)
    tonic: Mapped[str | None] = mapped_column(String(2), default=None)
    mode: Mapped[str | None] = mapped_column(String(5), default=None)
    report: Mapped[dict[str, Any] | None] = mapped_column(default=None)

    heard_with: Mapped[str | None] = mapped_column(String(80), default=None)
    heard_seconds: Mapped[float | None] = mapped_column(default=None)
    described_with: Mapped[str | None] = mapped_column(String(80), default=None)

    failure_code: Mapped[str | None] = mapped_column(String(40), default=None, index=True)
    failure: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    failed_at: Mapped[datetime | None] = mapped_column(default=None)


class Descriptor(Base):
    """The vectors that neighbours are found by, as little-endian float32."""

    __tablename__ = "descriptors"

    track_id: Mapped[int] = mapped_column(
        Id, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    harmony: Mapped[bytes]
    sound: Mapped[bytes]


class Heard(Base):
    """What descriptors are made from, so that a better descriptor needs no second listening."""

    __tablename__ = "heard"

    track_id: Mapped[int] = mapped_column(
        Id, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    chromagram: Mapped[bytes]
    evidence: Mapped[bytes]


class TagChange(Base):
    """Tags as they were before `--write-tags` changed them."""

    __tablename__ = "tag_changes"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    path: Mapped[Path] = mapped_column(FilePath)
    before: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]


class Note(Base):
    """A thing that the library remembers of itself, such as the reference that it loaded."""

    __tablename__ = "notes"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str]


def digest_of(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()


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
    from library.listing import follow  # which knows the tables of this module

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
