"""Libraries whose vectors lie in groups, as those of real songs do, and what searches in them should find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.filters import Filter
from library.catalogue.tables import Track, TrackVectors
from library.search.index_build import build
from library.search.memory_store import MemoryStore, Store
from library.search.neighbours import Library
from ml.features.arrays import Floats

DIMENSIONS = 24
GROUPS = 12


def grouped(count: int, seed: int) -> Floats:
    """Vectors of length one around a few centres."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((GROUPS, DIMENSIONS))
    vectors = centres[random.integers(GROUPS, size=count)] + 0.5 * random.standard_normal((count, DIMENSIONS))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def fill(catalogue: Catalogue, count: int, *, first: int = 1) -> None:
    """Tracks as they were written before there were serials. Every fourth has the genre jazz, every hundredth polka."""
    ids = range(first, first + count)
    harmony, sound = grouped(count, first), grouped(count, first + 1)
    with catalogue.transaction() as session:
        session.execute(insert(Track), [row_of(number) for number in ids])
        rows = zip(ids, harmony, sound, strict=True)
        vectors = [{"track_id": i, "harmony": h.tobytes(), "sound": s.tobytes()} for i, h, s in rows]
        session.execute(insert(TrackVectors), vectors)


def row_of(number: int) -> dict[str, object]:
    genre = "polka" if number % 100 == 0 else "jazz" if number % 4 == 0 else "rock"
    facts = {"features_version": "test", "sort_key": 0, "sort_genre": genre, "genre": genre}
    return {"id": number, "size": 1, "mtime_ns": 1, "title": f"track {number}", **facts}


def write_vectors(catalogue: Catalogue, track_id: int, vector: Floats) -> None:
    """New vectors for a track, which is made if there is none, as a scan writes them."""
    with catalogue.transaction() as session:
        if session.get(Track, track_id) is None:
            session.execute(insert(Track), [row_of(track_id)])
        data = vector.astype("<f4").tobytes()
        session.merge(TrackVectors(track_id=track_id, harmony=data, sound=data))


def delete_track(catalogue: Catalogue, track_id: int) -> None:
    with catalogue.transaction() as session:
        session.delete(session.get_one(Track, track_id))


def built(catalogue: Catalogue) -> Path:
    path = build(catalogue)
    assert path is not None
    return path


def from_file(catalogue: Catalogue) -> Library:
    return Library.load(catalogue, exact_limit=0)


def found(
    store: Store, session: Session, query: Floats, count: int = 3, by: str = "sound", only: Filter | None = None
) -> list[int]:
    ids: list[int] = store.search(session, only or Filter(), ()).nearest(by, query, count).ids.tolist()
    return ids


def true_ids(
    session: Session, query: Floats, count: int = 3, by: str = "sound", only: Filter | None = None
) -> list[int]:
    """Compared with every vector of the database."""
    store = MemoryStore.load(session)
    return found(store, session, query, count, by, only)


def all_ids(session: Session) -> list[int]:
    return list(session.scalars(select(TrackVectors.track_id)))
