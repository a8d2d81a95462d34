"""Settings of gunicorn: one process with a greenlet per connection, because it loads no model and waits more than it
computes.

`web.server.supervisor` starts gunicorn, which never preloads the application. Its arbiter ends with that parent.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

from gunicorn.glogging import Logger

from environment import read_environment
from jobs import parent_process
from web.context import ENDING
from web.server import logs
from web.server.connections import HEAD_SECONDS, Worker, most_connections


class Log(Logger):  # type: ignore[misc]
    """Writes gunicorn's records and ours in the same format."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        logs.set_up("web")
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.addFilter(logs.hide_request)


Worker.environment = read_environment(os.environ)
worker_class = Worker
workers = 1
worker_connections = most_connections(Worker.environment.connections)
timeout = 60
graceful_timeout = 20
keepalive = HEAD_SECONDS
# SORI_PROXIES alone decides which proxy headers count (`web.access.hosts`), never gunicorn.
forwarded_allow_ips = ""
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - shared memory for the heartbeat
loglevel = "warning"
logger_class = Log


def on_starting(server: Any) -> None:
    parent_process.on_parent_exit(lambda: os.kill(os.getpid(), signal.SIGTERM))


def post_worker_init(worker: Any) -> None:
    """On SIGTERM, end the responses that follow an analysis: gunicorn lets responses finish, and these would take
    minutes."""
    handler = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        ENDING.set()
        if callable(handler):
            handler(number, frame)

    signal.signal(signal.SIGTERM, end)
    parent_process.signal_ready()
