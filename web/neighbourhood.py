"""The library's descriptors in this process: read beside the requests when first asked for, and when they change.

A request never waits long for them. Until they are there it is told so; while newer ones are read, it is answered from
those that are there.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from library.catalogue import Catalogue
from library.freshness import state_of
from web.errors import WebError
from web.service import service

if TYPE_CHECKING:
    from library.neighbours import Library

LOG = logging.getLogger(__name__)
NAME = "neighbourhood"
LOOK_SECONDS = 3.0
"""How often it is looked whether the library has changed, at most."""
PATIENCE_SECONDS = 0.5
"""So long a request waits for the first reading: a small library is there by then."""
REST = 20.0
"""After a reading there is a rest of so many times its length, for a library that grows by the second."""


class StillReadingError(WebError):
    code = "still_reading"
    status = 503
    retry_after = 2
    sentence = "The library is still being read. Similar songs come in a moment."


class Neighbourhood:
    """`library()` is the newest `Library` that was read. Any thread may ask."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._library: Library | None = None
        self._state = ""
        self._next_look = 0.0

    def library(self, patience: float = PATIENCE_SECONDS) -> Library:
        """Raises `StillReadingError` where there is none yet."""
        self.prepare()
        if self._library is None and (reader := self._reader) is not None:
            reader.join(patience)
        if self._library is None:
            raise StillReadingError()
        return self._library

    def prepare(self) -> None:
        """Begin to read what is new, unless that is being done, or was a moment ago."""
        with self._lock:
            if self._reader is not None or time.monotonic() < self._next_look:
                return
            self._next_look = time.monotonic() + LOOK_SECONDS
            self._reader = threading.Thread(target=self._read, name="neighbourhood", daemon=True)
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
                from library.neighbours import Library  # with its arrays, too much for the start

                self._library, self._state = Library.load(self._catalogue), state
                rest = max(LOOK_SECONDS, REST * (time.monotonic() - begun))
                self._next_look = time.monotonic() + rest
        except (SQLAlchemyError, OSError, ValueError):
            LOG.exception("the library could not be read for neighbours")
        finally:
            self._reader = None


def install(app: Flask) -> None:
    with app.app_context():
        app.extensions[NAME] = Neighbourhood(service().catalogue)


def neighbourhood() -> Neighbourhood:
    return cast(Neighbourhood, current_app.extensions[NAME])
