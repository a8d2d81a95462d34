"""Sends the messages that wake workers. A broker that is away delays work and loses none: the rows are sent again."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from environment import Environment
from jobs.cluster.app import ANALYSE_FILES, ANALYSE_UPLOAD, CONNECT_SECONDS, make_app

LOG = logging.getLogger(__name__)

EXPIRE_SECONDS = 600.0
"""A message that no worker takes is dropped after this: its rows have been sent again by then."""
_ANSWER_SECONDS = 1.0
_PAUSE_SECONDS = 10.0
"""After a failure the broker is left alone for this long, so that uploads do not wait for it."""


def sending_limits(url: str) -> dict[str, Any]:
    """How long a send waits for a broker that has a connection and does not answer."""
    if url.startswith("redis"):
        return {"socket_timeout": _ANSWER_SECONDS}
    return {"read_timeout": _ANSWER_SECONDS, "write_timeout": _ANSWER_SECONDS}


class Messages:
    """Sends for one process. Thread-safe. Without a broker, nothing is sent: the engine looks at the rows by itself."""

    def __init__(self, environment: Environment) -> None:
        self._app: Any = None
        if environment.broker_url:
            self._app = make_app(environment)
            self._app.conf.broker_transport_options |= sending_limits(environment.broker_url)
        self._lock = threading.Lock()
        self._away_until = 0.0

    def notify_uploads(self, ids: list[str]) -> bool:
        """One message for each upload. False where the broker is away."""
        return all(self._send(ANALYSE_UPLOAD, [one]) for one in ids)

    def notify_files(self, ids: list[int]) -> bool:
        """One message for a batch of files."""
        return self._send(ANALYSE_FILES, ids)

    def has_workers(self) -> bool:
        """Whether any worker answers now."""
        return bool(self._app.control.ping(timeout=CONNECT_SECONDS, limit=1))

    def is_reachable(self) -> bool:
        """Whether the broker accepts a connection now."""
        try:
            with self._app.connection_for_write(connect_timeout=CONNECT_SECONDS) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0.0, timeout=CONNECT_SECONDS)
        except Exception as error:  # kombu, amqp, redis and sockets each have their own
            LOG.info("the broker: %s: %s", type(error).__name__, error)
            return False
        return True

    def close(self) -> None:
        if self._app is not None:
            self._app.close()

    def _send(self, task: str, ids: list[Any]) -> bool:
        if self._app is None:
            return True
        with self._lock:
            if time.monotonic() < self._away_until:
                return False
        try:
            policy = {"max_retries": 1, "interval_start": 0.0}
            # A RabbitMQ without disk or memory reads nothing and closes nothing.
            limits = {"timeout": CONNECT_SECONDS, "confirm_timeout": CONNECT_SECONDS}
            self._app.send_task(task, args=[ids], expires=EXPIRE_SECONDS, retry=True, retry_policy=policy, **limits)
        except Exception as error:  # kombu, amqp, redis and sockets each have their own
            with self._lock:
                self._away_until = time.monotonic() + _PAUSE_SECONDS
            LOG.warning("the broker: %s: %s", type(error).__name__, error)
            return False
        return True
