"""The daily copy of the database, made in a thread: the engine's loop goes on meanwhile."""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

from library.catalogue.backups import back_up
from ml.report.errors import SoriError

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 600.0
"""How often it is checked whether there is a copy of this day."""


class DailyBackup:
    """Makes the copies until its `with` block ends."""

    def __init__(self, home: Path, *, reserve_bytes: int) -> None:
        self._home, self._reserve_bytes = home, reserve_bytes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backup", daemon=True)

    def __enter__(self) -> DailyBackup:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                if path := back_up(self._home, reserve_bytes=self._reserve_bytes, is_ended=self._ended.is_set):
                    LOG.info("backup %s", path.name)
            except InterruptedError:
                return
            except (sqlite3.Error, OSError, SoriError) as error:
                LOG.error("no backup was made: %s", getattr(error, "strerror", None) or error)
            if self._ended.wait(LOOK_SECONDS):
                return
