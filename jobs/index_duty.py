"""Keeps the index file of a large library up to date: beside an engine, in a child process of low priority.

Every engine looks whether a new file is due. One of those that share a home builds it: the first to get the lock.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from environment import Environment
from jobs.parent_process import end_with_parent
from library.catalogue.database import open_catalogue
from library.search.index_build import build
from library.search.index_folder import find_due
from library.search.neighbours import EXACT_LIMIT
from ml.report.errors import SoriError

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
RETRY_SECONDS = 1800.0
"""How long it takes until a build that has failed is tried again."""
NICENESS = 15
"""Added to that of the engine: everything else goes before the file."""
_STOP_SECONDS = 0.2


@dataclass(frozen=True)
class Place:
    """The library that the file is for, and the number of tracks up to which it needs none."""

    home: Path
    database_url: str | None = None
    exact_limit: int = EXACT_LIMIT
    reserve_bytes: int = 0
    """What is left free of the disk."""

    @classmethod
    def of(cls, environment: Environment) -> Place:
        return cls(environment.home, environment.database_url, reserve_bytes=environment.min_free_mb * 1_000_000)


class IndexDuty:
    """Looks after the file until its `with` block ends."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)

    def __enter__(self) -> IndexDuty:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            pause = LOOK_SECONDS
            try:
                if is_due(self._place) and not self._build():
                    pause = RETRY_SECONDS
            except (SQLAlchemyError, OSError, SoriError) as error:
                LOG.warning("whether an index file is due is unknown: %s", error)
            if self._ended.wait(pause):
                return

    def _build(self) -> bool:
        """Whether the child process has made a file, or has found another one making it."""
        receiver, sender = Pipe(duplex=False)
        child = SpawnProcess(target=build_in_child, args=(self._place, sender), daemon=True)
        child.start()
        sender.close()
        with receiver:
            while child.is_alive() and not self._ended.is_set():
                self._log(receiver)
            if child.is_alive():
                child.kill()  # the next builder removes what it has written
                child.join()
            elif child.exitcode != 0:
                LOG.error("the process that makes the index file ended with code %s", child.exitcode)
        return child.exitcode == 0

    def _log(self, receiver: Connection) -> None:
        """Pass on what the child process has logged, or wait a moment."""
        try:
            if receiver.poll(_STOP_SECONDS):
                LOG.info("%s", receiver.recv())
        except EOFError:
            self._ended.wait(_STOP_SECONDS)


def is_due(place: Place) -> bool:
    catalogue = open_catalogue(place.home, place.database_url)
    try:
        due = find_due(catalogue, place.exact_limit)
    finally:
        catalogue.close()
    if due is not None:
        LOG.info("index file: %s of %s tracks are new, changed or gone", due.changed, due.count)
    return due is not None


class ToParent(logging.Handler):
    """Sends the messages of a child process to its parent, whose log is set up."""

    def __init__(self, sender: Connection) -> None:
        super().__init__()
        self._sender = sender

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self._sender.send(record.getMessage())


def build_in_child(place: Place, sender: Connection) -> None:
    end_with_parent()
    logging.getLogger("library").addHandler(ToParent(sender))
    logging.getLogger("library").setLevel(logging.INFO)
    os.nice(NICENESS)
    catalogue = open_catalogue(place.home, place.database_url)
    try:
        build(catalogue, reserve_bytes=place.reserve_bytes)
    finally:
        catalogue.close()
