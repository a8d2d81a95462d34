"""Logs of the service: one line of `name=value` pairs per request, for people and programs.

A log holds no song names, no client addresses, no secrets, and only the first characters of an analysis's id.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time

from flask import Flask, Response, g, request

from web.context import service
from web.server.metrics import current_metrics

LOG = logging.getLogger(__name__)
_PLAIN = re.compile(r"[\w./:@+~<>-]+")


class Lines(logging.Formatter):
    """One line per record: time, level, part of the service, message. A traceback follows on further lines."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        facts: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "part": self._part,
            **getattr(record, "facts", {"message": record.message}),
        }
        return " ".join(f"{name}={quoted(value)}" for name, value in facts.items())


def quoted(value: object) -> str:
    """A value as one word: quotes and escapes keep whatever a client sent on one line."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def set_up(part: str, level: int = logging.INFO) -> None:
    """Send everything that this process logs to stderr, in this format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(part))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def hide_request(record: logging.LogRecord) -> bool:
    """Replaces what gunicorn writes about one request, which holds the client's address and the request's line."""
    if _OF_A_REQUEST.match(str(record.msg)):
        reason = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "invalid"
        record.msg, record.args = "a request was not answered by the application: %s", (reason,)
    return True


_OF_A_REQUEST = re.compile(r"Invalid request from ip=|Error handling request|Invalid response header")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
REQUEST_ID = "X-Request-ID"
_A_REQUEST_ID = re.compile(r"[\w.-]{8,64}")
_SHOWN = 6
"""How many characters of an analysis's secret id a log may hold."""


def install(app: Flask) -> None:
    app.before_request(_start_timer)
    app.after_request(_log_at_end)


def _start_timer() -> None:
    g.started_at = time.perf_counter()


def _log_at_end(response: Response) -> Response:
    # A trusted proxy may have set an id for the request already.
    given = request.headers.get(REQUEST_ID, "") if service().environment.proxies else ""
    request_id = given if _A_REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    response.headers[REQUEST_ID] = request_id
    # The log holds the route's rule, as the path can hold a secret id and the query what a person searches for.
    facts: dict[str, object] = {
        "id": request_id,
        "method": request.method if request.method in _METHODS else "other",
        "route": str(request.url_rule or "none"),
        "status": response.status_code,
    }
    if name := (request.view_args or {}).get("analysis_id"):
        facts["analysis"] = str(name)[:_SHOWN]
    endpoint, started_at = request.endpoint or "none", g.get("started_at", time.perf_counter())
    metrics = current_metrics()  # the application's context may be gone when the response is closed

    def log() -> None:
        seconds = time.perf_counter() - started_at
        metrics.count(endpoint, str(facts["method"]), response.status_code, seconds)
        LOG.info("request", extra={"facts": facts | {"ms": round(1000 * seconds)}})

    response.call_on_close(log)
    return response
