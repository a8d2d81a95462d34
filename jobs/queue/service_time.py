"""The time by which songs expire. It passes while an engine runs, and does not follow the machine's clock.

A clock that jumps would delete every song, or none for years. Time in which no engine runs does not count either: it
cannot be told from a jump. The time is a note in the database that all processes read and engines move on.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue, changed
from library.catalogue.tables import Note

NOTE_NAME = "service_time"


def service_time(session: Session) -> datetime:
    """The clock's time until the first engine runs."""
    note = session.get(Note, NOTE_NAME)
    return datetime.fromisoformat(note.value) if note else datetime.now(UTC)


def running_seconds() -> float:
    """Seconds since the machine was started, also those in which it slept where the system counts them."""
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_clock is None else time.clock_gettime(boot_clock)


class ServiceTimer:
    """Moves the time on, for one engine. Of several engines, one does; another continues when that has ended."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._last: str | None = None
        self._last_at = 0.0

    def advance(self) -> None:
        """Add the seconds since the last call, unless another engine has moved the time since."""
        now = running_seconds()
        with self._catalogue.transaction() as session:
            # The update comes first: SQLite then waits for the write lock instead of failing.
            if not self._add(session, now - self._last_at):
                note = session.get(Note, NOTE_NAME)
                if note is None:
                    note = Note(name=NOTE_NAME, value=datetime.now(UTC).isoformat())
                    session.add(note)
                self._last = note.value
        self._last_at = now

    def _add(self, session: Session, seconds: float) -> bool:
        if self._last is None:
            return False
        later = (datetime.fromisoformat(self._last) + timedelta(seconds=seconds)).isoformat()
        unmoved = update(Note).where(Note.name == NOTE_NAME, Note.value == self._last)
        is_moved = changed(session, unmoved.values(value=later)) > 0
        if is_moved:
            self._last = later
        return is_moved
