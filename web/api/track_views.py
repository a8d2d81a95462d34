"""JSON for programs, the library's part: its tracks, what is like them, its genres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, Flask, Response, jsonify

from library.catalogue.listing import MOST_COUNTED, count_genres, read_page
from library.catalogue.tables import Track, TrackReport
from ml.report.schema import Neighbour, Report
from web.access.errors import MissingError
from web.access.language import translator
from web.api.openapi import LARGEST, Parameter, operation
from web.api.previews import track_audio
from web.api.queries import FEEL, FILTERS, SEARCH, decode_cursor, encode_cursor, filter_of, list_query_of
from web.api.schemas import (
    GENRES,
    NEIGHBOURS,
    TRACK_PAGE,
    has_sound,
    neighbour_facts,
    page_address,
    ref,
    track_facts,
)
from web.api.similar import StillReadingError, neighbourhood
from web.context import service

api = Blueprint("library_api", __name__, url_prefix="/api/v1")

LIMIT = Parameter("limit", "How many tracks a page has.", int, least=1, most=200, default=50)
BY = Parameter("by", "What they are alike in.", choices=("harmony", "sound"), default="harmony")
COUNT = Parameter("k", "How many neighbours.", int, least=1, most=50, default=3)


def install(app: Flask) -> None:
    app.register_blueprint(api)


@api.get("/tracks")
@operation(
    "List tracks of the library",
    "Leaf through the pages by asking for the address in `next` until it is null. `count` goes no further than 1000; "
    "`counted_all` says whether there are more.",
    query=(*SEARCH, LIMIT),
    answer=TRACK_PAGE,
    cached=True,
)
def tracks(asked: Mapping[str, Any]) -> Response:
    page = read_page(service().catalogue, list_query_of(asked), asked["limit"], decode_cursor(asked))
    following = None
    if page.following is not None:
        following = page_address("library_api.tracks", asked, encode_cursor(asked["sort"], page.following))
    return jsonify(
        tracks=[track_facts(track) for track in page.tracks],
        count=min(page.count, MOST_COUNTED),
        counted_all=page.count <= MOST_COUNTED,
        next=following,
    )


@api.get("/tracks/<int:track_id>")
@operation("One track with its report", answer=ref("WholeTrack"), cached=True)
def track(track_id: int) -> Response:
    found = find_track(track_id)
    return jsonify({**track_facts(found), "report": stored_report(found)})


@api.get("/tracks/<int:track_id>/neighbours")
@operation(
    "The most similar tracks",
    "By chords, in whatever key, or by how it sounds. `why` says what the two have in common.",
    query=(BY, COUNT, FEEL, *FILTERS),
    answer=NEIGHBOURS,
    errors=(StillReadingError,),
    cached=True,
)
def neighbours(track_id: int, asked: Mapping[str, Any]) -> Response:
    track = find_track(track_id)
    found = similar(track, read_report(track), [asked["by"]], asked["k"], asked)[asked["by"]]
    return jsonify(by=asked["by"], neighbours=[neighbour_facts(one) for one in found])


@api.get("/genres")
@operation(
    "The genres of the library",
    "Each with its name in the language that is asked for, and how many tracks it has.",
    answer=GENRES,
    cached=True,
)
def genres() -> Response:
    counted = sorted(count_genres(service().catalogue).items())
    said = translator().translate
    return jsonify(
        genres=[{"label": label, "name": said(label), "tracks": count} for label, count in counted]
    )


def find_track(track_id: int) -> Track:
    """A track that was analysed; a failure has no page of its own."""
    with service().catalogue.session() as session:
        found = session.get(Track, track_id) if track_id <= LARGEST else None
    if found is None or not found.is_listed:
        raise MissingError()
    return found


def stored_report(track: Track) -> dict[str, Any] | None:
    with service().catalogue.session() as session:
        stored = session.get(TrackReport, track.id)
    return stored.report if stored else None


def read_report(track: Track) -> Report | None:
    stored = stored_report(track)
    return Report.from_dict(stored) if stored else None


def similar(
    track: Track, report: Report | None, kinds: Sequence[str], count: int, asked: Mapping[str, Any]
) -> dict[str, list[Neighbour]]:
    """The neighbours of a track by each kind, with an address to play each from where that is possible."""
    library = neighbourhood()
    song = library.song_of(track, report)
    if song is None or not len(library):
        return {by: [] for by in kinds}
    only = filter_of(asked)
    return {
        by: [
            replace(one.neighbour(), preview_url=track_audio(one.track.id) if has_sound(one.track) else None)
            for one in library.nearest(song, by, count, only=only, feel=asked["feel"])
        ]
        for by in kinds
    }
