"""The tables of the library. The row is the truth: unfinished work of a stopped run is found by looking at rows.

Each kind of data has a table of its own, because it is read in its own way: tracks for lists and filters, reports one
at a time, vectors all at once into memory, features a few at a time.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    cast,
    event,
    text,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from library.catalogue.path_map import to_local, to_shared
from library.catalogue.sort_keys import LAST_NUMBER, LAST_TEXT, SORT_LENGTH, fold, key_number
from ml.report.cells import clean, readable_name

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the type is exactly INTEGER."""

SortText = String(SORT_LENGTH).with_variant(String(SORT_LENGTH, collation="C"), "postgresql")
"""Text in the order of its code points in either database, which is also the order of the Korean alphabet."""


SERIAL_NOTE = "vectors_serial"
"""With SQLite, the note with the largest serial of `TrackVectors` so far."""


class FilePath(TypeDecorator[Path]):
    """A path as bytes, as the system has it: a file name in a broken encoding is not valid text.

    The database has the paths that all machines agree on (`library.catalogue.path_map`).
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Path | None, dialect: Dialect) -> bytes | None:
        return None if value is None else os.fsencode(to_shared(value))

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Path | None:
        return None if value is None else to_local(Path(os.fsdecode(value)))


class FolderPaths(TypeDecorator[list[str]]):
    """Paths of folders as a list of texts, translated as `FilePath` is."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> list[str] | None:
        return None if value is None else [str(to_shared(Path(path))) for path in value]

    def process_result_value(self, value: list[str] | None, dialect: Dialect) -> list[str] | None:
        return None if value is None else [str(to_local(Path(path))) for path in value]


class Moment(TypeDecorator[datetime]):
    """A point in time. SQLite drops the time zone, so every moment is stored and read as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC)


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, datetime: Moment}  # noqa: RUF012 - SQLAlchemy reads it so


class Track(Base):
    """One file, or one entry of the reference catalogue, which has no file until somebody links one.

    `path_hash` is the SHA-256 of the path, because an index does not take paths of any length. `failure_code` is set
    where the analysis failed. `features_version` and `vectors_version` say what made the features and the vectors.
    """

    __tablename__ = "tracks"

    id: Mapped[int] = mapped_column(Id, primary_key=True)

    # Written by `_write_sort_columns`; all are NULL for a track that the list does not show. They come first, because
    # SQLite decodes a row only up to the last column that a search needs.
    sort_title: Mapped[str | None] = mapped_column(SortText, default=None)
    sort_artist: Mapped[str | None] = mapped_column(SortText, default=None)
    sort_genre: Mapped[str | None] = mapped_column(SortText, default=None)
    sort_bpm: Mapped[float | None] = mapped_column(default=None)
    sort_key: Mapped[int | None] = mapped_column(default=None)
    sort_duration: Mapped[float | None] = mapped_column(default=None)
    search_text: Mapped[str | None] = mapped_column(Text, default=None)

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
    genre: Mapped[str | None] = mapped_column(String(80), default=None)
    mood: Mapped[str | None] = mapped_column(String(40), default=None)
    arousal: Mapped[float | None] = mapped_column(default=None)
    bpm: Mapped[float | None] = mapped_column(default=None)
    tonic: Mapped[str | None] = mapped_column(String(2), default=None)
    mode: Mapped[str | None] = mapped_column(String(5), default=None)

    features_version: Mapped[str | None] = mapped_column(String(80), default=None)
    analysed_seconds: Mapped[float | None] = mapped_column(default=None)
    vectors_version: Mapped[str | None] = mapped_column(String(80), default=None)

    failure_code: Mapped[str | None] = mapped_column(String(40), default=None, index=True)
    failure: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    failed_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        *(Index(f"ix_tracks_{name}", f"sort_{name}", "id") for name in ("title", "artist", "bpm", "key", "duration")),
        Index("ix_tracks_genre", "sort_genre", "sort_title", "id"),
        Index("ix_tracks_mood", "mood", "sort_title", "id"),
    )

    @property
    def name(self) -> str:
        """What the track is called: its title, else the name of its file."""
        return self.title or (clean(readable_name(self.path.stem)) if self.path else "") or str(self.id)

    @property
    def is_listed(self) -> bool:
        """Whether the track was analysed: only such tracks are shown."""
        return self.failure_code is None and self.features_version is not None


class OfTrack:
    """A table with at most one row for each track."""

    track_id: Mapped[int] = mapped_column(
        Id, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class TrackReport(OfTrack, Base):
    """The report of a track as JSON, kept apart so that reading a page of the list reads no reports."""

    __tablename__ = "reports"

    report: Mapped[dict[str, Any]]


class TrackVectors(OfTrack, Base):
    """The vectors that similar tracks are found by, as little-endian float32.

    `serial` tells later writes from earlier ones (`library.catalogue.changes.serial_of`). It is NULL for rows that are
    older than this column.
    """

    __tablename__ = "track_vectors"

    harmony: Mapped[bytes]
    sound: Mapped[bytes]
    serial: Mapped[int | None] = mapped_column(BigInteger, default=None, index=True)


class TrackFeatures(OfTrack, Base):
    """Packed features that vectors are made from: new vectors do not need a second analysis."""

    __tablename__ = "track_features"

    chromagram: Mapped[bytes]
    trunk_output: Mapped[bytes]


class TrackWords(OfTrack, Base):
    """The different words of the lyrics of a track, as `library.catalogue.lyrics` folds them, one per line."""

    __tablename__ = "track_words"

    words: Mapped[str] = mapped_column(Text)


RESULTS: tuple[type[TrackReport | TrackVectors | TrackFeatures | TrackWords], ...] = (
    *(TrackReport, TrackVectors, TrackFeatures, TrackWords),
)
"""The tables of what the analysis of a file gives."""


class TagChange(Base):
    """The tags of a file before and after `--write-tags` changed them, and how the file is recognised."""

    __tablename__ = "tag_changes"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    path: Mapped[Path] = mapped_column(FilePath)
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    content: Mapped[str | None] = mapped_column(String(64), default=None)
    """SHA-256 of the file as Sori left it."""
    samples: Mapped[str | None] = mapped_column(String(64), default=None)
    """SHA-256 of its decoded beginning, which stays the same when others change its tags."""
    changed_at: Mapped[datetime]


class Note(Base):
    """A named value about the library as a whole, such as which reference catalogue is installed."""

    __tablename__ = "notes"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str]


def path_hash_of(path: Path) -> str:
    return hashlib.sha256(os.fsencode(to_shared(path))).hexdigest()


@event.listens_for(Track, "before_insert")
@event.listens_for(Track, "before_update")
def _write_sort_columns(_mapper: object, _connection: object, track: Track) -> None:
    """Whatever writes a track writes the columns that the list is sorted and searched by."""
    name, stem = (readable_name(track.path.name), readable_name(track.path.stem)) if track.path else ("", "")
    texts = [fold(text or "") for text in (track.title or stem, track.artist, track.album, name)]
    values = {
        "sort_title": texts[0][:SORT_LENGTH] or LAST_TEXT,
        "sort_artist": texts[1][:SORT_LENGTH] or LAST_TEXT,
        "sort_genre": track.genre or LAST_TEXT,
        "sort_bpm": track.bpm or LAST_NUMBER,
        "sort_key": key_number(track.tonic, track.mode),
        "sort_duration": track.duration_seconds or LAST_NUMBER,
        "search_text": "\n".join(texts),
    }
    for column, value in values.items():
        setattr(track, column, value if track.is_listed else None)


_NEXT_SERIAL = (
    update(Note)
    .where(Note.name == SERIAL_NOTE)
    .values(value=cast(cast(Note.value, BigInteger) + 1, String))
    .returning(Note.value)
)
_TRANSACTION = text("SELECT pg_current_xact_id()::text::bigint")


@event.listens_for(TrackVectors, "before_insert")
@event.listens_for(TrackVectors, "before_update")
def _write_serial(_mapper: object, connection: Connection, vectors: TrackVectors) -> None:
    """SQLite has one writer at a time, so a counter is in the order of commits. With PostgreSQL a counter would have
    every writer wait for each other: the number of the transaction is taken, and `serial_of` knows which have ended.
    """
    if connection.dialect.name == "postgresql":
        vectors.serial = connection.execute(_TRANSACTION).scalar_one()
    else:
        vectors.serial = int(connection.execute(_NEXT_SERIAL).scalar_one())
