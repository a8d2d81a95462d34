"""Rate limits in the database, so that they are shared by all processes and machines.

Each client and kind of request has a row with one number: the time at which its allowance is full again (leaky bucket).
A request moves that time into the future, and is refused when it would move too far.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import String, case, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from library.catalogue.database import Catalogue, changed
from library.catalogue.tables import Base


class Limit(Base):
    __tablename__ = "limits"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    full_at: Mapped[float] = mapped_column(index=True)
    """Seconds since 1970 at which the whole allowance is available again."""


@dataclass(frozen=True)
class Rate:
    """`burst` requests at once, and one more every `seconds`."""

    name: str
    burst: int
    seconds: float


class Limits:
    """The limits of one database."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def take(self, client: str, rate: Rate, count: int = 1) -> float:
        """Take `count` requests from the client's allowance. Returns 0, or the seconds to wait if nothing was taken."""
        name = f"{rate.name}:{client}"
        while True:
            try:
                return self._take(name, rate.burst * rate.seconds, count * rate.seconds)
            except IntegrityError:
                continue  # another process inserted the row after our update found none

    def _take(self, name: str, allowance: float, cost: float) -> float:
        """Both in seconds: what a full allowance is worth, and what this request costs."""
        now = time.time()
        later = case((Limit.full_at > now, Limit.full_at), else_=now) + cost
        # The update comes first: SQLite then waits for the write lock instead of failing.
        taking = update(Limit).where(Limit.name == name, Limit.full_at <= now + allowance - cost)
        with self._catalogue.transaction() as session:
            if not changed(session, taking.values(full_at=later)):
                full_at = session.scalar(select(Limit.full_at).where(Limit.name == name))
                if full_at is not None:
                    return max(full_at + cost - allowance - now, 0.001)
                session.add(Limit(name=name, full_at=now + cost))
        return 0.0

    def sweep(self) -> None:
        """Delete limits that have fully recovered."""
        with self._catalogue.transaction() as session:
            session.execute(delete(Limit).where(Limit.full_at < time.time()))
