"""The vectors of a large library: an index file names candidates, the database says how near they truly are.

Vectors that were written after the file was made, the tail, are in memory and compared one by one; the file's own
entry of such a track is ignored. A deleted track has no vectors in the database, and so is not found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from library.catalogue.filters import Filter
from library.catalogue.tables import Track
from library.search.index_file import IndexFile
from library.search.memory_store import KINDS, Found, MemorySearch, MemoryStore, Vectors
from library.search.vectors import read_pages, read_some
from ml.features.arrays import Floats, Integers, Mask

SPARE = 32
"""More candidates than are wanted, because the file orders them only about right."""
LEAST_COMPARED = 50_000
SHARE_COMPARED = 0.015
"""How many vectors of the file are compared. docs/scaling.md has what was measured."""
FILTERED = 16_384
"""So many candidates are checked at most, before all tracks that match a filter are looked up."""
FILTER_EFFORT = 3
"""So many times as many vectors are compared for them."""
FEW = 20_000
"""So few tracks that match a filter are compared one by one."""
_IDS_AT_ONCE = 500


class FileStore:
    """An open index file, and the tail in memory."""

    def __init__(self, file: IndexFile, tail: MemoryStore) -> None:
        self.file, self.tail = file, tail

    @classmethod
    def load(cls, session: Session, file: IndexFile) -> FileStore:
        return cls(file, MemoryStore.load(session, after_serial=file.header.serial))

    def __len__(self) -> int:
        """About: a track that changed is in the file and in the tail."""
        return self.file.header.count + len(self.tail)

    def search(self, session: Session, only: Filter, without: Sequence[int]) -> FileSearch:
        return FileSearch(self, session, only, without)

    def songs(self, session: Session) -> Iterator[tuple[int, Vectors]]:
        for ids, arrays in read_pages(session):
            for row, track_id in enumerate(ids.tolist()):
                yield track_id, {by: array[row] for by, array in zip(KINDS, arrays, strict=True)}

    def without_tail(self, ids: Integers) -> Integers:
        places = np.searchsorted(self.tail.ids, ids)
        in_tail = np.zeros(len(ids), bool)
        inside = places < len(self.tail.ids)
        in_tail[inside] = self.tail.ids[places[inside]] == ids[inside]
        return ids[~in_tail]


class FileSearch:
    """Among the tracks that a filter allows. What a rare filter needs is read once a search needs it."""

    def __init__(self, store: FileStore, session: Session, only: Filter, without: Sequence[int]) -> None:
        self._store, self._session = store, session
        self._only, self._without = only, np.array(sorted(without), np.int64)
        self._tail = store.tail.search(session, only, without) if len(store.tail) else None
        self._few: MemorySearch | None = None
        self._allowed: Mask | None = None

    def nearest(self, by: str, query: Floats, count: int) -> Found:
        wanted = count + SPARE
        candidates, is_all = self._candidates(by, query, wanted)
        if self._few is not None:
            return self._few.nearest(by, query, count)
        ids, arrays = read_some(self._session, self._store.without_tail(candidates).tolist())
        vectors = arrays[KINDS.index(by)]
        distances = np.linalg.norm(vectors - query, axis=1) if len(ids) else np.empty(0, np.float32)
        later = self._tail.nearest(by, query, count) if self._tail else None
        all_ids = np.concatenate([ids, later.ids]) if later else ids
        all_distances = np.concatenate([distances, later.distances]) if later else distances
        order = np.lexsort((all_ids, all_distances))[:count]

        def vectors_of(place: int) -> Vectors:
            row = int(order[place])
            if later is not None and row >= len(ids):
                return later.vectors(row - len(ids))
            return {kind: array[row] for kind, array in zip(KINDS, arrays, strict=True)}

        is_all = is_all and len(all_ids) <= count and (later is None or later.is_all)
        return Found(all_ids[order], all_distances[order].astype(np.float32), vectors_of, is_all)

    def _candidates(self, by: str, query: Floats, wanted: int) -> tuple[Integers, bool]:
        """Ids of the file that the filter allows, and whether there are no others. Or none, once `_few` is set."""
        index = self._store.file.kinds[by]
        compared = round(LEAST_COMPARED + SHARE_COMPARED * len(index))
        if self._only.is_empty and not len(self._without):
            return index.nearest(query, wanted, compared=compared)
        if self._few is None and self._allowed is None:
            ids, is_all = index.nearest(query, FILTERED, compared=FILTER_EFFORT * compared)
            matching = self._matching(ids, wanted)
            if is_all or len(matching) >= wanted:
                return matching[:wanted], is_all and len(matching) <= wanted
            self._read_filter()
        if self._few is not None:
            return np.empty(0, np.int64), True
        return index.nearest(query, wanted, compared=compared, allowed=self._allowed)

    def _matching(self, ids: Integers, wanted: int) -> Integers:
        """The first that match, in their order: no more than `wanted` and a few."""
        ids = ids[~np.isin(ids, self._without)]
        if self._only.is_empty:
            return ids
        matching: list[int] = []
        for start in range(0, len(ids), _IDS_AT_ONCE):
            some = ids[start : start + _IDS_AT_ONCE].tolist()
            rows = self._session.scalars(select(Track.id).where(Track.id.in_(some), *self._only.conditions()))
            found = set(rows)
            matching.extend(track_id for track_id in some if track_id in found)
            if len(matching) > wanted:
                break
        return np.array(matching, np.int64)

    def _read_filter(self) -> None:
        """All tracks that match, as few vectors in memory or as a mask over ids."""
        size = self._store.file.header.largest_id + 1
        if self._only.is_empty:
            allowed = np.ones(size, bool)
            allowed[self._without[self._without < size]] = False
            self._allowed = allowed
            return
        matching = self._session.scalars(select(Track.id).where(*self._only.conditions()))
        ids = np.fromiter(matching, np.int64)
        ids = ids[~np.isin(ids, self._without)]
        if len(ids) <= FEW:
            self._few = MemorySearch(MemoryStore(read_some(self._session, ids.tolist())))
            return
        self._allowed = np.zeros(size, bool)
        self._allowed[ids[ids < size]] = True
