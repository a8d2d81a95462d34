"""Gunicorn's worker with threads, which hangs up on who sends too slowly: a few dozen would keep every thread.

A head has to be there within seconds. A body may take long, as a song over a slow line does, but it has to come at all.
What is counted are the bytes that the system has received for the connection, where the system tells (Linux).
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gunicorn.workers import gthread

HEAD_SECONDS = 10.0
BODY_SECONDS = 40.0
"""So long a body may stand still: longer than a locked database is waited for, when it is we who do not read."""
LEAST_BYTES_A_SECOND = 500.0
SILENT_SECONDS = 0.5
"""A thread waits so long for the first byte; connections that browsers open ahead of their use are the poller's."""
_RECEIVED_AT = 128
"""Where `tcpi_bytes_received` stands in Linux's `struct tcp_info`."""


@dataclass
class _Reading:
    """A connection whose request is being read; the head alone while there is no `request`."""

    conn: Any
    since: float
    request: Any = None
    received: int | None = None

    def is_too_slow(self) -> bool:
        seconds = time.monotonic() - self.since
        if self.request is None:
            return seconds > HEAD_SECONDS
        received = received_bytes(self.conn.sock)
        if (
            seconds <= BODY_SECONDS
            or received is None
            or self.received is None
            or not is_unread(self.request)
        ):
            return False
        return received - self.received < LEAST_BYTES_A_SECOND * seconds


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        gthread.DEFAULT_WORKER_DATA_TIMEOUT = SILENT_SECONDS
        self._reading: dict[int, _Reading] = {}
        self._lock = threading.Lock()

    def handle(self, conn: Any) -> Any:
        with self._lock:
            self._reading[id(conn)] = _Reading(conn, time.monotonic())
        try:
            return super().handle(conn)
        finally:
            with self._lock:
                del self._reading[id(conn)]

    def handle_request(self, request: Any, conn: Any) -> Any:
        with self._lock:
            self._reading[id(conn)] = _Reading(conn, time.monotonic(), request, received_bytes(conn.sock))
        return super().handle_request(request, conn)

    def murder_pending(self) -> None:
        """Called once a second by the thread that listens, which reads no request itself."""
        super().murder_pending()
        with self._lock:
            slow = [one for one in self._reading.values() if one.is_too_slow()]
        for one in slow:
            with suppress(OSError):  # whoever reads now sees the end of the stream
                one.conn.sock.shutdown(socket.SHUT_RD)


def received_bytes(sock: socket.socket) -> int | None:
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    except (AttributeError, OSError):
        return None
    counted = told[_RECEIVED_AT : _RECEIVED_AT + 8]
    return int.from_bytes(counted, "little") if len(counted) == 8 else None


def is_unread(request: Any) -> bool:
    """Whether some of the request's body is still to come."""
    reader = request.body.reader
    return bool(getattr(reader, "length", 0)) or getattr(reader, "parser", None) is not None
