"""JSON for programs, below `/api/v1`: hand a song in, ask how far it is, take the report, delete it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, request, stream_with_context, url_for

from jobs.queue.analyses import DONE, FAILED, Analysis
from jobs.queue.ids import is_address
from ml.report.errors import AudioError
from web.access.errors import MissingError, NoRoomError, NoSongError, TooLargeError
from web.access.language import translator
from web.access.permissions import client
from web.access.rate_limits import FullQueueError, OwnQueueError
from web.api import uploads
from web.api.openapi import operation
from web.api.schemas import ref
from web.context import ENDING, service

api = Blueprint("api", __name__, url_prefix="/api/v1")

LOOK_SECONDS = 0.1
"""How often a followed analysis is looked at."""
FOLLOW_SECONDS = 300.0
FOLLOWERS = "followers"
UPLOAD = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary"}},
    "required": ["file"],
}


def install(app: Flask) -> None:
    app.register_blueprint(api)
    with app.app_context():
        app.extensions[FOLLOWERS] = threading.Semaphore(max(1, service().environment.threads // 2))


@api.post("/analyses")
@operation(
    "Hand a song in",
    "The song is the field `file` of a form. It is heard as soon as its turn comes; `url` is its page, and the header "
    "`Location` says where to ask for the report.",
    body={"multipart/form-data": UPLOAD},
    status=202,
    answer=ref("Accepted"),
    errors=(NoSongError, TooLargeError, AudioError, OwnQueueError, FullQueueError, NoRoomError),
)
def create() -> tuple[Response, int, dict[str, str]]:
    name, incoming = uploads.songs(request)[0]
    analysis = uploads.accept(name, incoming, client())
    told = state_of(analysis)
    return (
        jsonify({"id": told["id"], "state": told["state"], "url": told["url"]}),
        202,
        {"Location": url_for("api.show", analysis_id=analysis.id)},
    )


@api.get("/analyses/<analysis_id>")
@operation(
    "How far a song is, and its report",
    "`report` is there when `state` is done, `error` when it is failed.",
    answer=ref("Analysis"),
    cached=True,
)
def show(analysis_id: str) -> Response:
    return jsonify(state_of(find(analysis_id)))


@api.delete("/analyses/<analysis_id>")
@operation("Delete a song with everything that is known of it", status=204)
def delete(analysis_id: str) -> tuple[str, int]:
    if not service().forget(find(analysis_id).id):
        raise MissingError()
    return "", 204


@api.get("/analyses/<analysis_id>/events")
@operation(
    "Follow a song",
    "Server-sent events: the analysis without its report, whenever it has changed; the last event is its end.",
    answer={"type": "string"},
    content_type="text/event-stream",
)
def events(analysis_id: str) -> Response:
    """The analysis as it proceeds, as server-sent events; the last one is its end."""
    find(analysis_id)
    response = Response(stream_with_context(_follow(analysis_id)), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def find(analysis_id: str) -> Analysis:
    analysis = service().analyses.get(analysis_id) if is_address(analysis_id) else None
    if analysis is None:
        raise MissingError()
    return analysis


def state_of(analysis: Analysis) -> dict[str, Any]:
    """An analysis as JSON has it. `report` is there when it is done, `error` when it has failed."""
    return {
        "id": analysis.id,
        "state": analysis.state,
        "stage": analysis.stage,
        "progress": round(analysis.progress, 3),
        "name": analysis.name,
        "url": url_for("pages.result", analysis_id=analysis.id),
        "report": analysis.report,
        "error": error_of(analysis),
    }


def error_of(analysis: Analysis) -> dict[str, str] | None:
    if analysis.failure is None or analysis.failure_code is None:
        return None
    message = translator().translate_error(analysis.failure["sentence"], analysis.failure["facts"])
    return {"code": analysis.failure_code, "message": message}


def _follow(analysis_id: str) -> Iterator[str]:
    """Each follower keeps a thread: half of them may be kept, and who comes then is told once and asks again."""
    followers: threading.Semaphore = current_app.extensions[FOLLOWERS]
    stays = followers.acquire(blocking=False)
    try:
        yield from _changes(analysis_id, FOLLOW_SECONDS if stays else 0.0)
    finally:
        if stays:
            followers.release()


def _changes(analysis_id: str, seconds: float) -> Iterator[str]:
    told: dict[str, Any] | None = None
    until = time.monotonic() + seconds
    while not ENDING.is_set():
        analysis = service().analyses.get(analysis_id)
        if analysis is None:
            yield "event: gone\ndata: {}\n\n"
            return
        now = {**state_of(analysis), "report": None}
        if now != told:
            told = now
            yield f"data: {json.dumps(now)}\n\n"
        if analysis.state in (DONE, FAILED) or time.monotonic() >= until:
            return
        time.sleep(LOOK_SECONDS)
