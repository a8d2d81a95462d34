"""Gunicorn's gevent worker: every connection is a greenlet, so that a slow client costs memory but no thread.

It bounds how many connections are open and how many of them one address may hold. A client that neither sends nor reads
for a while is disconnected.
"""

from __future__ import annotations

import resource
import socket
from collections import Counter
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from environment import Environment

STALL_SECONDS = 60.0
"""How long a client may neither send nor read while it is expected to. A paused player asks again for the rest."""
HEAD_SECONDS = 10
"""How long the head of a request may take, and how long a connection may wait for its next request."""
FILES_PER_CONNECTION = 2
"""The socket, and the song that is sent or received."""
SocketUnreader.max_body_chunk = 65536
"""Bytes that are read ahead of a body, at most. For each read of the application, gunicorn copies all of them."""
_OTHER_FILES = 256
"""Open files beside connections: the database, modules, logs, pipes to child processes."""


def open_file_limit(connections: int) -> int:
    """The number of files that this process may open, raised where so many connections need more."""
    wanted = FILES_PER_CONNECTION * connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def most_connections(wanted: int) -> int:
    """As many connections as wanted, or as the limit of open files allows: at the limit, no page could be served."""
    files = open_file_limit(wanted)
    return max(1, min(wanted, (files - min(_OTHER_FILES, files // 2)) // FILES_PER_CONNECTION))


class Worker(GeventWorker):  # type: ignore[misc]
    environment: Environment
    """Set by the settings of gunicorn."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._connections: Counter[str] = Counter()
        """Open connections by the client's address."""

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        host = _host_of(address)
        if not self.environment.proxies and self._connections[host] >= max(1, self.worker_connections // 2):
            client.close()
            return
        self._connections[host] += 1
        try:
            client.settimeout(STALL_SECONDS)
            AsyncWorker.handle(self, listener, client, address)
        finally:
            self._connections[host] -= 1
            if not self._connections[host]:
                del self._connections[host]

    def handle_request(self, listener_name: Any, request: Any, client: Any, address: Any) -> None:
        try:
            super().handle_request(listener_name, request, client, address)
        except TimeoutError:  # the client has stopped reading: close the connection without a traceback in the log
            raise StopIteration from None


def _host_of(address: Any) -> str:
    """The IP address; of an IPv6 address the network's half, because one client has all the rest."""
    host = str(address[0]) if isinstance(address, tuple) else ""
    if ":" not in host or host.startswith("::ffff:"):
        return host
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8].hex()
