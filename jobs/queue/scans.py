"""Scans of music folders, one at a time for each library: started by the page or the terminal, visible to both."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from sqlalchemy import JSON, case, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from jobs.queue.leases import DONE, LEASED, QUEUED, RUNNING, STOPPED, STOPPING, Leased, LeaseQueue, lease
from library.catalogue.tables import Base, FolderPaths, Id
from ml.report.errors import SoriError

ACTIVE = (QUEUED, *LEASED)
_WAIT_SECONDS = 0.2


class BusyError(SoriError):
    code = "busy"
    sentence = "Another scan of this library is running. Wait for it, or stop it."


class Scan(Leased, Base):
    __tablename__ = "scans"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    folders: Mapped[list[str]] = mapped_column(FolderPaths)
    jobs: Mapped[int | None] = mapped_column(default=None)
    """Worker processes; None leaves it to the engine."""
    prune: Mapped[bool] = mapped_column(default=False)
    retry_failed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None] = mapped_column(default=None)
    """None while the folders are searched."""
    name: Mapped[str] = mapped_column(default="")
    """The file that was finished last."""
    counts: Mapped[dict[str, int] | None] = mapped_column(JSON, default=None)
    slot: Mapped[int | None] = mapped_column(unique=True, default=None)
    """1 while the scan is leased, so that the database admits one at a time."""

    @classmethod
    def of(
        cls, folders: Sequence[Path], *, jobs: int | None = None, prune: bool = False, retry_failed: bool = False
    ) -> Scan:
        """A scan that is not in the table yet."""
        paths = [os.path.abspath(folder) for folder in folders]
        return cls(folders=paths, jobs=jobs, prune=prune, retry_failed=retry_failed, created_at=datetime.now(UTC))

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE


class Scans(LeaseQueue[Scan]):
    """The scans of one library."""

    table = Scan
    claimed: ClassVar = {"slot": 1, "done": 0, "total": None, "name": ""}
    queued: ClassVar = {"slot": None}
    ended: ClassVar = {"slot": None}

    def add(self, scan: Scan) -> None:
        """Queue a scan for an engine."""
        if (latest := self.latest()) and latest.is_active:
            raise BusyError()
        with self.catalogue.transaction() as session:
            session.add(scan)

    def waiting(self) -> list[Scan]:
        with self.catalogue.session() as session:
            return list(session.scalars(select(Scan).where(Scan.state == QUEUED).order_by(Scan.id)))

    def claim(self, scan_id: int, engine: str) -> Scan | None:
        """Lease a scan to this engine; None where another one is running or another engine was faster."""
        return self.claim_first(select(Scan.id).where(Scan.id == scan_id, Scan.state == QUEUED), engine)

    def begin(self, scan: Scan, engine: str) -> Scan:
        """Lease a scan to the process that runs it by itself.

        Raises BusyError where another process is scanning, which is known by its lease: a living process renews it,
        and that of a killed one is waited for until it has run out.
        """
        lease_before = None
        while True:
            self.reclaim()
            with self.catalogue.session() as session:
                running = session.execute(select(Scan.id, Scan.leased_until).where(Scan.slot == 1)).first()
            if running is None:
                if begun := self._resume(scan, engine) or self._insert(scan, engine):
                    return begun
            elif lease_before not in (None, running):
                raise BusyError()
            lease_before = running
            time.sleep(_WAIT_SECONDS)

    def _resume(self, scan: Scan, engine: str) -> Scan | None:
        """The same scan, left behind by a killed process."""
        wanted = (scan.folders, scan.prune, scan.retry_failed)
        for left in self.waiting():
            if (left.folders, left.prune, left.retry_failed) == wanted:
                return self.claim(left.id, engine)
        return None

    def _insert(self, scan: Scan, engine: str) -> Scan | None:
        for name, value in (lease(engine) | {"slot": 1, "tries": 1}).items():
            setattr(scan, name, value)
        try:
            with self.catalogue.transaction() as session:
                session.add(scan)
        except IntegrityError:  # another process was faster
            return None
        return scan

    def beat(self, scan_id: int, engine: str, done: int, total: int | None, name: str) -> bool:
        """Renew the lease and write the progress. False: the scan is to stop, or is no longer this engine's."""
        values = {"done": done, "total": total, "name": name.encode("utf-8", "replace").decode()}
        held = self.is_held(scan_id, engine)
        self.update(held, leased_until=self.lease_end(), **values)
        with self.catalogue.session() as session:
            return session.scalar(select(Scan.state).where(held)) == RUNNING

    def finish(self, scan_id: int, engine: str, counts: dict[str, int], total: int) -> bool:
        return self.end(scan_id, engine, DONE, counts=counts, done=total, total=total)

    def stop(self) -> None:
        """Ask the process that scans to stop; a scan that waits is stopped at once."""
        waits = Scan.state == QUEUED
        self.reclaim()
        self.update(
            Scan.state.in_((QUEUED, RUNNING)),
            state=case((waits, STOPPED), else_=STOPPING),
            finished_at=case((waits, datetime.now(UTC)), else_=None),
        )

    def folders(self) -> list[Path]:
        """Every folder that was ever scanned into this library."""
        with self.catalogue.session() as session:
            return sorted({Path(folder) for folders in session.scalars(select(Scan.folders)) for folder in folders})

    def folders_of(self, scan_id: int) -> list[Path]:
        with self.catalogue.session() as session:
            scan = session.get(Scan, scan_id)
            return [Path(folder) for folder in scan.folders] if scan else []

    def latest(self) -> Scan | None:
        """The scan that is running, or waits, or ended last."""
        order = case((Scan.state.in_(LEASED), 0), (Scan.state == QUEUED, 1), else_=2)
        newest = select(Scan).order_by(order, Scan.id.desc()).limit(1)
        with self.catalogue.session() as session:
            scan = session.scalars(newest).first()
        if scan is not None and scan.state in LEASED and self.reclaim():  # its process is dead
            with self.catalogue.session() as session:
                return session.scalars(newest).first()
        return scan
