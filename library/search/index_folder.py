"""The folder of index files of one home: which file is to be used, and whether a new one has to be made.

A file counts only with its note in the database, which was written before the first vector was read for it. So a file
from another database is ignored, and so is a file that is newer than a database restored from a backup.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from library.catalogue.changes import count_listed, serial_of
from library.catalogue.database import Catalogue
from library.catalogue.tables import Note, TrackVectors
from library.search.index_file import DamagedIndexError, Header, IndexFile, open_index, read_header
from library.search.index_names import files_in, folder_of, token_of

LOG = logging.getLogger(__name__)

NOTE_PREFIX = "index "
LEAST_CHANGED = 20_000
SHARE_CHANGED = 0.02
"""A new file is made once more tracks than both are new or gone: until then, every search compares the new ones."""


def note_name(token: str) -> str:
    return f"{NOTE_PREFIX}{token}"


def newest_file(catalogue: Catalogue, opened: IndexFile | None = None) -> IndexFile | None:
    """The newest file that is whole and belongs to this database; `opened` again where that is it."""
    for path in files_in(folder_of(catalogue.home)):
        with catalogue.session() as session:
            if session.get(Note, note_name(token_of(path))) is None:
                continue
        if opened is not None and opened.path == path:
            return opened
        with _dropping_damaged(path):
            file = open_index(path)
            with catalogue.session() as session:
                if is_usable(session, file.header):
                    return file
    return None


def is_usable(session: Session, header: Header) -> bool:
    """Not where the serials have begun again, as in a PostgreSQL that was restored on another server."""
    return header.serial <= serial_of(session)


@dataclass(frozen=True)
class Due:
    """Why a new file has to be made: how many tracks the file lacks or has too many, of how many."""

    changed: int
    count: int


def find_due(catalogue: Catalogue, exact_limit: int) -> Due | None:
    """None where the newest file is good enough, or where the library is too small to need one."""
    with catalogue.session() as session:
        count = count_listed(session)
        if count <= exact_limit:
            return None
        header = _newest_header(session, catalogue.home)
        if header is None:
            return Due(count, count)
        later = select(func.count(TrackVectors.track_id)).where(TrackVectors.serial > header.serial)
        tail = session.scalar(later) or 0
        changed = max(tail, abs(count - header.count))
    return Due(changed, count) if changed > max(LEAST_CHANGED, SHARE_CHANGED * header.count) else None


def _newest_header(session: Session, home: Path) -> Header | None:
    for path in files_in(folder_of(home)):
        if session.get(Note, note_name(token_of(path))) is not None:
            with _dropping_damaged(path):
                header = read_header(path)
                return header if is_usable(session, header) else None
    return None


@contextmanager
def _dropping_damaged(path: Path) -> Iterator[None]:
    """A damaged file is removed, so that a new one is made; one that was removed just now is passed over."""
    try:
        yield
    except DamagedIndexError as error:
        LOG.error("an index file is damaged and removed: %s", error)
        with suppress(OSError):
            path.unlink()
    except OSError as error:
        LOG.warning("an index file cannot be read: %s", error.strerror)
