"""Makes the index file of a large library: in pages from the database, with about 170 bytes of memory for each track.

Any number of processes may try; one of them builds, the others go away. A killed builder leaves a temporary file and
its note in the database, which the next builder removes.
"""

from __future__ import annotations

import fcntl
import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, func, select, text

from library.catalogue.changes import serial_of
from library.catalogue.database import Catalogue
from library.catalogue.tables import Note, TrackVectors
from library.search.clusters import nearest_centres, train_centres, train_rotation
from library.search.index_file import Header, IndexWriter, write_kind
from library.search.index_folder import note_name
from library.search.index_names import PART_SUFFIX, files_in, folder_of, next_path, token_of
from library.search.inverted import Codes, Encoding
from library.search.memory_store import KINDS
from library.search.vectors import read_pages, read_some
from ml.features.arrays import Floats, Integers

LOG = logging.getLogger(__name__)

KEPT_NUMBERS = 80
"""Numbers of each vector in the file. docs/scaling.md has what fewer and more of them cost."""
LISTS_PER_ROOT = 2.0
"""So many lists for the square root of the number of tracks."""
SAMPLE_PER_LIST = 40
MOST_MISSES = 20
"""So many ids are tried for each vector of the sample, where most ids have no vectors."""
KEPT_FILES = 2
"""The newest, and the one that others may still be opening."""
BYTES_PER_TRACK = 200
LOG_EVERY = 1_000_000
_OWNER = "owner"
_WRITTEN_ROWS = 262_144


def build(catalogue: Catalogue, check: Callable[[], object] = lambda: None, *, reserve_bytes: int = 0) -> Path | None:
    """Make a file. None: another process is making one, there are no vectors, or the disk is low on space.

    `check` is called often, and may raise to give up. So many bytes of the disk are left free.
    """
    folder = folder_of(catalogue.home)
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(catalogue, folder) as owner:
        if owner is None:
            return None
        _sweep(catalogue, folder, owner)
        token = secrets.token_hex(8)
        with catalogue.transaction() as session:  # before any vector is read
            session.add(Note(name=note_name(token), value=owner))
            serial = serial_of(session)
            size = session.scalar(select(func.count(TrackVectors.track_id))) or 0
        if shutil.disk_usage(folder).free - size * BYTES_PER_TRACK < reserve_bytes:
            LOG.warning("no index file for %s tracks: the disk is low on space", size)
            return None
        lists = _collect(catalogue, size, check)
        if lists is None:
            return None
        writer = IndexWriter(next_path(folder, token))
        try:
            for number, by in enumerate(KINDS):
                LOG.info("index file: writing %s", by)
                write_kind(writer, by, lists.parts(number))
                check()
            path = writer.finish(Header(token, serial, len(lists), int(lists.ids.max())))
        except BaseException:
            writer.discard()
            raise
        for old in files_in(folder)[KEPT_FILES:]:
            old.unlink(missing_ok=True)
        LOG.info("index file: %s tracks, %s MB", len(lists), round(path.stat().st_size / 1e6))
    return path


@dataclass
class _Kind:
    """The codes of one kind of vector in the order of ids, and the list that each belongs to."""

    encoding: Encoding
    centres: Floats
    codes: Codes
    lists: npt.NDArray[np.uint16]


@dataclass
class _Lists:
    """What the file is written from. Arrays are longer than `count`, so that they seldom have to grow."""

    ids: Integers
    kinds: list[_Kind]
    count: int = field(default=0)

    def __len__(self) -> int:
        return self.count

    def add(self, ids: Integers, arrays: tuple[Floats, ...]) -> None:
        end = self.count + len(ids)
        if end > len(self.ids):
            self._grow(end + end // 8)
        self.ids[self.count : end] = ids
        for kind, vectors in zip(self.kinds, arrays, strict=True):
            rotated = vectors @ kind.encoding.rotation
            kind.codes[self.count : end] = kind.encoding.encode(rotated)
            kind.lists[self.count : end] = nearest_centres(rotated, kind.centres)
        self.count = end

    def trim(self) -> None:
        self.ids = self.ids[: self.count]
        for kind in self.kinds:
            kind.codes, kind.lists = kind.codes[: self.count], kind.lists[: self.count]

    def parts(self, number: int) -> dict[str, Iterator[npt.NDArray[Any]]]:
        """The arrays of a kind as the file has them, sorted by list, in blocks."""
        kind = self.kinds[number]
        order = np.argsort(kind.lists, kind="stable")
        sizes = np.bincount(kind.lists, minlength=len(kind.centres))
        whole = {"rotation": kind.encoding.rotation, "scales": kind.encoding.scales, "centres": kind.centres}
        whole["offsets"] = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        parts: dict[str, Iterator[npt.NDArray[Any]]] = {name: iter([array]) for name, array in whole.items()}
        for name, array in (("ids", self.ids), ("codes", kind.codes)):
            parts[name] = _sorted_blocks(array, order)
        return parts

    def _grow(self, size: int) -> None:
        self.ids = np.resize(self.ids, size)
        for kind in self.kinds:
            kind.codes = np.resize(kind.codes, (size, kind.codes.shape[1]))
            kind.lists = np.resize(kind.lists, size)


def _sorted_blocks(array: npt.NDArray[Any], order: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(order), _WRITTEN_ROWS):
        yield array[order[start : start + _WRITTEN_ROWS]]


def _collect(catalogue: Catalogue, size: int, check: Callable[[], object]) -> _Lists | None:
    """Read every vector once, of about `size` tracks. None where there is none."""
    random = np.random.default_rng()
    count = max(1, min(round(LISTS_PER_ROOT * size**0.5), np.iinfo(np.uint16).max))
    samples = _sample(catalogue, random, SAMPLE_PER_LIST * count, size)
    if not samples:
        return None
    count = min(count, len(samples[0]))
    capacity = size + size // 64 + 1
    lists = _Lists(np.empty(capacity, np.int64), [])
    for by, sample in zip(KINDS, samples, strict=True):
        LOG.info("index file: %s lists of %s from a sample of %s tracks", count, by, len(sample))
        rotation = train_rotation(sample, min(KEPT_NUMBERS, sample.shape[1]))
        encoding = Encoding.fitted(sample, rotation)
        centres = train_centres(sample @ rotation, count, random, check)
        codes = np.empty((capacity, rotation.shape[1]), np.int8)
        lists.kinds.append(_Kind(encoding, centres, codes, np.empty(capacity, np.uint16)))
    with catalogue.session() as session:
        for ids, arrays in read_pages(session):
            session.rollback()  # no transaction lasts longer than the reading of a page
            check()
            before = len(lists)
            lists.add(ids, arrays)
            if before // LOG_EVERY < len(lists) // LOG_EVERY:
                LOG.info("index file: %s of about %s tracks", len(lists), size)
    lists.trim()
    return lists if len(lists) else None


def _sample(catalogue: Catalogue, random: np.random.Generator, wanted: int, size: int) -> tuple[Floats, ...]:
    """The vectors of about `wanted` of `size` tracks, drawn by their ids."""
    with catalogue.session() as session:
        first = session.scalar(select(func.min(TrackVectors.track_id)))
        last = session.scalar(select(func.max(TrackVectors.track_id)))
        if not size or first is None or last is None:
            return ()
        span = last - first + 1
        drawn = min(span, MOST_MISSES * wanted, round(wanted * span / size))
        ids = np.arange(first, last + 1) if drawn == span else np.unique(random.integers(first, last + 1, drawn))
        _, sample = read_some(session, ids.tolist())
        if len(sample[0]) >= min(size, wanted) // 4:
            return sample
        return next(iter(read_pages(session)))[1]  # the ids are far apart: the first page has to do


@contextmanager
def _alone(catalogue: Catalogue, folder: Path) -> Iterator[str | None]:
    """The owner's name, or None where another process builds in this folder now.

    The system takes the lock from a process that dies. Not every network disk passes locks on to other machines;
    machines that share a PostgreSQL have a lock there too, which ends with the connection.
    """
    with (folder / ".lock").open("w") as lock, catalogue.engine.connect() as connection:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        owner = _owner(folder)
        if connection.dialect.name != "postgresql":
            yield owner
            return
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        key = {"key": int(owner, 16) - (1 << 63)}
        is_free = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key)
        try:
            yield owner if is_free else None
        finally:
            if is_free:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


def _owner(folder: Path) -> str:
    """A random name of this folder, which the notes of its files have as their value."""
    path = folder / _OWNER
    with suppress(FileExistsError), path.open("x", encoding="ascii") as file:
        file.write(secrets.token_hex(8))
    return path.read_text(encoding="ascii")


def _sweep(catalogue: Catalogue, folder: Path, owner: str) -> None:
    """Remove what killed builders left, and the notes of files that are gone."""
    for left in folder.glob(f"*{PART_SUFFIX}"):
        left.unlink(missing_ok=True)
    kept = [note_name(token_of(path)) for path in files_in(folder)]
    with catalogue.transaction() as session:
        ours = Note.name.startswith(note_name("")) & (Note.value == owner)
        session.execute(delete(Note).where(ours, Note.name.not_in(kept)))
