"""Downloads of a report: JSON, CSV, lyrics, the genre chart as SVG, and the similar tracks as a playlist.

Titles and tags come from strangers: in a table they must not become formulas, in a playlist no lines of their own.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import PurePath
from urllib.parse import urljoin

from flask import Blueprint, Response, render_template, request, send_file

from jobs.queue.analyses import Analysis
from library.collection.exports import to_m3u8, write_csv
from ml.report.json_lines import to_json
from ml.report.schema import Lyrics, Neighbour, Report
from ml.report.sentences import answer
from web.access.errors import MissingError
from web.access.language import translator
from web.api import analysis_views
from web.api.schemas import with_previews
from web.pages.genre_texts import genre_colour, label_name
from web.pages.lyrics import to_lrc, to_text

exports = Blueprint("exports", __name__)

MIMETYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".svg": "image/svg+xml",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".lrc": "text/plain",
    ".txt": "text/plain",
}
COLUMNS = ("part", "start", "end", "name", "value")
Row = tuple[str, float | str, float | str, str, float | str]
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")


@exports.get("/a/<analysis_id>/report.json")
def as_json(analysis_id: str) -> Response:
    analysis, report = _read(analysis_id)
    return _send(analysis, to_json(report) + "\n", "json")


@exports.get("/a/<analysis_id>/report.csv")
def as_csv(analysis_id: str) -> Response:
    analysis, report = _read(analysis_id)
    byte_order_mark = "\ufeff"  # without it, Excel does not read the file as UTF-8
    return _send(analysis, byte_order_mark + to_csv(report), "csv")


@exports.get("/a/<analysis_id>/neighbours.m3u8")
def as_playlist(analysis_id: str) -> Response:
    analysis, report = _read(analysis_id)
    neighbours = (*report.neighbours.harmony, *report.neighbours.sound)
    unique = {neighbour.track_id: neighbour for neighbour in neighbours}
    text = to_playlist(list(unique.values()), request.url_root)
    return _send(analysis, text, "m3u8")


@exports.get("/a/<analysis_id>/words.<any(lrc, txt):suffix>")
def as_lyrics(analysis_id: str, suffix: str) -> Response:
    analysis, report = _read(analysis_id)
    if report.lyrics is None or not report.lyrics.lines:
        raise MissingError()
    text = to_lrc(report, report.lyrics) if suffix == "lrc" else to_text(report.lyrics)
    return _send(analysis, text, suffix)


@exports.get("/a/<analysis_id>/chart.svg")
def as_svg(analysis_id: str) -> Response:
    analysis, report = _read(analysis_id)
    name = " — ".join(one_line(part) for part in (report.title, report.artist) if part)
    bars = [
        (one_line(label_name(score.label)), genre_colour(score.label, report.labels), score.probability)
        for score in report.genre.scores
    ]
    title = one_line(answer(report, translator()))
    text = render_template("chart.svg", bars=bars, name=name, answer=title)
    return _send(analysis, text, "svg")


def to_csv(report: Report) -> str:
    """The report in long form, one value per line."""
    written = io.StringIO()
    lines = ([one_line(value) if isinstance(value, str) else value for value in row] for row in rows(report))
    write_csv(written, COLUMNS, lines)
    return written.getvalue()


def rows(report: Report) -> Iterator[Row]:
    whole = (0.0, round(report.duration_seconds, 2))
    yield ("song", *whole, "title", report.title)
    yield ("song", *whole, "artist", report.artist or "")
    for score in report.genre.scores:
        yield ("genre", *whole, score.label, round(score.probability, 4))
    if report.tempo:
        yield ("tempo", *whole, "bpm", round(report.tempo.bpm, 2))
    if report.key:
        yield ("key", *whole, f"{report.key.tonic} {report.key.mode}", round(report.key.confidence, 4))
    if report.mood:
        yield ("mood", *whole, report.mood.label, round(report.mood.arousal, 4))
    for tag in report.tags:
        yield ("tag", *whole, tag.label, round(tag.probability, 4))
    for moment in report.timeline:
        for label, probability in zip(report.labels, moment.scores, strict=True):
            yield ("timeline", round(moment.start, 2), round(moment.end, 2), label, round(probability, 4))
    for by, neighbours in vars(report.neighbours).items():
        for neighbour in neighbours:
            yield (f"similar by {by}", *whole, full_name(neighbour), round(neighbour.distance, 4))
    if report.lyrics:
        yield from _lyrics_rows(report.lyrics, whole)


def _lyrics_rows(lyrics: Lyrics, whole: tuple[float, float]) -> Iterator[Row]:
    yield ("lyrics", *whole, "source", lyrics.source)
    yield ("lyrics", *whole, "model", lyrics.model)
    yield ("lyrics", *whole, "dropped words", lyrics.dropped_words)
    for line in lyrics.lines:
        yield ("lyrics", _cell(line.start), _cell(line.end), "line", line.text)
        for word in line.words:
            yield ("word", _cell(word.start), _cell(word.end), word.text, round(word.confidence, 4))
    for part, genre in (("genre by words", lyrics.genre), ("genre by sound and words", lyrics.combined)):
        for score in genre.scores if genre else ():
            yield (part, *whole, score.label, round(score.probability, 4))


def _cell(seconds: float | None) -> float | str:
    """An empty cell where the time is not known."""
    return "" if seconds is None else round(seconds, 2)


def to_playlist(found: list[Neighbour], root: str) -> str:
    """Those of the neighbours that can be played, each with its whole address."""
    playable = ((full_name(one), one.preview_url) for one in found)
    return to_m3u8((name, None, urljoin(root, address)) for name, address in playable if address)


def full_name(neighbour: Neighbour) -> str:
    return " - ".join(one_line(part) for part in (neighbour.artist, neighbour.title) if part)


def one_line(text: str) -> str:
    """Text without line breaks and other unprintable characters."""
    return _UNPRINTABLE.sub(" ", text).strip()


def _read(analysis_id: str) -> tuple[Analysis, Report]:
    analysis = analysis_views.find(analysis_id)
    if analysis.report is None:
        raise MissingError()
    return analysis, with_previews(Report.from_dict(analysis.report))


def _send(analysis: Analysis, text: str, suffix: str) -> Response:
    return send_download(text, f"{PurePath(analysis.name).stem or 'sori'}.{suffix}")


def send_download(text: str, name: str) -> Response:
    data = io.BytesIO(text.encode("utf-8", "replace"))
    mimetype = MIMETYPES[PurePath(name).suffix]
    response = send_file(data, mimetype=mimetype, as_attachment=True, download_name=name, max_age=0)
    response.headers["Cache-Control"] = "private, no-cache"
    return response
