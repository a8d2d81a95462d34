"""The API of the library: tracks, similar tracks and genres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify

from library.catalogue.listing import MOST_COUNTED, count_genres, read_page
from library.catalogue.tables import Track, TrackReport
from ml.report.schema import Neighbour, Report
from ml.report.sentences import display_name
from web.access.errors import MissingError, WebError
from web.access.language import translator
from web.api.openapi import LARGEST, Parameter, operation
from web.api.queries import FEEL, FILTERS, SEARCH, decode_cursor, encode_cursor, filter_of, list_query_of
from web.api.schemas import GENRES, NEIGHBOURS, TRACK_PAGE, page_address, preview_url, ref, track_facts
from web.context import service

if TYPE_CHECKING:
    from library.search.neighbours import Library

api = Blueprint("library_api", __name__, url_prefix="/api/v1")

LIMIT = Parameter("limit", "Number of tracks per page.", int, minimum=1, maximum=200, default=50)
BY = Parameter("by", "What to compare.", choices=("harmony", "sound"), default="harmony")
COUNT = Parameter("k", "Number of neighbours.", int, minimum=1, maximum=50, default=3)
MAX_WAIT_SECONDS = 0.5
"""How long a request waits for the first loading of the vectors. A small library is loaded by then."""


class LoadingError(WebError):
    code = "still_reading"
    status = 503
    retry_after = 2
    sentence = "The library is still loading. Similar songs will be available in a moment."


@api.get("/tracks")
@operation(
    "List the tracks of the library",
    "To read all pages, request the address in `next` until it is null. `count` stops at 1000; `counted_all` is false "
    "when there are more.",
    query=(*SEARCH, LIMIT),
    answer=TRACK_PAGE,
    cached=True,
)
def tracks(query: Mapping[str, Any]) -> Response:
    page = read_page(service().catalogue, list_query_of(query), query["limit"], decode_cursor(query))
    next_page = None
    if page.following is not None:
        next_page = page_address("library_api.tracks", query, encode_cursor(query["sort"], page.following))
    return jsonify(
        tracks=[track_facts(track) for track in page.tracks],
        count=min(page.count, MOST_COUNTED),
        counted_all=page.count <= MOST_COUNTED,
        next=next_page,
    )


@api.get("/tracks/<int:track_id>")
@operation("One track with its report", answer=ref("WholeTrack"), cached=True)
def track(track_id: int) -> Response:
    row = find_track(track_id)
    return jsonify({**track_facts(row), "report": stored_report(row)})


@api.get("/tracks/<int:track_id>/neighbours")
@operation(
    "The most similar tracks",
    "Compares harmony, in any key, or sound. `why` says what the two tracks have in common.",
    query=(BY, COUNT, FEEL, *FILTERS),
    answer=NEIGHBOURS,
    errors=(LoadingError,),
    cached=True,
)
def neighbours(track_id: int, query: Mapping[str, Any]) -> Response:
    row, by = find_track(track_id), query["by"]
    nearest = similar(row, read_report(row), [by], query["k"], query)[by]
    return jsonify(by=by, neighbours=[asdict(neighbour) for neighbour in nearest])


@api.get("/genres")
@operation(
    "The genres of the library",
    "Each with its name in the requested language and its number of tracks.",
    answer=GENRES,
    cached=True,
)
def genres() -> Response:
    counts = sorted(count_genres(service().catalogue).items())
    name = translator().translate
    return jsonify(
        genres=[{"label": label, "name": display_name(name(label)), "tracks": count} for label, count in counts]
    )


def neighbourhood() -> Library:
    """The library as last loaded; raises `LoadingError` if it has not been loaded yet."""
    library = service().library.newest(MAX_WAIT_SECONDS)
    if library is None:
        raise LoadingError()
    return library


def find_track(track_id: int) -> Track:
    """An analysed track; a file that could not be analysed is in the failure log only."""
    with service().catalogue.session() as session:
        track = session.get(Track, track_id) if track_id <= LARGEST else None
    if track is None or not track.is_listed:
        raise MissingError()
    return track


def stored_report(track: Track) -> dict[str, Any] | None:
    with service().catalogue.session() as session:
        stored = session.get(TrackReport, track.id)
    return stored.report if stored else None


def read_report(track: Track) -> Report | None:
    stored = stored_report(track)
    return Report.from_dict(stored) if stored else None


def similar(
    track: Track, report: Report | None, kinds: Sequence[str], count: int, query: Mapping[str, Any]
) -> dict[str, list[Neighbour]]:
    """The neighbours of a track by each kind, with their preview addresses."""
    library = neighbourhood()
    song = library.song_of(track, report)
    if song is None or not len(library):
        return {by: [] for by in kinds}
    only = filter_of(query)
    return {
        by: [
            replace(match.neighbour(), preview_url=preview_url(match.track))
            for match in library.nearest(song, by, count, only=only, feel=query["feel"])
        ]
        for by in kinds
    }
