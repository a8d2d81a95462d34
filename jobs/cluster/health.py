"""`/healthz` and `/metrics` of a worker machine, over HTTP."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from environment import Environment
from jobs.cluster.messages import Messages
from jobs.cluster.metrics import machine_metrics
from jobs.storage import has_room
from library.catalogue.database import Catalogue

LOG = logging.getLogger(__name__)


@contextmanager
def serve_health(environment: Environment, catalogue: Catalogue, messages: Messages) -> Iterator[None]:
    """Answer on `SORI_WORKER_PORT` until the block ends."""
    server = _bind(environment, catalogue, messages)
    if server is None:
        yield
        return
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _bind(environment: Environment, catalogue: Catalogue, messages: Messages) -> ThreadingHTTPServer | None:
    if not environment.worker_port:
        return None

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/healthz":
                problems = find_problems(environment, catalogue, messages)
                answer = {"status": "down" if problems else "ok", "problems": problems}
                self._answer(503 if problems else 200, "application/json", json.dumps(answer).encode())
            elif self.path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4", machine_metrics())
            else:
                self._answer(404, "text/plain", b"/healthz or /metrics\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Monitors ask every few seconds, which is not worth a line."""

    try:
        return ThreadingHTTPServer((environment.host, environment.worker_port), Handler)
    except OSError as error:
        LOG.warning("no health and metrics: port %s: %s", environment.worker_port, error.strerror)
        return None


def find_problems(environment: Environment, catalogue: Catalogue, messages: Messages) -> list[str]:
    """Codes, which programs read, of what keeps this machine from analysing songs."""
    problems = []
    try:
        with catalogue.session() as session:
            session.execute(text("SELECT 1"))
    except DBAPIError:
        problems.append("database_unreachable")
    if not messages.is_reachable():
        problems.append("broker_unreachable")
    if not has_room(environment.home):
        problems.append("disk_low")
    return problems
