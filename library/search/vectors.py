"""Reads vectors from the database: those of a whole library, two seconds for a million tracks, or of some tracks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from library.catalogue.tables import TrackVectors
from ml.features.arrays import Floats, Integers

_ROWS_AT_ONCE = 8192
_IDS_AT_ONCE = 500
"""Databases limit the length of a statement."""
_ROWS: Any = select(TrackVectors.track_id, TrackVectors.harmony, TrackVectors.sound)

VectorArrays = tuple[Integers, tuple[Floats, Floats]]
"""Track ids, and the harmony and sound vectors in the same order."""


def read_vectors(session: Session, *, after_serial: int | None = None) -> VectorArrays:
    """All tracks, or those whose vectors have a larger serial, in the order of ids, in arrays allocated once."""
    later = () if after_serial is None else (TrackVectors.serial > after_serial,)
    # Ordered by ids, SQLite would read the whole table to find a few serials.
    order = TrackVectors.track_id if after_serial is None else TrackVectors.serial
    size = session.scalar(select(func.count(TrackVectors.track_id)).where(*later)) or 0
    ids = np.empty(size, np.int64)
    vectors: list[Floats] = []
    filled = 0
    for batch in _batches(session, _ROWS.where(*later).order_by(order)):
        numbers, rows = _unpack(batch[: size - filled])
        end = filled + len(numbers)
        ids[filled:end] = numbers
        vectors = vectors or [np.empty((size, row.shape[1]), np.float32, order="F") for row in rows]
        for array, row in zip(vectors, rows, strict=True):
            array[filled:end] = row
        filled = end
        if filled == size:  # tracks that were added after the count are read next time
            break
    harmony, sound = vectors or [np.empty((0, 0), np.float32)] * 2
    if after_serial is not None:
        by_id = np.argsort(ids[:filled])
        return ids[by_id], (harmony[by_id], sound[by_id])
    return ids[:filled], (harmony[:filled], sound[:filled])


def read_some(session: Session, track_ids: Sequence[int]) -> VectorArrays:
    """These tracks, without those that are gone, in the order of ids."""
    found: list[Any] = []
    ordered = sorted(track_ids)
    for start in range(0, len(ordered), _IDS_AT_ONCE):
        some = _ROWS.where(TrackVectors.track_id.in_(ordered[start : start + _IDS_AT_ONCE]))
        found.extend(session.execute(some.order_by(TrackVectors.track_id)))
    return _unpack(found)


def read_pages(session: Session) -> Iterator[VectorArrays]:
    """All tracks in the order of ids, a page at a time. Each page is a query of its own."""
    last = -1
    while batch := session.execute(
        _ROWS.where(TrackVectors.track_id > last).order_by(TrackVectors.track_id).limit(_ROWS_AT_ONCE)
    ).all():
        last = batch[-1].track_id
        yield _unpack(batch)


def _unpack(batch: Sequence[Any]) -> VectorArrays:
    if not batch:
        return np.empty(0, np.int64), (np.empty((0, 0), np.float32), np.empty((0, 0), np.float32))
    numbers, *blobs = zip(*batch, strict=True)
    harmony, sound = (np.frombuffer(b"".join(blob), "<f4").reshape(len(blob), -1) for blob in blobs)
    return np.array(numbers, np.int64), (harmony, sound)


def _batches(session: Session, rows: Any) -> Iterator[Sequence[Any]]:
    """Thousands of rows at a time. With SQLite's own cursor, which takes half as long as SQLAlchemy."""
    if session.get_bind().dialect.name != "sqlite":
        yield from session.execute(rows.execution_options(yield_per=_ROWS_AT_ONCE)).partitions()
        return
    cursor = session.connection().connection.cursor()
    cursor.execute(str(rows.compile(session.get_bind(), compile_kwargs={"literal_binds": True})))
    while batch := cursor.fetchmany(_ROWS_AT_ONCE):
        yield batch
    cursor.close()
