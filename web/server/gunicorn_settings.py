"""Settings of gunicorn: one process with many threads, because it loads no model and waits more than it computes.

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


class Log(Logger):  # type: ignore[misc]
    """Writes gunicorn's records and ours in the same format."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        logs.set_up("web")
        self.error_log.handlers.clear()
        self.error_log.propagate = True


worker_class = "web.server.slow_clients.Worker"
workers = 1
threads = read_environment(os.environ).threads
worker_connections = 1000
timeout = 60
graceful_timeout = 20
keepalive = 5
# SORI_PROXIES alone decides which proxy headers count (`web.access.hosts`), never gunicorn.
forwarded_allow_ips = ""
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - shared memory for the heartbeat
loglevel = "warning"
logger_class = Log


def on_starting(server: Any) -> None:
    parent_process.on_parent_exit(lambda: os.kill(os.getpid(), signal.SIGTERM))


def post_worker_init(worker: Any) -> None:
    """On SIGTERM, end the responses that follow an analysis: gunicorn lets its threads finish, and these would take
    minutes."""
    handler = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        ENDING.set()
        if callable(handler):
            handler(number, frame)

    signal.signal(signal.SIGTERM, end)
    parent_process.signal_ready()
