"""For monitoring: `/healthz` reports what is wrong, `/metrics` gives numbers to Prometheus.

`ok`: everything works. `degraded`: pages work, but songs wait or are refused. `down`, with status 503: neither works.
"""

from __future__ import annotations

import os

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy.exc import DBAPIError

from jobs.queue.analyses import QUEUED
from jobs.queue.leases import LEASE_SECONDS
from jobs.storage import has_room
from library.catalogue.backups import DATABASE_NAME
from library.catalogue.database import is_damaged
from web.context import service
from web.server.metrics import current_metrics

health = Blueprint("health", __name__)

OK, DEGRADED, DOWN = "ok", "degraded", "down"


@health.get("/healthz")
def healthz() -> tuple[Response, int, dict[str, str]]:
    status, problems = DOWN, _find_fatal_problems()
    if not problems:
        problems = _find_other_problems()
        status = DEGRADED if problems else OK
    answer = jsonify({"status": status, "problems": problems})
    return answer, 503 if status == DOWN else 200, {"Cache-Control": "no-store"}


def _find_fatal_problems() -> list[str]:
    """Codes, which programs read, of what makes the service useless."""
    problems = []
    home = service().environment.home
    if service().environment.database_url is None and not (home / DATABASE_NAME).exists():
        problems.append("database_gone")  # a process that has the file open would not notice
    else:
        try:
            service().analyses.count(QUEUED)
        except DBAPIError as error:
            problems.append("database_damaged" if is_damaged(error) else "database_unreachable")
    if not os.access(home, os.W_OK | os.X_OK):
        problems.append("home_not_writable")
    return problems


def _find_other_problems() -> list[str]:
    environment, seconds = service().environment, service().engine_silent_seconds()
    is_found = {
        "disk_low": service().free_bytes() < environment.min_free_mb * 1_000_000 or not has_room(environment.home),
        "queue_full": service().analyses.count(QUEUED) >= environment.queue,
        "engine_away": seconds is None or seconds > LEASE_SECONDS,
        "model_missing": not service().model.is_file(),
    }
    return [code for code, found in is_found.items() if found]


@health.get("/metrics")
def show_metrics() -> Response:
    return Response(current_metrics().to_text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
