"""The vectors of a library in memory: every search compares all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from library.catalogue.filters import Filter
from library.catalogue.tables import Track, TrackVectors
from library.search.index import Index
from library.search.vectors import VectorArrays, read_vectors
from ml.features.arrays import Floats, Integers, Mask

KINDS = ("harmony", "sound")
Vectors = dict[str, Floats]
"""The vector of a song for each of `KINDS`."""


@dataclass(frozen=True)
class Found:
    """Candidates, nearest first. `vectors` gives those of the candidate at a position."""

    ids: Integers
    distances: Floats
    vectors: Callable[[int], Vectors]
    is_all: bool
    """Whether there are no further ones."""


class Search(Protocol):
    """Searches among tracks that a filter allows."""

    def nearest(self, by: str, query: Floats, count: int) -> Found: ...


class Store(Protocol):
    """The vectors of a library, wherever they are."""

    def __len__(self) -> int: ...

    def search(self, session: Session, only: Filter, without: Sequence[int]) -> Search: ...

    def songs(self, session: Session) -> Iterator[tuple[int, Vectors]]: ...


class MemoryStore:
    """Rows are in the order of track ids. `after_serial` is that of `read_vectors`."""

    def __init__(self, arrays: VectorArrays, *, after_serial: int | None = None) -> None:
        self.ids, vectors = arrays
        self.indices = {by: Index(array) for by, array in zip(KINDS, vectors, strict=True)}
        self._after_serial = after_serial

    @classmethod
    def load(cls, session: Session, *, after_serial: int | None = None) -> MemoryStore:
        return cls(read_vectors(session, after_serial=after_serial), after_serial=after_serial)

    def __len__(self) -> int:
        return len(self.ids)

    def vectors(self, row: int) -> Vectors:
        return {by: self.indices[by].vectors[row] for by in KINDS}

    def songs(self, session: Session) -> Iterator[tuple[int, Vectors]]:
        for row, track_id in enumerate(self.ids.tolist()):
            yield track_id, self.vectors(row)

    def search(self, session: Session, only: Filter, without: Sequence[int]) -> MemorySearch:
        return MemorySearch(self, self._allowed(session, only, without))

    def _allowed(self, session: Session, only: Filter, without: Sequence[int]) -> Mask | None:
        if only.is_empty and not without:
            return None
        allowed: Mask = np.ones(len(self.ids), bool)
        if not only.is_empty:
            matching = select(Track.id).where(*only.conditions())
            if self._after_serial is not None:
                later = TrackVectors.serial > self._after_serial
                matching = matching.join(TrackVectors, TrackVectors.track_id == Track.id).where(later)
            allowed = np.isin(self.ids, np.fromiter(session.scalars(matching), np.int64))
        if without:
            allowed &= ~np.isin(self.ids, np.array(without, np.int64))
        return allowed


@dataclass(frozen=True)
class MemorySearch:
    """Among the rows of a store that are allowed; None allows all."""

    store: MemoryStore
    allowed: Mask | None = None

    def nearest(self, by: str, query: Floats, count: int) -> Found:
        if not len(self.store):  # arrays without rows may have no columns either
            return Found(np.empty(0, np.int64), np.empty(0, np.float32), self.store.vectors, True)
        rows, distances = self.store.indices[by].nearest(query, count, allowed=self.allowed)
        is_all = len(rows) < count
        return Found(self.store.ids[rows], distances, lambda place: self.store.vectors(int(rows[place])), is_all)
