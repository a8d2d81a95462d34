"""The API's analyses: upload a song, get its progress and its report, delete it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, request, url_for

from jobs.queue.analyses import DONE, FAILED, Analysis
from jobs.queue.ids import is_address
from ml.report.errors import AudioError
from web.access.errors import (
    ErrorText,
    MissingError,
    NoRoomError,
    NoSongError,
    NotYoursError,
    TooLargeError,
    TooManySongsError,
)
from web.access.language import translator
from web.access.permissions import client, may_change_library
from web.access.rate_limits import FullQueueError, OwnQueueError
from web.api import uploads
from web.api.events import Feed, follow, stream
from web.api.openapi import operation
from web.api.schemas import AcceptedAnswer, AnalysisAnswer, ref
from web.context import service

api = Blueprint("api", __name__, url_prefix="/api/v1")

POLL_SECONDS = 0.1
"""How often the followed analyses are read from the database."""
FEED = "analyses"
UPLOAD = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}


def install(app: Flask) -> None:
    app.extensions[FEED] = Feed(service().analyses.read_states, poll_seconds=POLL_SECONDS)


@api.post("/analyses")
@operation(
    "Upload a song",
    "The song is the field `file` of a form. It is analysed after the songs before it in the queue; `url` is its page, "
    "and the header `Location` is the address of its analysis.",
    body={"multipart/form-data": UPLOAD},
    status=202,
    answer=ref("Accepted"),
    errors=(NoSongError, TooLargeError, TooManySongsError, AudioError, OwnQueueError, FullQueueError, NoRoomError),
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
@operation(
    "Delete a song with its analysis",
    "Only with the cookie of its upload, or by a client that may change the library: with an API key, signed in, or "
    "without a password from the machine that runs Sori.",
    status=204,
    errors=(NotYoursError,),
)
def delete(analysis_id: str) -> tuple[str, int]:
    analysis = find(analysis_id)
    if analysis.client != client() and not may_change_library():
        raise NotYoursError()
    if not service().delete(analysis):
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
    return stream(follow(current_app.extensions[FEED], analysis_id, state_of, _has_ended))


def _has_ended(analysis: Analysis) -> bool:
    return analysis.state in (DONE, FAILED)


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
