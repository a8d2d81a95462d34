"""The library's descriptors in this process: read when first asked for, and again when they have changed.

Nobody waits for a change: while newer descriptors are read beside the work, those that are there answer.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from library.catalogue.changes import state_of
from library.catalogue.database import Catalogue

if TYPE_CHECKING:
    from library.search.neighbours import Library

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
"""How often it is looked whether the library has changed, at most."""
REST = 20.0
"""After a reading there is a rest of so many times its length, for a library that grows by the second."""


class Current:
    """`newest()` is the newest `Library` that was read. Any thread may ask."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._library: Library | None = None
        self._state = ""
        self._next_look = 0.0

    def newest(self, patience: float) -> Library | None:
        """None where the first reading takes longer than `patience` seconds, or failed."""
        self.prepare()
        if self._library is None and (reader := self._reader) is not None:
            reader.join(patience)
        return self._library

    def prepare(self) -> None:
        """Begin to read what is new, unless that is being done, or was a moment ago."""
        with self._lock:
            if self._reader is not None or time.monotonic() < self._next_look:
                return
            self._next_look = time.monotonic() + LOOK_SECONDS
            self._reader = threading.Thread(target=self._read, name="library", daemon=True)
            self._reader.start()

    def settle(self) -> None:
        """Wait until nothing is being read."""
        if (reader := self._reader) is not None:
            reader.join()

    def _read(self) -> None:
        begun = time.monotonic()
        try:
            state = state_of(self._catalogue)
            if self._library is None or state != self._state:
                from library.search.neighbours import Library  # with its arrays, too much for the start

                self._library, self._state = Library.load(self._catalogue), state
                rest = max(LOOK_SECONDS, REST * (time.monotonic() - begun))
                self._next_look = time.monotonic() + rest
        except (SQLAlchemyError, OSError, ValueError):
            LOG.exception("the library could not be read for neighbours")
        finally:
            self._reader = None
