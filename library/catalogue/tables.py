"""The tables of the library. The row is the truth: what a stopped run left undone is found by looking at rows.

Facts are read for pages and filters, vectors all at once into memory at the start, chromagrams a few at a time, so each
kind has a table of its own.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Integer, LargeBinary, String
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the type is exactly INTEGER."""


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
    path_hash: Mapped[str | None] = mapped_column(String(64), unique=True, default=None)
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

    features_version: Mapped[str | None] = mapped_column(String(80), default=None)
    analysed_seconds: Mapped[float | None] = mapped_column(default=None)
    vectors_version: Mapped[str | None] = mapped_column(String(80), default=None)

    failure_code: Mapped[str | None] = mapped_column(String(40), default=None, index=True)
    failure: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    failed_at: Mapped[datetime | None] = mapped_column(default=None)


class TrackVectors(Base):
    """The vectors that neighbours are found by, as little-endian float32."""

    __tablename__ = "track_vectors"

    track_id: Mapped[int] = mapped_column(
        Id, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    harmony: Mapped[bytes]
    sound: Mapped[bytes]


class TrackFeatures(Base):
    """What descriptors are made from, so that a better descriptor needs no second listening."""

    __tablename__ = "track_features"

    track_id: Mapped[int] = mapped_column(
        Id, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    chromagram: Mapped[bytes]
    trunk_output: Mapped[bytes]


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


def path_hash_of(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()
