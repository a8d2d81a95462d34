"""The API's analyses: upload a song, get its progress and its report, delete it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, request, url_for

from jobs.queue.analyses import DONE, FAILED, Analysis
from jobs.queue.ids import is_address
from ml.report.errors import AudioError
from web.access.errors import ErrorText, MissingError, NoRoomError, NoSongError, TooLargeError
from web.access.language import translator
from web.access.permissions import client
from web.access.rate_limits import FullQueueError, OwnQueueError
from web.api import uploads
from web.api.events import follow, stream
from web.api.openapi import operation
from web.api.schemas import AcceptedAnswer, AnalysisAnswer, ref
from web.context import service

api = Blueprint("api", __name__, url_prefix="/api/v1")

POLL_SECONDS = 0.1
"""How often a followed analysis is read from the database."""
FOLLOW_SECONDS = 300.0
FOLLOWERS = "followers"
UPLOAD = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}


def install(app: Flask) -> None:
    app.extensions[FOLLOWERS] = threading.Semaphore(max(1, service().environment.threads // 2))


@api.post("/analyses")
@operation(
    "Upload a song",
    "The song is the field `file` of a form. It is analysed after the songs before it in the queue; `url` is its page, "
    "and the header `Location` is the address of its analysis.",
    body={"multipart/form-data": UPLOAD},
    status=202,
    answer=ref("Accepted"),
    errors=(NoSongError, TooLargeError, AudioError, OwnQueueError, FullQueueError, NoRoomError),
)
def create() -> tuple[Response, int, dict[str, str]]:
    name, incoming = uploads.songs(request)[0]
    analysis = uploads.accept(name, incoming, client())
    answer = AcceptedAnswer(analysis.id, analysis.state, _page_of(analysis))
    return jsonify(answer), 202, {"Location": url_for("api.show", analysis_id=analysis.id)}


@api.get("/analyses/<analysis_id>")
@operation(
    "Progress and report of an analysis",
    "`report` is set when `state` is done, `error` when it is failed.",
    answer=ref("Analysis"),
    cached=True,
)
def show(analysis_id: str) -> Response:
    analysis = find(analysis_id)
    return jsonify(state_of(analysis, report=analysis.report))


@api.delete("/analyses/<analysis_id>")
@operation("Delete a song with its analysis", status=204)
def delete(analysis_id: str) -> tuple[str, int]:
    if not service().delete(find(analysis_id).id):
        raise MissingError()
    return "", 204


@api.get("/analyses/<analysis_id>/events")
@operation(
    "Follow an analysis",
    "Server-sent events: the analysis without its report, whenever it has changed; the last event is its end.",
    answer={"type": "string"},
    content_type="text/event-stream",
)
def events(analysis_id: str) -> Response:
    find(analysis_id)
    return stream(_follow(analysis_id))


def find(analysis_id: str) -> Analysis:
    analysis = service().analyses.get(analysis_id) if is_address(analysis_id) else None
    if analysis is None:
        raise MissingError()
    return analysis


def state_of(analysis: Analysis, *, report: dict[str, Any] | None = None) -> dict[str, Any]:
    """An analysis as JSON has it."""
    answer = AnalysisAnswer(
        id=analysis.id,
        state=analysis.state,
        url=_page_of(analysis),
        stage=analysis.stage,
        progress=round(analysis.progress, 3),
        name=analysis.name,
        error=error_of(analysis),
    )
    return {**asdict(answer), "report": report}


def _page_of(analysis: Analysis) -> str:
    return url_for("pages.result", analysis_id=analysis.id)


def error_of(analysis: Analysis) -> ErrorText | None:
    if analysis.failure is None or analysis.failure_code is None:
        return None
    message = translator().translate_error(analysis.failure["sentence"], analysis.failure["facts"])
    return ErrorText(analysis.failure_code, message)


def _follow(analysis_id: str) -> Iterator[str]:
    """Each follower occupies a thread. Half of the threads may be occupied so; further followers get one event, and
    connect again."""
    followers: threading.Semaphore = current_app.extensions[FOLLOWERS]
    has_thread = followers.acquire(blocking=False)
    try:
        seconds = FOLLOW_SECONDS if has_thread else 0.0
        if not (yield from follow(partial(_read_state, analysis_id), seconds=seconds, poll_seconds=POLL_SECONDS)):
            yield "event: gone\ndata: {}\n\n"
    finally:
        if has_thread:
            followers.release()


def _read_state(analysis_id: str) -> tuple[dict[str, Any], bool] | None:
    """The state of an analysis, and whether it has ended; None where it was deleted."""
    analysis = service().analyses.get(analysis_id)
    return None if analysis is None else (state_of(analysis), analysis.state in (DONE, FAILED))
