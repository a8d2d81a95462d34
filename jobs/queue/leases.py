"""Rows that engines work on: one engine claims a row and renews its lease; when the lease runs out, the row is queued.

The row is the truth, whatever happens to a process: a killed engine leaves nothing that looks as if it were running.
"""

from __future__ import annotations

import os
import secrets
import socket
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, String, case, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from library.catalogue.database import Catalogue, changed
from ml.report.errors import SoriError

QUEUED, DONE, STOPPED, FAILED = "queued", "done", "stopped", "failed"
RUNNING, STOPPING = LEASED = ("running", "stopping")
LEASE_SECONDS = 15.0
MAX_TRIES = 2
"""A row that kills the process working on it is tried once more."""


class Leased:
    """The columns of a table whose rows are leased."""

    id: Mapped[Any]
    state: Mapped[str] = mapped_column(String(10), default=QUEUED, index=True)
    tries: Mapped[int] = mapped_column(default=0)
    engine: Mapped[str | None] = mapped_column(String(120), default=None)
    leased_until: Mapped[datetime | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    failure_code: Mapped[str | None] = mapped_column(String(40), default=None)
    failure: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """A sentence and its facts, for any language."""


Row = TypeVar("Row", bound=Leased)


class LeaseQueue(Generic[Row]):
    """The rows of one table. Every method is one transaction."""

    table: type[Row]
    claimed: ClassVar[dict[str, Any]] = {}
    """More columns that change when a row is claimed, is queued again or ends."""
    queued: ClassVar[dict[str, Any]] = {}
    ended: ClassVar[dict[str, Any]] = {}

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def claim_first(self, waiting: Select[Any], engine: str) -> Row | None:
        """Lease the first of these ids to this engine; None where nothing waits or another engine was faster."""
        with self.catalogue.session() as session:
            # Read first: an idle engine must not take SQLite's write lock twenty times a second.
            chosen = session.scalar(waiting.limit(1))
            if chosen is None:
                return None
            values = self.claimed | lease(engine) | {"tries": self.table.tries + 1}
            claiming = update(self.table).where(self.table.id == chosen, self.table.state == QUEUED)
            try:
                taken = changed(session, claiming.values(**values))
                session.commit()
            except IntegrityError:
                return None
            return session.get(self.table, chosen, populate_existing=True) if taken else None

    def renew(self, engine: str) -> None:
        self.update(self._leased_to(engine), leased_until=lease_end())

    def held(self, engine: str) -> set[Any]:
        """What this engine works on. A row that is deleted is held no longer."""
        with self.catalogue.session() as session:
            return set(session.scalars(select(self.table.id).where(self._leased_to(engine))))

    def fail(self, row_id: Any, engine: str, error: SoriError) -> bool:
        failure = {"sentence": error.sentence, "facts": error.facts}
        return self.end(row_id, engine, FAILED, failure_code=error.code, failure=failure)

    def end(self, row_id: Any, engine: str, state: str, **values: Any) -> bool:
        """Write how a row ended. False where this engine no longer holds it: each row ends exactly once."""
        values = self.ended | {"engine": None, "leased_until": None, "finished_at": datetime.now(UTC)} | values
        return self.update(self.is_held(row_id, engine), state=state, **values) > 0

    def retry(self, row_id: Any, engine: str) -> bool:
        """Queue a leased row again. False where it has used up its tries, and then it stays as it is."""
        again = self.is_held(row_id, engine) & (self.table.tries < MAX_TRIES)
        return self._requeue(again, tries=self.table.tries) > 0

    def release(self, engine: str, row_id: Any = None) -> int:
        """Queue what this engine holds, or one row of it, as if it had never been tried."""
        return self._requeue(self._leased_to(engine) if row_id is None else self.is_held(row_id, engine))

    def reclaim(self) -> int:
        """Queue again what a dead engine held: its lease has run out.

        Or it ends later than any lease can, because the clock was set back since: that may be a day to wait.
        """
        now = datetime.now(UTC)
        over = self.table.leased_until < now
        impossible = self.table.leased_until > now + timedelta(seconds=2 * LEASE_SECONDS)
        dead = self.table.state.in_(LEASED) & (over | impossible)
        with self.catalogue.session() as session:  # an idle engine must not take the write lock for nothing
            if session.scalar(select(self.table.id).where(dead).limit(1)) is None:
                return 0
        return self._requeue(dead)

    def is_held(self, row_id: Any, engine: str) -> ColumnElement[bool]:
        same: ColumnElement[bool] = self.table.id == row_id
        return same & self._leased_to(engine)

    def update(self, which: ColumnElement[bool], **values: Any) -> int:
        """Change these rows; how many there were."""
        with self.catalogue.transaction() as session:
            count = changed(session, update(self.table).where(which).values(**values))
        return count

    def _leased_to(self, engine: str) -> ColumnElement[bool]:
        return self.table.state.in_(LEASED) & (self.table.engine == engine)

    def _requeue(self, which: ColumnElement[bool], **values: Any) -> int:
        """What was asked to stop is stopped; everything else waits for the next engine."""
        stopping = self.table.state == STOPPING
        values = {
            "state": case((stopping, STOPPED), else_=QUEUED),
            "finished_at": case((stopping, datetime.now(UTC)), else_=None),
            "tries": case((self.table.tries > 0, self.table.tries - 1), else_=0),
            "engine": None,
            "leased_until": None,
        } | values
        return self.update(which, **self.queued, **values)


def lease(engine: str) -> dict[str, Any]:
    """The columns of a row that this engine has claimed now."""
    values = {"state": RUNNING, "engine": engine, "leased_until": lease_end()}
    return values | {"started_at": datetime.now(UTC), "finished_at": None}


def lease_end() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)


def new_engine_name() -> str:
    """A name that no other process has, on any machine."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
