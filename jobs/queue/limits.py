"""How often somebody may do something, counted in the database, so that it holds for all processes and machines.

One row for each who and what, with one number: the moment at which all that was taken will have come back. Taking
pushes it into the future, and it may be only so far ahead: a bucket that fills steadily, with nobody to fill it.
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
    whole_at: Mapped[float] = mapped_column(index=True)
    """Seconds since 1970 at which nothing counts any more."""


@dataclass(frozen=True)
class Rate:
    """`burst` at once, and one more every `seconds`."""

    name: str
    burst: int
    seconds: float


class Limits:
    """The limits of one database."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def take(self, who: str, rate: Rate, count: int = 1) -> float:
        """Take so many. 0 when they are taken; else, with nothing taken, the seconds until they can be."""
        name = f"{rate.name}:{who}"
        while True:
            try:
                return self._take(name, rate.burst * rate.seconds, count * rate.seconds)
            except IntegrityError:
                continue  # somebody made the row between our look and our writing

    def _take(self, name: str, reach: float, cost: float) -> float:
        now = time.time()
        later = case((Limit.whole_at > now, Limit.whole_at), else_=now) + cost
        # The change comes first: SQLite then waits for its turn instead of failing.
        taking = update(Limit).where(Limit.name == name, Limit.whole_at <= now + reach - cost)
        with self._catalogue.transaction() as session:
            if not changed(session, taking.values(whole_at=later)):
                whole_at = session.scalar(select(Limit.whole_at).where(Limit.name == name))
                if whole_at is not None:
                    return max(whole_at + cost - reach - now, 0.001)
                session.add(Limit(name=name, whole_at=now + cost))
        return 0.0

    def sweep(self) -> None:
        """Forget whoever has all of it back."""
        with self._catalogue.transaction() as session:
            session.execute(delete(Limit).where(Limit.whole_at < time.time()))
