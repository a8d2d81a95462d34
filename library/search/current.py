"""Keeps the vectors of the library in this process up to date, in a thread of its own.

Requests do not wait for a change: while new vectors are read, the old ones are used.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from library.catalogue.changes import state_of
from library.catalogue.database import Catalogue
from library.search.index_names import NoIndexError, newest_name

if TYPE_CHECKING:
    from library.search.neighbours import Library

MEMORY_LIMIT = 2_000_000
"""More tracks than this are not read into the memory of each process: 1.4 GB. They wait for their index file."""
LOG = logging.getLogger(__name__)

CHECK_SECONDS = 3.0
"""Shortest time between two checks for changes."""
PAUSE_FACTOR = 20.0
"""After a reading, the next check waits this many times its duration: a scan changes the library every second."""


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


class CurrentLibrary:
    """`newest()` is the newest `Library` that was read. Thread-safe.

    `run(function, *arguments)` runs the reading, which takes seconds for a large library. `load_options` are those of
    `Library.load`."""

    def __init__(self, catalogue: Catalogue, run: Callable[..., Any] = _call, **load_options: Any) -> None:
        self._catalogue, self._run = catalogue, run
        self._load_options = {"memory_limit": MEMORY_LIMIT, **load_options}
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._library: Library | None = None
        self._state = ""
        self._next_check = 0.0

    def newest(self, timeout: float) -> Library | None:
        """None where the first reading takes longer than `timeout` seconds, or failed.

        After a long pause the index file may have been replaced twice, and be gone. That is waited for as well: reading
        a mapped file that another machine has removed from a network disk ends the process.
        """
        self.refresh()
        if self._library is None or self._library.has_lost_file:
            self.wait(timeout)
        library = self._library
        return None if library is None or library.has_lost_file else library

    def refresh(self) -> None:
        """Start a reading, unless one is running or the last check was a moment ago."""
        with self._lock:
            if self._reader is not None or time.monotonic() < self._next_check:
                return
            self._next_check = time.monotonic() + CHECK_SECONDS
            self._reader = threading.Thread(target=self._read, name="library", daemon=True)
            self._reader.start()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until no reading is running."""
        if (reader := self._reader) is not None:
            reader.join(timeout)

    def _read(self) -> None:
        begun = time.monotonic()
        try:
            state = f"{state_of(self._catalogue)} {newest_name(self._catalogue.home)}"
            if self._library is None or state != self._state:
                from library.search.neighbours import Library  # loads numpy, which web processes do without

                load = partial(Library.load, before=self._library, **self._load_options)
                self._library, self._state = self._run(load, self._catalogue), state
            # Also after a check alone: of ten million tracks, it counts all.
            pause = max(CHECK_SECONDS, PAUSE_FACTOR * (time.monotonic() - begun))
            self._next_check = time.monotonic() + pause
        except NoIndexError as error:
            LOG.warning("no similar tracks until the index file is made: %s", error)
        except (SQLAlchemyError, OSError, ValueError):
            LOG.exception("the library could not be read for neighbours")
        finally:
            self._reader = None
