"""The buttons of the library page that have its folders read again, and how far that is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, jsonify, redirect, stream_with_context, url_for
from werkzeug.wrappers import Response as AnyResponse

from web.access.errors import ForbiddenError
from web.access.language import translator
from web.access.permissions import changes_library, may_change_library
from web.context import ENDING, service
from web.pages.scan_process import DONE, FAILED, RUNNING, STOPPED, STOPPING, Scan

rescan = Blueprint("rescan", __name__, url_prefix="/library/rescan")

NAME = "scan"
LOOK_SECONDS = 0.3
FOLLOW_SECONDS = 300.0
COUNTS = {
    "heard": "new or changed",
    "unchanged": "as they were",
    "moved": "moved, copied or touched",
    "linked": "songs of the reference",
    "described": "described anew",
    "forgotten": "gone",
    "failed": "not readable",
}
"""What a run counts, as it is said beside the number."""


def install(app: Flask) -> None:
    app.register_blueprint(rescan)
    with app.app_context():
        app.extensions[NAME] = Scan(service().environment)


def scan() -> Scan:
    return cast(Scan, current_app.extensions[NAME])


@rescan.post("")
@changes_library
def start() -> AnyResponse:
    scan().start()
    return redirect(url_for("browse.library", _anchor="rescan"), 303)


@rescan.post("/stop")
@changes_library
def stop() -> AnyResponse:
    scan().stop()
    return redirect(url_for("browse.library", _anchor="rescan"), 303)


@rescan.get("")
def show() -> Response:
    _check()
    response = jsonify(told())
    response.headers["Cache-Control"] = "no-store"
    return response


@rescan.get("/events")
def events() -> Response:
    """The run as it proceeds, as server-sent events; the last one is its end."""
    _check()
    response = Response(stream_with_context(_follow()), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def told() -> dict[str, Any] | None:
    """The state of the run with its words in the reader's language."""
    state = scan().state()
    if state is None:
        return None
    share = state["done"] / state["total"] if state["total"] else None
    return {**state, "share": share, "message": _message(state), "running": _runs(state)}


def _runs(state: dict[str, Any]) -> bool:
    return state["state"] in (RUNNING, STOPPING)


def _message(state: dict[str, Any]) -> str:
    spoken = translator()
    if state["state"] == STOPPING:
        return spoken.translate("Stopping; what is finished is kept.")
    if state["state"] == RUNNING:
        if state["total"] is None:
            return spoken.translate("{count} files found", count=state["done"])
        return spoken.translate("{done} of {total} files", done=state["done"], total=state["total"])
    if state["state"] == DONE:
        counted = [
            f"{spoken.translate(COUNTS[name])}: {count}" for name, count in state["counts"].items() if count
        ]
        return spoken.translate("The folders were read.") + (f" {', '.join(counted)}." if counted else "")
    if state["state"] == STOPPED:
        return spoken.translate(
            "The reading was stopped. What is finished is kept; the next one goes on from there."
        )
    if state["state"] == FAILED and "error" in state:
        return spoken.translate_error(state["error"]["sentence"], state["error"]["facts"])
    return spoken.translate("The reading ended unexpectedly. The server's log says more.")


def _check() -> None:
    if not may_change_library():
        raise ForbiddenError()


def _follow() -> Iterator[str]:
    last: dict[str, Any] | None = None
    until = time.monotonic() + FOLLOW_SECONDS
    while time.monotonic() < until and not ENDING.is_set():
        now = told()
        if now is None:
            return
        if now != last:
            last = now
            yield f"data: {json.dumps(now)}\n\n"
        if not now["running"]:
            return
        time.sleep(LOOK_SECONDS)
