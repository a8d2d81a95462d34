"""Runs blocking calls so that the other requests of the web process go on.

The web process serves each connection in a greenlet (`web.server.connections`). gevent replaces sockets, locks and
pauses by cooperative ones. SQLite, hashing and files would still stop every greenlet: they run in native threads. Where
gevent is not in charge, as in tests with Flask's client, all of this runs directly.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_BUSY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY)
"""Errors of SQLite after which the same statement can succeed a moment later."""
_RETRY_SECONDS = 0.01
_ROWS = 100
"""Rows that are fetched together. To wait for a native thread takes longer than to fetch a row."""


def in_native_thread(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The call's result. Only the calling greenlet waits for it."""
    if not _in_greenlet():
        return call(*args, **kwargs)
    import gevent

    result: R
    result, error = gevent.get_hub().threadpool.apply(_attempt, (call, args, kwargs))
    if error is not None:
        raise error
    return result


def _attempt(call: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, BaseException | None]:
    """The result, or the error in its place: gevent would print an error that leaves a native thread."""
    try:
        return call(*args, **kwargs), None
    except BaseException as error:
        return None, error


def _in_greenlet() -> bool:
    """Whether a pause here lets other greenlets go on. Native threads started by `in_native_thread` may block."""
    if (monkey := sys.modules.get("gevent.monkey")) is None or not monkey.is_module_patched("time"):
        return False
    import gevent

    return bool(gevent.get_hub().main_hub)


class Cursor(sqlite3.Cursor):
    """Executes in a native thread, and fetches the first rows there too, which are mostly all."""

    connection: Connection
    _rows: deque[Any]
    """Fetched already."""
    _is_complete: bool
    """Whether there are no other rows."""

    def execute(self, *args: Any) -> Cursor:
        self.connection.wait_while_busy(self._execute, *args)
        return self

    def executemany(self, *args: Any) -> Cursor:
        self._rows, self._is_complete = deque(), True
        self.connection.wait_while_busy(super().executemany, *args)
        return self

    def _execute(self, *args: Any) -> None:
        super().execute(*args)
        self._fetch()

    def _fetch(self) -> None:
        self._rows = deque(super().fetchmany(_ROWS) if self.description else ())
        self._is_complete = len(self._rows) < _ROWS

    def fetchone(self) -> Any:
        if not self._rows and not self._is_complete:
            in_native_thread(self._fetch)
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return list(islice(iter(self.fetchone, None), self.arraysize if size is None else size))

    def fetchall(self) -> list[Any]:
        rest = [] if self._is_complete else in_native_thread(super().fetchall)
        rows, self._rows, self._is_complete = [*self._rows, *rest], deque(), True
        return rows


class Connection(sqlite3.Connection):
    """A connection to SQLite for greenlets.

    SQLite's own wait for a locked database would occupy a native thread, and there are only a few of them. So the wait
    is here, as a pause of the greenlet.
    """

    def __init__(self, path: Path, *, timeout: float, check_same_thread: bool, factory: object) -> None:
        super().__init__(path, timeout=0.0 if _in_greenlet() else timeout, check_same_thread=check_same_thread)
        self._busy_seconds = timeout

    def cursor(self, factory: Any = Cursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        if self.in_transaction:
            self.wait_while_busy(super().commit)

    def rollback(self) -> None:
        if self.in_transaction:
            in_native_thread(super().rollback)

    def wait_while_busy(self, call: Callable[..., Any], *args: Any) -> Any:
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                return in_native_thread(call, *args)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in _BUSY_CODES or not _in_greenlet() or time.monotonic() >= until:
                    raise
            time.sleep(_RETRY_SECONDS)
