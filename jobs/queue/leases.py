"""Rows that engines and workers work on: one of them claims a row and renews its lease; when the lease runs out, the
row is queued again.

The row is the truth, whatever happens to a process or a message: a killed engine leaves nothing that looks as if it
were running, and what is claimed twice is given to one only.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, String, case, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from library.catalogue.database import Catalogue, changed
from ml.report.errors import SoriError

QUEUED, DONE, STOPPED, FAILED = "queued", "done", "stopped", "failed"
RUNNING, STOPPING = LEASED = ("running", "stopping")
LEASE_SECONDS = 15.0
MAX_TRIES = 3
"""A row that kills the process working on it is tried twice more."""
_CANDIDATES, _ROUNDS = 8, 10


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
        """Lease the first of these ids that nobody else claims at this moment; None where none is left."""
        for _ in range(_ROUNDS):
            with self.catalogue.session() as session:
                # Read first: an idle engine must not take SQLite's write lock twenty times a second.
                candidates = list(session.scalars(waiting.limit(_CANDIDATES)))
            if not candidates:
                return None
            for candidate in candidates:
                if claimed := self.claim_rows([candidate], engine):
                    return claimed[0]
        return None

    def claim_rows(self, ids: Sequence[Any], engine: str, *, charge: bool = True) -> list[Row]:
        """Lease those of these rows that wait, in this order. Rows that another transaction claims now are skipped.

        With `charge` this counts as a try of each; otherwise `charge` does so for the row that is begun.
        """
        table = self.table
        waiting = select(table.id).where(table.id.in_(ids), table.state == QUEUED).order_by(table.id)
        values = self.claimed | self._lease(engine) | ({"tries": table.tries + 1} if charge else {})
        claiming = update(table).where(table.id.in_(waiting.with_for_update(skip_locked=True))).values(**values)
        try:
            with self.catalogue.transaction() as session:
                options = {"synchronize_session": False, "populate_existing": True}
                rows = list(session.scalars(claiming.returning(table), execution_options=options))
        except IntegrityError:  # another row with the same unique value is leased
            return []
        return sorted(rows, key=lambda row: ids.index(row.id))

    def charge(self, row_id: Any, engine: str) -> bool:
        """Count a try of a leased row, before the work that may kill this process. False: it is held no longer."""
        return self.update(self.is_held(row_id, engine), tries=self.table.tries + 1, **self._lease(engine)) > 0

    def renew(self, engine: str) -> int:
        """Renew what this engine holds; how many rows that is."""
        return self.update(self._leased_to(engine), leased_until=self.lease_end())

    def held(self, engine: str) -> set[Any]:
        """What this engine works on. A row that is deleted is held no longer."""
        with self.catalogue.session() as session:
            return set(session.scalars(select(self.table.id).where(self._leased_to(engine))))

    def fail(self, row_id: Any, engine: str, error: SoriError) -> bool:
        return self.end(row_id, engine, FAILED, **_failure(error))

    def end(self, row_id: Any, engine: str, state: str, **values: Any) -> bool:
        """Write how a row ended. False where this engine no longer holds it: each row ends exactly once."""
        return self.update(self.is_held(row_id, engine), state=state, **self._end_values(), **values) > 0

    def retry(self, row_id: Any, engine: str) -> bool:
        """Queue a leased row again. False where it has used up its tries, and then it stays as it is."""
        again = self.is_held(row_id, engine) & (self.table.tries < MAX_TRIES)
        return self._requeue(again, tries=self.table.tries) > 0

    def release(self, engine: str, row_id: Any = None) -> int:
        """Queue what this engine holds, or one row of it, as if it had never been tried."""
        return self._requeue(self._leased_to(engine) if row_id is None else self.is_held(row_id, engine))

    def reclaim(self, lost: SoriError | None = None) -> int:
        """Queue again what a dead engine held: its lease has run out.

        Or it ends later than any lease can, because the clock was set back since: that may be a day to wait.

        Without `lost` the try does not count, because an engine outlives the worker that a song crashes. With it the
        lease was that of a worker: the try counts, and a row without a try left ends with this error.
        """
        over = self.table.leased_until < self.now()
        impossible = self.table.leased_until > self.now() + timedelta(seconds=2 * LEASE_SECONDS)
        dead = self.table.state.in_(LEASED) & (over | impossible)
        with self.catalogue.session() as session:  # an idle engine must not take the write lock for nothing
            if session.scalar(select(self.table.id).where(dead).limit(1)) is None:
                return 0
        # A process that was paused while it wrote a row still has it locked, which must not keep the others waiting.
        dead &= self.table.id.in_(select(self.table.id).where(dead).with_for_update(skip_locked=True))
        if lost is None:
            return self._requeue(dead)
        spent = dead & (self.table.tries >= MAX_TRIES)
        return self.update(spent, state=FAILED, **self._end_values(lost)) + self._requeue(dead, tries=self.table.tries)

    def is_held(self, row_id: Any, engine: str) -> ColumnElement[bool]:
        same: ColumnElement[bool] = self.table.id == row_id
        return same & self._leased_to(engine)

    def update(self, which: ColumnElement[bool], **values: Any) -> int:
        """Change these rows; how many there were."""
        with self.catalogue.transaction() as session:
            count = changed(session, update(self.table).where(which).values(**values))
        return count

    def now(self) -> Any:
        """The time by which leases run out: that of the database, where several machines share one."""
        return func.now() if self.catalogue.engine.dialect.name == "postgresql" else datetime.now(UTC)

    def lease_end(self) -> Any:
        return self.now() + timedelta(seconds=LEASE_SECONDS)

    def _lease(self, engine: str) -> dict[str, Any]:
        """The columns of a row that this engine claims now."""
        return lease(engine) | {"leased_until": self.lease_end()}

    def _end_values(self, error: SoriError | None = None) -> dict[str, Any]:
        values = {"engine": None, "leased_until": None, "finished_at": datetime.now(UTC)}
        return self.ended | values | (_failure(error) if error else {})

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
    now = datetime.now(UTC)
    values = {"state": RUNNING, "engine": engine, "leased_until": now + timedelta(seconds=LEASE_SECONDS)}
    return values | {"started_at": now, "finished_at": None}


def _failure(error: SoriError) -> dict[str, Any]:
    return {"failure_code": error.code, "failure": {"sentence": error.sentence, "facts": error.facts}}


def new_engine_name() -> str:
    """A name that no other process has, on any machine."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
