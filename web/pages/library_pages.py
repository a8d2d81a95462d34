"""The pages of the library: the searchable list, a page per track, the radio, and files that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import format_decimal

from library.catalogue.failures import Failure, latest_failures
from library.catalogue.listing import MOST_COUNTED, genre_names, mood_names, read_page
from library.catalogue.lyrics import has_words, matching_lines
from library.catalogue.tables import Track
from ml.report.cells import readable_path
from ml.report.errors import AudioError, SoriError
from ml.report.keys import KEYS
from ml.report.schema import Neighbour
from ml.report.sentences import answer
from web.access.errors import MissingError
from web.access.language import translator
from web.access.permissions import may_change_library
from web.api.format_detection import known_format
from web.api.openapi import LARGEST, Parameter
from web.api.queries import FEEL, FILTERS, SEARCH, decode_cursor, encode_cursor, list_query_of
from web.api.schemas import page_address, preview_url, track_facts
from web.api.track_views import LoadingError, find_track, neighbourhood, read_report, similar
from web.context import service
from web.pages.exports import send_download, to_playlist
from web.pages.genre_texts import label_name
from web.pages.media import send_audio
from web.pages.scan_pages import scan_status
from web.pages.song_pages import key_name

browse = Blueprint("browse", __name__, url_prefix="/library")

PAGE = 50
FAILURES = 100
NEIGHBOURS = 6
RADIO_TRACKS = 30
COLUMNS = {"title": "Title", "artist": "Artist", "genre": "Genre", "key": "Key", "tempo": "Tempo", "duration": "Length"}
"""Sort orders and the headings of their columns."""
BEFORE = Parameter("before", "", int, minimum=1, maximum=LARGEST)


class FileMissingError(MissingError):
    code = "no_sound"
    sentence = "The file of this track is missing. It may have been moved, or its disk is not connected."


@browse.get("")
def library() -> str:
    query = read_query(SEARCH)
    page = read_page(service().catalogue, list_query_of(query), PAGE, decode_cursor(query))
    service().library.refresh()  # start loading before somebody opens a track
    cursor = page.following and encode_cursor(query["sort"], page.following)
    shown = [track.id for track in page.tracks]
    return render_template(
        "library.html",
        tracks=[track_facts(track) for track in page.tracks],
        lines=matching_lines(service().catalogue, shown, query["words"]) if query["words"] else {},
        has_words=bool(query["words"]) or has_words(service().catalogue),
        count=_count(page.count),
        query=query,
        filtered=any(query[parameter.name] not in (None, False) for parameter in FILTERS),
        following=cursor and page_address("browse.library", query, cursor),
        start=url_for("browse.library", **_url_values(query)) if query["after"] else None,
        columns={name: (heading, _sort_address(query, name)) for name, heading in COLUMNS.items()},
        may_change=may_change_library(),
        scan=scan_status() if may_change_library() else None,
        folders=service().environment.folders,
        failures=bool(latest_failures(service().catalogue, 1)),
        **_filter_choices(),
    )


@browse.get("/failures")
def failures() -> str:
    before = read_query((BEFORE,))["before"]
    latest = latest_failures(service().catalogue, FAILURES + 1, before)
    return render_template(
        "library_failures.html",
        failures=[(shown_path(failure.path), _reason(failure), failure.at) for failure in latest[:FAILURES]],
        following=latest[FAILURES - 1].track_id if len(latest) > FAILURES else None,
        first=before is None,
    )


@browse.get("/<int:track_id>")
def track(track_id: int) -> str:
    row = find_track(track_id)
    query = read_query((FEEL, *FILTERS))
    report = read_report(row)
    neighbours: dict[str, list[Neighbour]] | None = None
    with suppress(LoadingError):
        neighbours = similar(row, report, ("harmony", "sound"), NEIGHBOURS, query)
    values = _url_values(query)
    similar_address = partial(url_for, "browse.track", track_id=track_id, _anchor="similar")
    return render_template(
        "track.html",
        track=row,
        name=row.name,
        report=report,
        answer=answer(report, translator()) if report else None,
        neighbours=neighbours,
        loading=LoadingError.sentence,
        query=query,
        filtered=bool(values),
        mood_links={feel: similar_address(**{**values, "feel": feel}) for feel in (None, *FEEL.choices)},
        audio=preview_url(row),
        file_missing=FileMissingError.sentence,
        **_filter_choices(),
    )


@browse.get("/<int:track_id>/audio")
def audio(track_id: int) -> Response:
    """The file of this track, if its bytes are audio."""
    path = find_track(track_id).path
    try:
        if path is None or not path.is_file():
            raise FileMissingError()
        kind = known_format(path)
    except (OSError, AudioError) as error:
        raise FileMissingError() from error
    if kind.reader is None:
        raise FileMissingError()
    return send_audio(path, format=kind.format, name=readable_path(path.name))


@browse.get("/<int:track_id>/radio")
def radio(track_id: int) -> tuple[str, int, dict[str, str]]:
    start = find_track(track_id)
    status, headers, facts = 200, {}, {"track": start, "name": start.name}
    try:
        facts["playlist"] = radio_tracks(start)
    except SoriError as error:  # the index is still loading, or there are not enough tracks with files
        facts["message"] = translator().explain(error)
        if isinstance(error, LoadingError):
            status, headers = error.status, {"Retry-After": str(error.retry_after)}
    return render_template("library_radio.html", **facts), status, headers


@browse.get("/<int:track_id>/radio.m3u8")
def playlist(track_id: int) -> Response:
    tracks = radio_tracks(find_track(track_id))
    return send_download(to_playlist(tracks, request.url_root), f"radio-{track_id}.m3u8")


def radio_tracks(start: Track) -> list[Neighbour]:
    """A playlist from this track on, each track the most similar in sound to the one before."""
    library = neighbourhood()
    from library.search.playlist import walk  # loads numpy

    return [
        Neighbour(str(track.id), track.name, track.artist, track.genre, 0.0, preview_url(track))
        for track in walk(library, start, RADIO_TRACKS)
    ]


def read_query(parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """The query of a page. Empty form fields count as missing; unknown parameters (`utm_source`) are ignored."""
    return {parameter.name: parameter.read(request.args.get(parameter.name) or None) for parameter in parameters}


def shown_path(path: Path) -> str:
    """The path from its library folder on; outside of these, whole only for users who may change the library."""
    for folder in service().environment.folders:
        if path.is_relative_to(folder):
            return readable_path(path.relative_to(folder.parent))
    return readable_path(path if may_change_library() else path.name)


def _reason(failure: Failure) -> str:
    facts = dict(failure.facts)
    if "path" in facts:
        facts["path"] = shown_path(failure.path)
    return translator().translate_error(failure.sentence, facts)


def _count(count: int) -> str:
    return str(format_decimal(min(count, MOST_COUNTED))) + ("+" if count > MOST_COUNTED else "")


def _filter_choices() -> dict[str, Any]:
    """The options of the filters: each value with its name."""
    genres = [(genre, label_name(genre)) for genre in genre_names(service().catalogue)]
    return {
        "genres": sorted(genres, key=itemgetter(1)),
        "moods": [(mood, label_name(mood)) for mood in mood_names(service().catalogue)],
        "keys": [(f"{tonic} {mode}", key_name(tonic, mode)) for tonic, mode in KEYS],
    }


def _url_values(query: Mapping[str, Any]) -> dict[str, Any]:
    """The query for an address: without defaults and without the position in the list."""
    return {
        name: "true" if value is True else value
        for name, value in query.items()
        if value not in (None, False) and name != "after" and (name, value) != ("sort", "title")
    }


def _sort_address(query: Mapping[str, Any], name: str) -> str:
    """The address of the same list in the order of this column, reversed if that is its order already."""
    order = f"-{name}" if query["sort"] == name else name
    return url_for("browse.library", **{**_url_values(query), "sort": order})
