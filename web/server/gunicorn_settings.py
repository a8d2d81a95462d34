"""How gunicorn is run: one process, because it loads no model and waits more than it works, with many threads.

It is started by `web.server.supervisor` and never preloads. Its arbiter ends when that parent is gone.
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
    """Gunicorn's own words in our shape, and ours beside them."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        logs.set_up("web")
        self.error_log.handlers.clear()
        self.error_log.propagate = True


_settings = read_environment(os.environ)

worker_class = "web.server.slow_clients.Worker"
workers = 1
threads = _settings.threads
worker_connections = 1000
timeout = 60
graceful_timeout = 20
keepalive = 5
# SORI_PROXIES alone decides which proxy headers count (`web.access.permissions`), never gunicorn itself.
forwarded_allow_ips = ""
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - shared memory, for a heartbeat
loglevel = "warning"
logger_class = Log


def on_starting(server: Any) -> None:
    parent_process.on_parent_exit(lambda: os.kill(os.getpid(), signal.SIGTERM))


def post_worker_init(worker: Any) -> None:
    """Gunicorn's threads may finish what they are at; those that follow something would go on for minutes."""
    goes_on = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        ENDING.set()
        if callable(goes_on):
            goes_on(number, frame)

    signal.signal(signal.SIGTERM, end)
    parent_process.signal_ready()
