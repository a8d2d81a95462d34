"""The files of scans that workers on many machines analyse, as rows. Each is written to the library exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import BigInteger, Index, String, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from jobs.queue.leases import DONE, FAILED, LEASED, QUEUED, Leased, LeaseQueue
from library.catalogue.database import changed
from library.catalogue.tables import Base, FilePath, Id, path_hash_of
from library.collection.files import File

_ROWS_AT_ONCE = 1000


class ScanFile(Leased, Base):
    """One file that a scan found new or changed. The row is deleted when its scan has counted the outcome."""

    __tablename__ = "scan_files"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default=QUEUED, index=True)
    scan_id: Mapped[int] = mapped_column(Id)
    path: Mapped[Path] = mapped_column(FilePath)
    path_hash: Mapped[str] = mapped_column(String(64), index=True, unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    """When a message with its id was sent; None while one is to be sent."""
    outcome: Mapped[str | None] = mapped_column(String(10), default=None)
    """How it ended: one of `library.collection.track_writer.OUTCOMES`."""

    __table_args__ = (Index("ix_scan_files_scan_id", "scan_id", "state", "sent_at"),)

    @property
    def file(self) -> File:
        return File(self.path, self.size, self.mtime_ns)


class Ended(NamedTuple):
    """A file that a worker has finished, or, without an outcome, one that was lost with its workers."""

    file: File
    outcome: str | None
    failure_code: str | None


class ScanFiles(LeaseQueue[ScanFile]):
    """The files of all scans of one library. Every method is one transaction."""

    table = ScanFile
    queued: ClassVar = {"sent_at": None}

    def add(self, scan_id: int, files: Iterable[File]) -> None:
        """Store what is to be done. A file that a worker still has, or has finished just now, joins this scan."""
        for some in _batched(files):
            rows = [
                {
                    **{"scan_id": scan_id, "path": file.path, "path_hash": path_hash_of(file.path)},
                    **{"size": file.size, "mtime_ns": file.mtime_ns, "state": QUEUED, "tries": 0},
                }
                for file in some
            ]
            with self.catalogue.transaction() as session:
                session.execute(self._insert(rows))

    def take_over(self, scan_id: int) -> None:
        """Delete what earlier scans, and this one before it was interrupted, left behind, except what a worker has.

        Before the scan reads the library: what ends later is then known to `add`.
        """
        left = _ENDED | ((ScanFile.scan_id != scan_id) & ScanFile.state.not_in(LEASED))
        with self.catalogue.transaction() as session:
            session.execute(delete(ScanFile).where(left))

    def take_unsent(self, scan_id: int, count: int) -> list[int]:
        """Ids of so many files that wait for a message, which is sent now."""
        unsent = select(ScanFile.id).where(
            ScanFile.scan_id == scan_id, ScanFile.state == QUEUED, ScanFile.sent_at.is_(None)
        )
        with self.catalogue.transaction() as session:
            ids = list(session.scalars(unsent.order_by(ScanFile.id).limit(count).with_for_update(skip_locked=True)))
            session.execute(update(ScanFile).where(ScanFile.id.in_(ids)).values(sent_at=datetime.now(UTC)))
        return ids

    def unsend(self, scan_id: int) -> int:
        """Have messages sent again for everything that waits; how much that is. The messages may have been lost."""
        waiting = (ScanFile.scan_id == scan_id) & (ScanFile.state == QUEUED) & ScanFile.sent_at.is_not(None)
        return self.update(waiting, sent_at=None)

    def finish(self, row_id: int, engine: str, write: Callable[[Session], str]) -> bool:
        """Write a result to the library and end its row in one transaction. False where it is held no longer."""
        with self.catalogue.transaction() as session:
            ending = update(ScanFile).where(self.is_held(row_id, engine)).values(state=DONE, **self._end_values())
            if not changed(session, ending):
                return False
            outcome = write(session)
            session.execute(update(ScanFile).where(ScanFile.id == row_id).values(outcome=outcome))
        return True

    def collect(self, scan_id: int) -> list[Ended]:
        """Delete the rows that have ended since the last call, and return them."""
        ended = delete(ScanFile).where(ScanFile.scan_id == scan_id, _ENDED)
        columns = (ScanFile.path, ScanFile.size, ScanFile.mtime_ns, ScanFile.outcome, ScanFile.failure_code)
        with self.catalogue.session() as session:  # no write lock where nothing has ended
            if session.scalar(select(ScanFile.id).where(ScanFile.scan_id == scan_id, _ENDED).limit(1)) is None:
                return []
        with self.catalogue.transaction() as session:
            rows = session.execute(ended.returning(*columns)).all()
        return [Ended(File(row.path, row.size, row.mtime_ns), row.outcome, row.failure_code) for row in rows]

    def count_left(self, scan_id: int) -> tuple[int, int]:
        """How many files of a scan wait, and how many workers have."""
        counts = select(ScanFile.state, func.count()).where(ScanFile.scan_id == scan_id, ~_ENDED)
        with self.catalogue.session() as session:
            by_state = {row[0]: row[1] for row in session.execute(counts.group_by(ScanFile.state))}
        return by_state.pop(QUEUED, 0), sum(by_state.values())

    def discard(self, scan_id: int) -> None:
        """Delete what waits. What workers have now, they finish."""
        with self.catalogue.transaction() as session:
            session.execute(delete(ScanFile).where(ScanFile.scan_id == scan_id, ScanFile.state == QUEUED))

    def _insert(self, rows: list[dict[str, Any]]) -> Any:
        is_postgresql = self.catalogue.engine.dialect.name == "postgresql"
        inserting = (postgresql.insert if is_postgresql else sqlite.insert)(ScanFile).values(rows)
        return inserting.on_conflict_do_update(
            index_elements=[ScanFile.path_hash],
            set_={name: getattr(inserting.excluded, name) for name in ("scan_id", "size", "mtime_ns")},
        )


_ENDED = ScanFile.state.in_((DONE, FAILED))


def _batched(files: Iterable[File]) -> Iterator[list[File]]:
    rest = iter(files)
    while batch := list(islice(rest, _ROWS_AT_ONCE)):
        yield batch
