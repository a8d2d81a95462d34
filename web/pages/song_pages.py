"""The pages of one song: upload, waiting, result, and the user's verdict on the genre."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask_babel import format_timedelta
from werkzeug.wrappers import Response

from jobs.queue.analyses import FAILED, PEAKS, Analysis
from jobs.queue.feedback import TRUNK_OUTPUT_FILE, voice_of
from jobs.queue.song_files.interface import StorageAwayError
from ml.report.cells import clean
from ml.report.errors import SoriError
from ml.report.keys import camelot, spell_tonic
from ml.report.lyrics_text import MIN_CONFIDENCE, SOURCES
from ml.report.schema import Report
from ml.report.sentences import answer, clock, percent, reasons
from ml.report.stages import STAGES
from web.access.errors import BadRequestError, ForbiddenError, InternalError, TooLargeError
from web.access.language import translator
from web.access.permissions import client
from web.api import analysis_views, uploads
from web.api.schemas import track_page, with_previews
from web.context import service
from web.pages import charts, genre_texts, lyrics
from web.pages.genre_texts import label_name
from web.pages.media import PICTURES

pages = Blueprint("pages", __name__)

STATES = {"queued": "Waiting in the queue", "running": "Analysing", "done": "Done", "failed": "Failed"}
LANGUAGE_NAMES = {"en": "English", "ko": "한국어"}
NONE = "none"
"""The user's verdict that no label fits."""
RECENT = 8


def install(app: Flask) -> None:
    app.jinja_env.finalize = _printable
    app.jinja_env.globals.update(
        charts=charts,
        shown_lyrics=lyrics.shown_lyrics,
        has_times=lyrics.has_times,
        one_line=clean,
        lyric_sources=SOURCES,
        least_confidence=MIN_CONFIDENCE,
        clock=clock,
        percent=percent,
        genre_colour=genre_texts.genre_colour,
        descriptions=genre_texts.DESCRIPTIONS,
        label_name=label_name,
        label_names=lambda labels: {label: label_name(label) for label in labels},
        key_name=key_name,
        reasons=lambda why: reasons(why, translator()),
        bpms=lambda tempi: ", ".join(f"{bpm:.0f} BPM" for bpm in tempi),
        ago=_ago,
        track_page=track_page,
        language_names=LANGUAGE_NAMES,
        states=STATES,
        stages={name: stage.label for name, stage in STAGES.items()},
        translated=lambda texts: {name: translator().translate(text) for name, text in texts.items()},
    )


@pages.get("/")
def index() -> str:
    return _start_page()


@pages.post("/")
def upload() -> Response | tuple[str, int]:
    """The form without JavaScript: one song leads to its page, several to the list of recent songs."""
    if example := request.form.get("example"):
        return _to_result(uploads.accept_example(example, client()))
    songs = uploads.songs(request)
    if len(songs) == 1:
        return _to_result(uploads.accept(*songs[0], client()))
    refused: list[tuple[str, str]] = []
    for name, incoming in songs:
        try:
            uploads.accept(name, incoming, client())
        except SoriError as error:
            refused.append((uploads.readable(name), translator().explain(error)))
    if refused:
        return _start_page(refused), 422 if len(refused) == len(songs) else 200
    return redirect(url_for("pages.index", _anchor="recent"), 303)


@pages.get("/a/<analysis_id>")
def result(analysis_id: str) -> str:
    analysis = analysis_views.find(analysis_id)
    mine = analysis.client == client()
    if analysis.report is None:
        error = analysis_views.error_of(analysis)
        return render_template("waiting.html", analysis=analysis, error=error, mine=mine, failed=FAILED)
    report = with_previews(Report.from_dict(analysis.report))
    files, peaks = _stored_files(analysis_id)
    labels = [score.label for score in report.genre.scores]
    return render_template(
        "result.html",
        analysis=analysis,
        report=report,
        answer=answer(report, translator()),
        mine=mine,
        no_label=NONE,
        others=labels[1:] if report.genre.confident else labels,
        waveform=charts.waveform(charts.read_peaks(peaks)),
        pictures={name for name in PICTURES if f"{name}.png" in files},
        expiry=service().analyses.expiry(analysis),
        audible=analysis.file in files,
        leading_genres=charts.leading_genres(report),
        thanks="thanks" in request.args,
    )


@pages.post("/a/<analysis_id>/delete")
def delete(analysis_id: str) -> Response:
    service().delete(_own(analysis_id))
    return redirect(url_for("pages.index"), 303)


@pages.post("/a/<analysis_id>/verdict")
def save_verdict(analysis_id: str) -> Response:
    """The user says which genre is right: one of the report's labels, or none of them."""
    analysis = _own(analysis_id)
    verdict = request.form.get("verdict", "")
    if analysis.report is None or verdict not in (*analysis.report["labels"], NONE):
        raise BadRequestError()
    analyses, feedback = service().analyses, service().feedback
    analyses.set_verdict(analysis_id, verdict)
    if verdict == NONE:
        feedback.delete(voice_of(analysis))
    else:
        with suppress(FileNotFoundError):  # reports of older versions have none
            feedback.store(voice_of(analysis), analyses.files.read(analysis_id, TRUNK_OUTPUT_FILE), verdict)
    return redirect(url_for("pages.result", analysis_id=analysis_id, thanks=1, _anchor="verdict"), 303)


def key_name(tonic: str, mode: str) -> str:
    """A key as musicians spell it, with its Camelot code: `D#`, `major` -> `E♭ major (5B)`."""
    name = f"{spell_tonic(tonic, mode)} {translator().translate(mode)}"
    code = camelot(tonic, mode)
    return f"{name} ({code})" if code else name


def _stored_files(analysis_id: str) -> tuple[set[str], bytes]:
    """The names of an analysis' files, and the peaks. Where they cannot be read, the page shows the report alone."""
    files = service().analyses.files
    try:
        names = files.names(analysis_id)
        return names, files.read(analysis_id, PEAKS) if PEAKS in names else b""
    except (OSError, StorageAwayError):
        return set(), b""


def _start_page(refused: Sequence[tuple[str, str]] = ()) -> str:
    return render_template(
        "index.html",
        recent=service().analyses.recent(client(), RECENT),
        refused=refused,
        examples=uploads.examples(),
        megabytes=service().environment.max_upload_mb,
        hours=service().environment.expire_hours,
        too_large=TooLargeError.sentence,
        server_error=InternalError.sentence,
    )


def _to_result(analysis: Analysis) -> Response:
    return redirect(url_for("pages.result", analysis_id=analysis.id), 303)


def _own(analysis_id: str) -> Analysis:
    """An analysis that was uploaded by this browser. Others who have the link may only read it."""
    analysis = analysis_views.find(analysis_id)
    if analysis.client != client():
        raise ForbiddenError()
    return analysis


def _ago(moment: datetime) -> str:
    """A time relative to now: "2 minutes ago", "in 24 hours"."""
    return cast(str, format_timedelta(moment - datetime.now(UTC), threshold=1.2, add_direction=True))


def _printable(value: Any) -> Any:
    """Replaces unpaired surrogates, which occur in broken tags and cannot be encoded as UTF-8."""
    if isinstance(value, str) and not value.isascii():
        return type(value)(value.encode("utf-8", "replace").decode("utf-8"))
    return value
