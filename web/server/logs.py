"""What the service says of itself, in lines of `name=value` that people read and programs too: one for each request.

There are no names of songs in it, no addresses of people, no secrets, and only the first letters of an analysis's id.
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
from web.server import metrics

LOG = logging.getLogger(__name__)
_PLAIN = re.compile(r"[\w./:@+~<>-]+")


class Lines(logging.Formatter):
    """One line a record: time, level, part, what is said; a traceback follows on lines of its own."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging calls it so
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        facts: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "part": self._part,
            **getattr(record, "told", {"message": record.message}),
        }
        return " ".join(f"{name}={quoted(value)}" for name, value in facts.items())


def quoted(value: object) -> str:
    """A value as one word; quotes and escapes keep it one line, whatever somebody sent."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def set_up(part: str, level: int = logging.INFO) -> None:
    """Send everything that this process logs to stderr, in our shape."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(part))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
REQUEST_ID = "X-Request-ID"
_A_REQUEST_ID = re.compile(r"[\w.-]{8,64}")
_SHOWN = 6
"""How much of an analysis's secret address a log may hold."""


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def request_id() -> str:
    """What this request is called in the log; a proxy that is believed may have named it already."""
    if "request_id" not in g:
        given = request.headers.get(REQUEST_ID, "") if service().environment.proxies else ""
        g.request_id = given if _A_REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    found: str = g.request_id
    return found


def _begin() -> None:
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    response.headers[REQUEST_ID] = request_id()
    # Addresses are secrets here and queries are what people look for: the rule stands for both.
    told: dict[str, object] = {
        "id": request_id(),
        "method": request.method if request.method in _METHODS else "other",
        "route": str(request.url_rule or "none"),
        "status": response.status_code,
    }
    if name := (request.view_args or {}).get("analysis_id"):
        told["analysis"] = str(name)[:_SHOWN]
    endpoint, began, method = (
        request.endpoint or "none",
        g.get("began", time.perf_counter()),
        str(told["method"]),
    )

    def finished() -> None:
        seconds = time.perf_counter() - began
        metrics.count(endpoint, method, response.status_code, seconds)
        LOG.info("request", extra={"told": told | {"ms": round(1000 * seconds)}})

    response.call_on_close(finished)
    return response
