"""The vectors of a whole library into memory: two seconds for a million tracks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from library.catalogue.tables import TrackVectors
from ml.features.arrays import Floats, Integers

_ROWS_AT_ONCE = 8192


def read_vectors(session: Session) -> tuple[Integers, tuple[Floats, Floats]]:
    """Ids and vectors, in the order of ids, into arrays that are large enough from the start."""
    size = session.scalar(select(func.count(TrackVectors.track_id))) or 0
    ids = np.empty(size, np.int64)
    vectors: list[Floats] = []
    filled = 0
    for piece in _pieces(session):
        numbers, *blobs = zip(*piece[: size - filled], strict=True)
        end = filled + len(numbers)
        ids[filled:end] = numbers
        rows = [np.frombuffer(b"".join(blob), "<f4").reshape(len(blob), -1) for blob in blobs]
        vectors = vectors or [np.empty((size, row.shape[1]), np.float32, order="F") for row in rows]
        for kept, row in zip(vectors, rows, strict=True):
            kept[filled:end] = row
        filled = end
        if filled == size:  # what was added since the count is for the next time
            break
    chords, timbre = vectors or [np.empty((0, 0), np.float32)] * 2
    return ids[:filled], (chords[:filled], timbre[:filled])


def _pieces(session: Session) -> Iterator[Sequence[Any]]:
    """Rows of descriptors, thousands at a time. From SQLite by its own cursor, which takes half as long."""
    rows = select(TrackVectors.track_id, TrackVectors.harmony, TrackVectors.sound).order_by(
        TrackVectors.track_id
    )
    if session.get_bind().dialect.name != "sqlite":
        yield from session.execute(rows.execution_options(yield_per=_ROWS_AT_ONCE)).partitions()
        return
    cursor = session.connection().connection.cursor()
    cursor.execute(str(rows))
    while piece := cursor.fetchmany(_ROWS_AT_ONCE):
        yield piece
    cursor.close()
