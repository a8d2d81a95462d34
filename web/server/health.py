"""Whether the service can be used, for those who watch it: `/healthz` says what is wrong, `/metrics` how much there is.

`ok`: all is well. `degraded`: pages are there, but songs have to wait or are refused. `down`, with status 503: neither.
"""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime

from flask import Blueprint, Flask, Response, jsonify
from sqlalchemy.exc import DBAPIError

from jobs.queue.analyses import QUEUED
from jobs.queue.leases import LEASE_SECONDS
from jobs.queue.statistics import count_states
from library.catalogue.database import DATABASE_NAME
from web.context import Service, service
from web.server import metrics

health = Blueprint("health", __name__)

STARTED_AT = time.time()
OK, DEGRADED, DOWN = "ok", "degraded", "down"


def install(app: Flask) -> None:
    app.register_blueprint(health)


@health.get("/healthz")
def healthz() -> tuple[Response, int, dict[str, str]]:
    problems = [*_fatal(service())]
    status = DOWN if problems else OK
    if not problems:
        problems = _bearable(service())
        status = DEGRADED if problems else OK
    answer = jsonify({"status": status, "problems": problems})
    return answer, 503 if status == DOWN else 200, {"Cache-Control": "no-store"}


def _fatal(of: Service) -> list[str]:
    """What makes the service useless. Codes, because this is read by programs."""
    found = []
    home, url = of.environment.home, of.environment.database_url
    if url is None and not (home / DATABASE_NAME).exists():
        found.append("database_gone")  # a process that has it open would not notice
    else:
        try:
            of.analyses.count(QUEUED)
        except DBAPIError:
            found.append("database_unreachable")
    if not os.access(home, os.W_OK | os.X_OK):
        found.append("home_not_writable")
    return found


def _bearable(of: Service) -> list[str]:
    found = []
    if shutil.disk_usage(of.environment.home).free < of.environment.min_free_mb * 1_000_000:
        found.append("disk_low")
    if of.analyses.count(QUEUED) >= of.environment.queue:
        found.append("queue_full")
    if (silent := silent_seconds(of)) is None or silent > LEASE_SECONDS:
        found.append("engine_away")
    if not of.model.is_file():
        found.append("model_missing")
    return found


def silent_seconds(of: Service) -> float | None:
    """How long no engine has given a sign of life; None where there never was one."""
    beat = of.analyses.last_beat()
    return None if beat is None else max(0.0, (datetime.now(UTC) - beat).total_seconds())


@health.get("/metrics")
def show_metrics() -> Response:
    of = service()
    counts = count_states(of.catalogue)
    told = [
        *metrics.requests(),
        *metrics.gauge(
            "sori_analyses", "Songs by state.", {(("state", one),): number for one, number in counts.items()}
        ),
        *metrics.gauge("sori_disk_free_bytes", "Free on the disk of the home.", {(): _free(of)}),
        *metrics.gauge(
            "process_resident_memory_bytes", "Memory of the web process.", {(): metrics.memory_bytes()}
        ),
        *metrics.gauge("process_start_time_seconds", "When the web process started.", {(): STARTED_AT}),
    ]
    if (silent := silent_seconds(of)) is not None:
        text = "How long no engine has given a sign of life."
        told += metrics.gauge("sori_engine_silent_seconds", text, {(): silent})
    return Response("\n".join(told) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _free(of: Service) -> int:
    return shutil.disk_usage(of.environment.home).free
