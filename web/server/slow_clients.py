"""Gunicorn's threaded worker, which also disconnects slow clients: a few dozen of them would occupy every thread.

The head of a request has to arrive within seconds. A body may take long, as a song over a slow line does, but it has to
keep arriving. The measure is the number of bytes that the system has received for the connection (Linux only).
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
"""Longest pause inside a request body. Longer than the database lock timeout, so that our own waiting never counts
against the client."""
MINIMUM_BYTES_PER_SECOND = 500.0
FIRST_BYTE_SECONDS = 0.5
"""How long a thread waits for the first byte. After that the poller waits: browsers open connections ahead of use."""
_RECEIVED_AT = 128
"""The position of `tcpi_bytes_received` in Linux's `struct tcp_info`."""


@dataclass
class _Reading:
    """A connection whose request is being read. While `request` is None, its head is being read."""

    conn: Any
    since: float
    request: Any = None
    received: int | None = None

    def is_too_slow(self) -> bool:
        seconds = time.monotonic() - self.since
        if self.request is None:
            return seconds > HEAD_SECONDS
        received = received_bytes(self.conn.sock)
        if received is None or self.received is None or seconds <= BODY_SECONDS:
            return False
        return is_unread(self.request) and received - self.received < MINIMUM_BYTES_PER_SECOND * seconds


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        gthread.DEFAULT_WORKER_DATA_TIMEOUT = FIRST_BYTE_SECONDS
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
        """The listening thread, which reads no request itself, calls this once a second."""
        super().murder_pending()
        with self._lock:
            slow = [reading for reading in self._reading.values() if reading.is_too_slow()]
        for reading in slow:
            with suppress(OSError):  # the thread that reads sees the end of the stream
                reading.conn.sock.shutdown(socket.SHUT_RD)


def received_bytes(sock: socket.socket) -> int | None:
    """The bytes that the system has received for a connection; None where the system does not count them."""
    try:
        tcp_info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    except (AttributeError, OSError):
        return None
    count = tcp_info[_RECEIVED_AT : _RECEIVED_AT + 8]
    return int.from_bytes(count, "little") if len(count) == 8 else None


def is_unread(request: Any) -> bool:
    """Whether a part of the request's body has not arrived yet."""
    reader = request.body.reader
    return bool(getattr(reader, "length", 0)) or getattr(reader, "parser", None) is not None
