"""The pages of the library: a list to search and leaf through, a page for each track, a walk from track to track."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, make_response, render_template, request, url_for
from flask_babel import format_decimal

from library.catalogue.failures import Failure, latest_failures
from library.catalogue.listing import MOST_COUNTED, genre_names, read_page
from library.catalogue.tables import Track
from ml.audio.sniff import sniff
from ml.report.errors import SoriError
from ml.report.schema import Neighbour, Report
from ml.report.writers import answer
from web.access.errors import MissingError
from web.access.language import translator
from web.access.permissions import may_change_library
from web.api.openapi import LARGEST, Parameter
from web.api.previews import track_audio
from web.api.queries import FEEL, FILTERS, KEYS, MOODS, SEARCH, ask_of, cursor_of, place_of
from web.api.schemas import has_sound, name_of, page_address, track_facts
from web.api.similar import StillReadingError, current, neighbourhood
from web.api.track_views import find_track, similar
from web.context import service
from web.pages.exports import to_playlist
from web.pages.media import send_audio
from web.pages.scan_pages import scan_status

browse = Blueprint("browse", __name__, url_prefix="/library")

PAGE = 50
FAILURES = 100
NEIGHBOURS = 6
WALK = 30
COLUMNS = (
    ("title", "Title"),
    ("artist", "Artist"),
    ("genre", "Genre"),
    ("key", "Key"),
    ("tempo", "Tempo"),
    ("duration", "Length"),
)
"""What a list may be sorted by, and the heads of its columns."""
BEFORE = Parameter("before", "", int, least=1, most=LARGEST)


class NoSoundError(MissingError):
    code = "no_sound"
    sentence = "The file of this track is not there. Its disk may not be connected, or it was moved."


def install(app: Flask) -> None:
    app.register_blueprint(browse)


@browse.get("")
def library() -> str:
    asked = read_query(SEARCH)
    page = read_page(service().catalogue, ask_of(asked), PAGE, place_of(asked))
    current().prepare()  # so that it is there when somebody opens a track
    following = page.following and cursor_of(asked["sort"], page.following)
    return render_template(
        "library.html",
        tracks=[track_facts(track) for track in page.tracks],
        count=_count(page.count),
        asked=asked,
        following=following and page_address("browse.library", asked, following),
        start=url_for("browse.library", **_given(asked)) if asked["after"] else None,
        columns={name: (head, _turned(asked, name)) for name, head in COLUMNS},
        may_change=may_change_library(),
        scan=scan_status() if may_change_library() else None,
        folders=service().environment.folders,
        failures=bool(latest_failures(service().catalogue, 1)),
        **_choices(),
    )


@browse.get("/failures")
def failures() -> str:
    asked = read_query((BEFORE,))
    found = latest_failures(service().catalogue, FAILURES + 1, asked["before"])
    return render_template(
        "library_failures.html",
        failures=[(shown(one.path), _reason(one), one.at) for one in found[:FAILURES]],
        following=found[FAILURES - 1].track_id if len(found) > FAILURES else None,
        first=asked["before"] is None,
    )


@browse.get("/<int:track_id>")
def track(track_id: int) -> str:
    found = find_track(track_id)
    asked = read_query((FEEL, *FILTERS))
    report = Report.from_dict(found.report) if found.report else None
    alike: dict[str, list[Neighbour]] | None = None
    try:
        alike = {by: similar(found, by, NEIGHBOURS, asked) for by in ("harmony", "sound")}
    except StillReadingError:
        alike = None  # the page says so
    return render_template(
        "track.html",
        track=found,
        name=name_of(found),
        report=report,
        answer=answer(report, translator()) if report else None,
        alike=alike,
        asked=asked,
        filtered=bool(_given(asked)),
        feelings={
            feel: url_for(
                "browse.track", track_id=track_id, _anchor="similar", **{**_given(asked), "feel": feel}
            )
            for feel in (None, "livelier", "calmer")
        },
        audio=track_audio(track_id) if has_sound(found) else None,
        **_choices(),
    )


@browse.get("/<int:track_id>/audio")
def audio(track_id: int) -> Response:
    """The file of this row and no other, provided that its bytes are sound."""
    found = find_track(track_id, with_report=False)
    path = found.path
    try:
        if path is None or not path.is_file():
            raise NoSoundError()
        with path.open("rb") as file:
            kind = sniff(file)
    except OSError as error:
        raise NoSoundError() from error
    if kind.reader is None:
        raise NoSoundError()
    return send_audio(path, format=kind.format, name=shown_name(path))


@browse.get("/<int:track_id>/radio")
def radio(track_id: int) -> Response:
    found = find_track(track_id, with_report=False)
    walked: list[Neighbour] = []
    message, status = None, 200
    try:
        walked = walk_from(found)
    except StillReadingError as error:
        message, status = translator().explain(error), error.status
    except SoriError as error:  # there are not enough tracks with files
        message = translator().explain(error)
    text = render_template(
        "library_radio.html", track=found, name=name_of(found), walk=walked, message=message
    )
    response = make_response(text, status)
    if status != 200:
        response.headers["Retry-After"] = str(StillReadingError.retry_after)
    return response


@browse.get("/<int:track_id>/radio.m3u8")
def playlist(track_id: int) -> Response:
    text = to_playlist(walk_from(find_track(track_id, with_report=False)), request.url_root)
    response = Response(text, mimetype="application/vnd.apple.mpegurl")
    response.headers["Content-Disposition"] = f'attachment; filename="radio-{track_id}.m3u8"'
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def walk_from(start: Track) -> list[Neighbour]:
    """From track to track, each the most similar in sound to the one before, none twice."""
    library = neighbourhood()
    from library.search.playlist import walk  # which knows arrays

    return [
        Neighbour(
            str(one.id),
            name_of(one),
            one.artist,
            one.genre,
            0.0,
            preview_url=track_audio(one.id) if has_sound(one) else None,
        )
        for one in walk(library, start, WALK)
    ]


def read_query(parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """The query of a page. Forms send empty fields, which ask for nothing; mail programs add something of theirs."""
    return {one.name: one.read(request.args.get(one.name) or None) for one in parameters}


def shown(path: Path) -> str:
    """A file as this reader may know it: below its folder for all, whole for who may change the library."""
    for folder in service().environment.folders:
        if path.is_relative_to(folder):
            return _text(path.relative_to(folder.parent))
    return _text(path) if may_change_library() else shown_name(path)


def shown_name(path: Path) -> str:
    return _text(Path(path.name))


def _text(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _reason(failure: Failure) -> str:
    facts = dict(failure.facts)
    if "path" in facts:
        facts["path"] = shown(failure.path)
    return translator().translate_error(failure.sentence, facts)


def _count(count: int) -> str:
    told: str = format_decimal(min(count, MOST_COUNTED))
    return f"{told}+" if count > MOST_COUNTED else told


def _choices() -> dict[str, Any]:
    genres = sorted(genre_names(service().catalogue), key=translator().translate)
    return {"genres": genres, "keys": KEYS, "moods": MOODS}


def _given(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What of a question was truly asked, without the place in the list."""
    kept = {name: value for name, value in asked.items() if value not in (None, False)}
    kept = {name: "true" if value is True else value for name, value in kept.items()}
    return {
        name: value for name, value in kept.items() if (name, value) != ("sort", "title") and name != "after"
    }


def _turned(asked: Mapping[str, Any], name: str) -> str:
    """The address of the same list in the order of this column; turned round where it is in that order already."""
    order = f"-{name}" if asked["sort"] == name else name
    return url_for("browse.library", **{**_given(asked), "sort": order})
