"""The buttons of the library page that scan its folders again, and the progress of that scan."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.queue.leases import DONE, QUEUED, RUNNING, STOPPED, STOPPING
from jobs.queue.scans import BusyError, Scan, Scans
from web.access.errors import ForbiddenError, WebError
from web.access.language import translator
from web.access.permissions import changes_library, may_change_library
from web.api.events import Feed, follow, stream
from web.context import service

rescan = Blueprint("rescan", __name__, url_prefix="/library/rescan")

POLL_SECONDS = 0.3
FEED = "scans"
LATEST = "latest"
"""The key of the feed's only value."""
MESSAGES = {
    QUEUED: "The scan starts as soon as the engine is ready.",
    STOPPING: "Stopping; finished files are kept.",
    DONE: "The folders were scanned.",
    STOPPED: "The scan was stopped. Finished files are kept; the next scan continues from there.",
}
COUNTS = {
    "analysed": "new or changed",
    "unchanged": "unchanged",
    "moved": "moved, copied or touched",
    "linked": "linked to the reference catalogue",
    "updated": "updated",
    "missing": "missing",
    "failed": "not readable",
}
"""The labels of what a scan counts."""


class ScanRunsError(WebError):
    code = "scan_runs"
    status = 409
    sentence = "The folders are being scanned already."


class NoFoldersError(WebError):
    code = "no_folders"
    status = 409
    sentence = "No folders are set. Name them in SORI_FOLDERS and start Sori again."


def install(app: Flask) -> None:
    scans = Scans(service().catalogue)

    def read(_: set[str]) -> dict[str, Scan]:
        scan = scans.latest()
        return {} if scan is None else {LATEST: scan}

    app.extensions[FEED] = Feed(read, poll_seconds=POLL_SECONDS)


@rescan.post("")
@changes_library
def start() -> AnyResponse:
    folders = service().environment.folders
    if not folders:
        raise NoFoldersError()
    try:
        Scans(service().catalogue).add(Scan.of(folders))
    except BusyError as error:
        raise ScanRunsError() from error
    return redirect(url_for("browse.library", _anchor="rescan"), 303)


@rescan.post("/stop")
@changes_library
def stop() -> AnyResponse:
    Scans(service().catalogue).stop()
    return redirect(url_for("browse.library", _anchor="rescan"), 303)


@rescan.get("")
def show() -> Response:
    _check()
    response = jsonify(scan_status())
    response.headers["Cache-Control"] = "no-store"
    return response


@rescan.get("/events")
def events() -> Response:
    """The scan as it proceeds, as server-sent events; the last one is its end."""
    _check()
    return stream(follow(current_app.extensions[FEED], LATEST, _state_of, lambda scan: not scan.is_active))


def scan_status() -> dict[str, Any] | None:
    """The running or last scan, with a message in the reader's language; None where there was none."""
    scan = Scans(service().catalogue).latest()
    return None if scan is None else _state_of(scan)


def _state_of(scan: Scan) -> dict[str, Any]:
    return {
        **{name: getattr(scan, name) for name in ("state", "done", "total", "name", "counts")},
        "share": scan.done / scan.total if scan.total else None,
        "message": _message(scan),
        "running": scan.is_active,
    }


def _message(scan: Scan) -> str:
    translate = translator().translate
    if scan.failure is not None:
        return translator().translate_error(scan.failure["sentence"], scan.failure["facts"])
    if scan.state == RUNNING:
        if scan.total is None:
            return translate("{count} files found", count=scan.done)
        return translate("{done} of {total} files", done=scan.done, total=scan.total)
    counts = [f"{translate(COUNTS[name])}: {count}" for name, count in (scan.counts or {}).items() if count]
    return translate(MESSAGES[scan.state]) + (f" {', '.join(counts)}." if counts else "")


def _check() -> None:
    if not may_change_library():
        raise ForbiddenError()
