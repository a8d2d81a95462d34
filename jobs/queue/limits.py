"""Rate limits in the database, so that they are shared by all processes and machines.

Each client and kind of request has a row that says how much of its allowance is used, in the seconds in which that
recovers (leaky bucket). A request adds to it, and is refused when the allowance would not suffice. A clock that was set
back since recovers nothing, but locks nobody out either.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from sqlalchemy import String, case, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from library.catalogue.database import Catalogue, changed
from library.catalogue.tables import Base

_ROUNDING = 1e-6


class Limit(Base):
    __tablename__ = "limits"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    used_seconds: Mapped[float]
    """What was used at `updated_at`, in the seconds in which it recovers."""
    updated_at: Mapped[float] = mapped_column(index=True)
    """Seconds since 1970."""


@dataclass(frozen=True)
class Rate:
    """`burst` requests at once, and one more every `seconds`."""

    name: str
    burst: int
    seconds: float

    @property
    def allowance_seconds(self) -> float:
        return self.burst * self.seconds + _ROUNDING


class Limits:
    """The limits of one database."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def take(self, client: str, rate: Rate, count: int = 1) -> float:
        """Take `count` requests from the client's allowance. Returns 0, or the seconds to wait if nothing was taken.

        Raises OperationalError where the database is locked.
        """
        name = f"{rate.name}:{client}"
        while True:
            try:
                return self._take(name, rate.allowance_seconds, count * rate.seconds)
            except IntegrityError:
                continue  # another process inserted the row after our update found none

    def _take(self, name: str, allowance: float, cost: float) -> float:
        now = time.time()
        passed = case((Limit.updated_at < now, now - Limit.updated_at), else_=0.0)
        used = case((Limit.used_seconds > passed, Limit.used_seconds - passed), else_=0.0)
        # The update comes first: SQLite then waits for the write lock instead of failing.
        taking = update(Limit).where(Limit.name == name, used + cost <= allowance)
        with self._catalogue.brief_transaction() as session:
            if not changed(session, taking.values(used_seconds=used + cost, updated_at=now)):
                still_used = session.scalar(select(used).where(Limit.name == name))
                if still_used is not None:
                    return max(float(still_used) + cost - allowance, 0.001)
                session.add(Limit(name=name, used_seconds=cost, updated_at=now))
        return 0.0

    def sweep(self) -> None:
        """Delete limits that have fully recovered."""
        with self._catalogue.brief_transaction() as session:
            session.execute(delete(Limit).where(Limit.updated_at + Limit.used_seconds < time.time()))


class LocalLimits:
    """The same limits in this process alone, for the time in which the database cannot be written to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, tuple[float, float]] = {}
        """What was used in seconds, and when."""

    def take(self, client: str, rate: Rate, count: int = 1) -> float:
        name, cost, now = f"{rate.name}:{client}", count * rate.seconds, time.monotonic()
        with self._lock:
            used, updated_at = self._used.get(name, (0.0, now))
            used = max(0.0, used - (now - updated_at))
            wait = used + cost - rate.allowance_seconds
            if wait > 0:
                return max(wait, 0.001)
            self._used[name] = (used + cost, now)
        return 0.0

    def sweep(self) -> None:
        now = time.monotonic()
        with self._lock:
            self._used = {name: (used, at) for name, (used, at) in self._used.items() if at + used > now}
