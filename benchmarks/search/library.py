"""A library of millions of sampled tracks in SQLite, and the true neighbours of the songs that are searched for."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.search.sampled import Source
from library.catalogue.backups import DATABASE_NAME
from library.catalogue.database import open_catalogue
from library.search.memory_store import KINDS
from ml.features.arrays import Floats, Integers

BLOCK = 20_000
COUNT = 3
GENRES = 10
GENRE = "genre 3"
"""The genre whose tracks alone are searched too; genres are those of the tracks that were sampled around."""


class Truth:
    """The three nearest of all tracks that were added so far, for each song and kind: of any genre, and of `GENRE`."""

    def __init__(self, songs: Mapping[str, Floats]) -> None:
        self._songs = songs
        shapes = {name: (len(vectors), COUNT) for by, vectors in songs.items() for name in (by, f"{by} {GENRE}")}
        self.ids = {name: np.zeros(shape, np.int64) for name, shape in shapes.items()}
        self._scores = {name: np.full(shape, -np.inf, np.float32) for name, shape in shapes.items()}

    def add(self, ids: Integers, is_genre: Integers, vectors: Mapping[str, Floats]) -> None:
        for by in KINDS:
            products = self._songs[by] @ vectors[by].T
            self._merge(by, products, ids)
            self._merge(f"{by} {GENRE}", np.where(is_genre, products, -np.inf).astype(np.float32), ids)

    def _merge(self, name: str, products: Floats, ids: Integers) -> None:
        best = np.argpartition(-products, COUNT - 1, axis=1)[:, :COUNT]
        scores = np.hstack([self._scores[name], np.take_along_axis(products, best, axis=1)])
        all_ids = np.hstack([self.ids[name], ids[best]])
        order = np.argsort(-scores, axis=1)[:, :COUNT]
        self._scores[name] = np.take_along_axis(scores, order, axis=1)
        self.ids[name] = np.take_along_axis(all_ids, order, axis=1)


def songs_of(sources: Mapping[str, Source], count: int) -> dict[str, Floats]:
    """New songs, which are not in the library."""
    random = np.random.default_rng(12345)
    tracks = random.integers(len(sources["sound"].tracks), size=count)
    return {by: sources[by].sample(tracks, random) for by in KINDS}


def extend(home: Path, sources: Mapping[str, Source], truth: Truth, before: int, size: int) -> None:
    """Add tracks until there are `size`. Indices are made at the end, which is faster."""
    if before == 0:
        open_catalogue(home).close()
    database = sqlite3.connect(home / DATABASE_NAME)
    database.execute("PRAGMA synchronous = OFF")
    made = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    indices = {name: statement for name, statement in made if name.startswith(("ix_tracks_", "ix_track_vectors"))}
    for name in indices:
        database.execute(f"DROP INDEX {name}")
    for start in range(before + 1, size + 1, BLOCK):
        _add(database, sources, truth, np.arange(start, min(start + BLOCK, size + 1)))
    for statement in indices.values():
        database.execute(statement)
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _add(database: sqlite3.Connection, sources: Mapping[str, Source], truth: Truth, ids: Integers) -> None:
    random = np.random.default_rng(int(ids[0]))
    tracks = random.integers(len(sources["sound"].tracks), size=len(ids))
    vectors = {by: sources[by].sample(tracks, random) for by in KINDS}
    genres = [f"genre {number}" for number in (tracks % GENRES).tolist()]
    truth.add(ids, np.array([genre == GENRE for genre in genres]), vectors)
    database.executemany(
        "INSERT INTO tracks (id, size, mtime_ns, title, genre, sort_genre, sort_key, features_version) "
        "VALUES (?, 1, 1, ?, ?, ?, 0, 'sampled')",
        ((i, f"track {i}", genre, genre) for i, genre in zip(ids.tolist(), genres, strict=True)),
    )
    rows = zip(ids.tolist(), *([row.tobytes() for row in vectors[by]] for by in KINDS), strict=True)
    database.executemany("INSERT INTO track_vectors (track_id, harmony, sound) VALUES (?, ?, ?)", rows)
    database.commit()
